"""Where a machine is attached: links that carry, the preferred way out, and what a change is called."""

import dataclasses
from ipaddress import ip_address, ip_interface, ip_network

from warren.node.host.facts import HostAddress, HostFacts, HostLink, HostRoute
from warren.node.paths.interfaces import Surroundings, Uplink, differences, has_moved, survey

ANY4, ANY6 = ip_network("0.0.0.0/0"), ip_network("::/0")
FACTS = HostFacts(
    (
        HostLink("lo", 1, 65536, up=True),
        HostLink("eth0", 2, 1500, up=True),
        HostLink("wlan0", 3, 1500, up=True),
        HostLink("warren0", 4, 1400, up=True),
    ),
    (
        HostAddress("eth0", ip_interface("192.168.1.7/24")),
        HostAddress("eth0", ip_interface("10.9.9.9/8")),
        HostAddress("eth0", ip_interface("fd00::7/64")),
        HostAddress("eth0", ip_interface("2001:db8::7/64")),
        HostAddress("wlan0", ip_interface("192.168.2.7/24")),
        HostAddress("warren0", ip_interface("100.96.0.2/32")),
    ),
    (
        HostRoute(ANY4, link="wlan0", gateway=ip_address("192.168.2.1"), metric=600),
        HostRoute(ANY4, link="eth0", gateway=ip_address("192.168.1.1"), metric=100),
        HostRoute(ANY4, link="warren0", metric=1),
        HostRoute(ANY4, link="wlan0", gateway=ip_address("192.168.2.1"), metric=0, table=52),
        HostRoute(ANY6, link="eth0", gateway=ip_address("fe80::1"), metric=1024),
    ),
)
HERE = survey(FACTS, {"warren0"})


def without(facts: HostFacts, link: str) -> HostFacts:
    """The cable of a link is out: the kernel keeps addresses and routes for a while."""
    links = tuple(dataclasses.replace(one, carrier=one.name != link) for one in facts.links)
    return dataclasses.replace(facts, links=links)


def test_the_way_out_is_what_the_kernel_prefers_and_no_tunnel_of_ours() -> None:
    assert HERE.uplink4 == Uplink("eth0", 2, ip_address("192.168.1.1"), ip_address("192.168.1.7"))
    assert ip_address("100.96.0.2") not in HERE.addresses


def test_a_pinhole_leads_to_an_address_that_others_can_reach() -> None:
    assert HERE.uplink6 == Uplink("eth0", 2, ip_address("fe80::1"), ip_address("2001:db8::7"))


def test_a_link_without_carrier_is_no_way_out_and_its_addresses_do_not_count() -> None:
    after = survey(without(FACTS, "eth0"), {"warren0"})
    assert after.addresses == (ip_address("192.168.2.7"),)
    assert after.uplink4 is not None
    assert after.uplink4.link == "wlan0"
    assert after.uplink6 is None
    assert has_moved(HERE, after)
    words = differences(HERE, after)
    assert "IPv4 goes out by wlan0 via 192.168.2.1" in words
    assert "address 192.168.1.7 went" in words
    assert "IPv6 has no way out" in words


def test_nothing_changed_is_no_difference_and_a_first_way_out_is_no_move() -> None:
    assert differences(HERE, survey(FACTS, {"warren0"})) == ()
    assert not has_moved(Surroundings(), HERE)
