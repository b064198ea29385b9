"""Endpoints have one spelling and an order; a member's IPv6 address follows from who it is."""

import hashlib
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest

from warren.errors import Code, WarrenError
from warren.model.addresses import Endpoint, member_ipv6, parse_endpoint, parse_listen, parse_port
from warren.model.ids import Identity, NetworkId


@pytest.mark.parametrize("text", ["192.0.2.1:51820", "[2001:db8::1]:1", "0.0.0.0:65535", "[::]:1"])
def test_an_endpoint_is_read_as_it_is_shown(text: str) -> None:
    assert str(parse_endpoint(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "192.0.2.1", "192.0.2.1:", ":1", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:1 ",
        "2001:db8::1", "2001:db8::1:80", "[192.0.2.1]:1", "[2001:db8::1]", "host:1", "[fe80::1%eth0]:1", "192.0.2.01:1",
        "192.0.2.1:१", "192.0.2.1:" + "1" * 5000, "[" * 70 + ":1",
    ],
)  # fmt: skip
def test_another_text_is_no_endpoint(text: str) -> None:
    with pytest.raises(WarrenError) as refusal:
        parse_endpoint(text)
    assert refusal.value.code is Code.INVALID_ARGUMENT


def test_a_mapped_address_is_the_ipv4_address() -> None:
    mapped = Endpoint(IPv6Address("::ffff:192.0.2.1"), 5)
    assert mapped == Endpoint(IPv4Address("192.0.2.1"), 5)
    assert hash(mapped) == hash(Endpoint(IPv4Address("192.0.2.1"), 5))
    assert str(parse_endpoint("[2001:db8::1]:5")) == "[2001:db8::1]:5"


def test_endpoints_sort_by_version_address_and_port() -> None:
    rising = [parse_endpoint(text) for text in ("9.0.0.1:9", "10.0.0.1:1", "10.0.0.1:2", "[::1]:7", "[2001:db8::]:1")]
    falling = rising[::-1]
    assert sorted(falling) == rising
    assert rising[0] <= rising[1]
    assert rising[4] > rising[3]


def test_an_endpoint_has_a_port_and_no_scope() -> None:
    for port in (-1, 65536):
        with pytest.raises(ValueError, match="port"):
            Endpoint(IPv4Address("192.0.2.1"), port)
    with pytest.raises(ValueError, match="scope"):
        Endpoint(IPv6Address("fe80::1%eth0"), 1)


def test_a_members_ipv6_address_is_the_prefix_and_a_hash_of_who_and_where() -> None:
    network, identity = NetworkId(bytes(32)), Identity(bytes([1] * 32))
    prefix = IPv6Network("fd00:1:2:3::/64")
    address = member_ipv6(network, identity, prefix)
    expected = hashlib.sha256(b"warren/ipv6/v1" + bytes(32) + bytes([1] * 32)).digest()[:8]
    assert address.packed == prefix.network_address.packed[:8] + expected
    assert member_ipv6(NetworkId(bytes([2] * 32)), identity, prefix) != address
    with pytest.raises(ValueError, match="/64"):
        member_ipv6(network, identity, IPv6Network("fd00::/48"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (":3478", ("", 3478)),
        ("[::1]:0", ("::1", 0)),
        ("192.0.2.1:443", ("192.0.2.1", 443)),
        ("localhost:7", ("127.0.0.1", 7)),
        ("example.org:7", None),
        ("3478", None),
        (":65536", None),
    ],
)
def test_where_to_listen_is_an_address_and_a_port(text: str, place: tuple[str, int] | None) -> None:
    assert parse_listen(text) == place


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("0", 0),
        ("65535", 65535),
        ("65536", None),
        ("", None),
        ("-1", None),
        ("1x", None),
        ("٣", None),
        ("9" * 5000, None),
    ],
)
def test_a_port_has_at_most_five_digits(text: str, port: int | None) -> None:
    assert parse_port(text) == port
