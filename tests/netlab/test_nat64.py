"""An IPv6-only network of the lab reaches IPv4 by its translator, and its hosts can learn the prefix."""

import sys
from ipaddress import IPv4Address

import pytest
from tests.netlab import nat, nat64
from tests.netlab.behaviour import HEARD_S, arrivals
from tests.netlab.handing import ANY
from tests.netlab.lab import Lab
from tests.netlab.translation import synthesized

pytestmark = pytest.mark.netlab

LOOK_UP = "import socket,sys; print([x[4][0] for x in socket.getaddrinfo(sys.argv[1], 1, socket.AF_INET6, 1)])"


def test_an_ipv6_only_host_reaches_ipv4_by_its_translator(lab: Lab) -> None:
    internet, lan = lab.switch("internet", v4="203.0.113.0/24", v6="2001:db8::/64"), lab.switch("mobile")
    router = lab.router("router", wan=internet, lan=lan, nat=nat.home)
    server, phone = lab.host("server", internet, offload=False), lab.host("phone", lan)
    nat64.serve(router, {"server.example": IPv4Address(server.ip)})
    nat64.only_v6(phone, router)
    assert "64:ff9b::c000:aa" in phone.run([sys.executable, "-c", LOOK_UP, "ipv4only.arpa"]).stdout
    assert str(synthesized(server.ip)) in phone.run([sys.executable, "-c", LOOK_UP, "server.example"]).stdout
    assert phone.run([sys.executable, "-c", LOOK_UP, "nobody.example"], check=False).returncode != 0

    inside, outside = phone.udp(("::", 6001))[0], server.udp(ANY)[0]
    inside.sendto(b"hello", (str(synthesized(server.ip)), outside.getsockname()[1]))
    sender = arrivals([outside], HEARD_S)[outside]
    assert sender[0] == str(router.outside)
    outside.sendto(b"an answer", sender)
    assert arrivals([inside], HEARD_S)[inside][0] == str(synthesized(server.ip))
    phone.run(["ping", "-6", "-c1", "-W15", str(synthesized(server.ip))])
    serve = (
        "import socket; s=socket.create_server(('',7000)); print('ready',flush=True)\n"
        "c,_=s.accept(); print(sum(iter(lambda: len(c.recv(65536)), 0)), flush=True)"
    )
    send = "import socket,sys; socket.create_connection((sys.argv[1],7000),30).sendall(bytes(1_000_000))"
    sink = server.start([sys.executable, "-c", serve])
    sink.wait_for("ready")
    phone.run([sys.executable, "-W", "ignore", "-c", send, str(synthesized(server.ip))])
    sink.wait_for("1000000")
