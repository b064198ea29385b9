"""What is asked of the kernel is what its answer would be read as; what the kernel adds of its own is left out."""

import struct
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.node.host.facts import HostAddress, HostItem, HostLink, HostRoute
from warren.node.host.linux import messages
from warren.node.host.linux.netlink import attribute, attributes, split

NAMES = {1: "lo", 2: "eth0", 7: "warren0"}


def parse(item: HostItem, index: int) -> list[HostItem]:
    body = messages.host_item(item, index)
    if isinstance(item, HostAddress):
        return list(messages.parse_addresses([body], NAMES))
    return list(messages.parse_routes([body], NAMES))


@pytest.mark.parametrize(
    ("item", "index"),
    [
        (HostAddress("warren0", ip_interface("100.96.0.2/32")), 7),
        (HostAddress("warren0", ip_interface("fd77:7272:656e::2/128")), 7),
        (HostRoute(ip_network("100.96.0.0/16"), "blackhole", metric=4278198272), 0),
        (HostRoute(ip_network("fd77:7272:656e::/64"), "blackhole", metric=4278198272), 0),
        (HostRoute(ip_network("100.96.0.0/16"), link="warren0", metric=1, source=ip_address("100.96.0.2")), 7),
        (HostRoute(ip_network("fd77::/64"), link="warren0", metric=1, source=ip_address("fd77::2")), 7),
        (HostRoute(ip_network("100.96.0.3/32"), link="warren0", metric=1, mtu=1200), 7),
        (HostRoute(ip_network("0.0.0.0/0"), link="eth0", gateway=ip_address("192.168.1.1"), table=100_000), 2),
    ],
    ids=str,
)
def test_a_change_says_what_its_answer_would_be_read_as(item: HostItem, index: int) -> None:
    assert parse(item, index) == [item]


@given(
    network=st.ip_addresses().map(ip_network),
    metric=st.integers(0, 2**32 - 1),
    table=st.integers(1, 2**32 - 1).filter(lambda table: table != 255),
    kind=st.sampled_from(["unicast", "blackhole", "unreachable", "prohibit", "throw"]),
)
def test_any_route_survives_the_way_to_the_kernel_and_back(network: object, metric: int, table: int, kind: str) -> None:
    link = "warren0" if kind == "unicast" else ""
    item = HostRoute(network, kind, link=link, metric=metric, table=table)  # type: ignore[arg-type] # drawn
    left_out = item.prefix.is_link_local or item.prefix.is_multicast
    assert parse(item, 7 if link else 0) == ([] if left_out else [item])


def test_the_kernels_local_table_and_its_cache_are_no_facts() -> None:
    local = HostRoute(ip_network("192.168.1.4/32"), link="eth0", table=255)
    cached = bytearray(messages.host_item(HostRoute(ip_network("192.0.2.1/32"), link="eth0"), 2))
    cached[8:12] = struct.pack("=I", 0x200)  # RTM_F_CLONED
    assert list(messages.parse_routes([messages.host_item(local, 2), bytes(cached)], NAMES)) == []


def test_link_local_addresses_are_no_facts() -> None:
    bodies = [
        messages.host_item(HostAddress("eth0", ip_interface("fe80::1/64")), 2),
        messages.host_item(HostAddress("eth0", ip_interface("2001:db8::1/64")), 2),
    ]
    found = list(messages.parse_addresses(bodies, NAMES))
    assert found == [HostAddress("eth0", ip_interface("2001:db8::1/64"))]


def test_a_point_to_point_link_has_its_own_address_not_the_other_ends() -> None:
    head = struct.pack("=BBBBI", messages.AF_INET, 32, 0, 0, 2)
    body = head + attribute(1, IPv4Address("10.0.0.9").packed) + attribute(2, IPv4Address("10.0.0.4").packed)
    assert list(messages.parse_addresses([body], NAMES)) == [HostAddress("eth0", ip_interface("10.0.0.4/32"))]


def test_of_a_multipath_route_the_first_way_counts() -> None:
    gateways = [attribute(5, IPv4Address(f"192.168.1.{number}").packed) for number in (1, 2)]
    ways = b"".join(struct.pack("=HBBi", 8 + len(gateway), 0, 0, 2) + gateway for gateway in gateways)
    body = messages.host_item(HostRoute(ip_network("198.51.100.0/24"), metric=5), 0) + attribute(9, ways)
    (route,) = messages.parse_routes([body], NAMES)
    assert (route.link, route.gateway) == ("eth0", IPv4Address("192.168.1.1"))


def test_a_link_is_its_name_number_mtu_and_whether_it_is_up() -> None:
    body = struct.pack("=BxHiII", 0, 1, 7, 0x11043, 0) + attribute(3, b"warren0\0") + attribute(4, b"\x78\x05\0\0")
    assert messages.parse_link(body) == HostLink("warren0", 7, 1400, up=True, carrier=True)


def test_messages_cut_short_end_a_read_without_an_endless_loop() -> None:
    whole = struct.pack("=IHHII", 20, 16, 0, 1, 0) + b"body"
    assert [body for *_, body in split(whole + bytes(16))] == [b"body"]
    assert attributes(attribute(3, b"abc") + b"\0\0\0\0") == {3: b"abc"}
