"""A phone in an IPv6-only network reaches a machine behind a home's IPv4 directly, by the network's NAT64."""

import pytest
from tests.netlab import nat, nat64, site
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.recording import Recording
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

DIRECT_S = 30.0
NO_UDP6 = """
table inet no_udp6 {
  chain forward { type filter hook forward priority -10; meta nfproto ipv6 meta l4proto udp drop; }
}
"""


def test_a_phone_without_ipv4_reaches_a_home_directly_through_its_translator(lab: Lab) -> None:
    outside = site.internet(lab)
    server = Server(lab.host("server", outside), lab.folder, family=6)
    server.flags = Recording.flags(lab, Recording(lab, outside, "honest", 4))  # who answers STUN over IPv4
    server.start()
    mobile_lan = lab.switch("mobile", v6=f"{site.HOMES_V6}:aa::/64")
    mobile = lab.router("mobile", wan=outside, lan=mobile_lan, nat=nat.home)
    phone_host = lab.host("phone", mobile_lan)
    nat64.serve(mobile)
    nat64.only_v6(phone_host, mobile)
    home = site.build(lab, "home", "full cone", outside)
    home.router.put(NO_UDP6)  # or IPv6 itself would be the direct path
    phone, desk = Machine(phone_host, lab.folder), Machine(lab.host("desk", home.lan), lab.folder)
    key = server.key("--reusable")
    desk.up(server, key)
    phone.up(server, key)
    until(lambda: phone.path_to("desk").kind == desk.path_to("phone").kind == "direct", "both send directly", DIRECT_S)
    # once direct it may still move from one direct place to another: each of these is waited for by itself
    until(lambda: (phone.path_to("desk").endpoint or "").startswith("[64:ff9b::"), "the phone sends by its translator")
    until(lambda: (desk.path_to("phone").endpoint or "").startswith(str(mobile.outside)), "and is answered there")
    assert "pong from desk" in phone.run("ping", "desk", "-c", "1").stdout
