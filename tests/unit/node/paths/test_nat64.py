"""Prefixes of translators (RFC 7050) and addresses made with them (the table of RFC 6052, 2.4)."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest

from warren.model.addresses import Endpoint
from warren.node.paths.candidates import peer_endpoints
from warren.node.paths.nat64 import prefixes_of, through

FOUR = IPv4Address("192.0.2.33")
TABLE = [
    ("2001:db8::/32", "2001:db8:c000:221::"),
    ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
    ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
    ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
]


@pytest.mark.parametrize(("prefix", "made"), TABLE)
def test_an_address_stands_where_the_standard_says(prefix: str, made: str) -> None:
    assert through(IPv6Network(prefix), FOUR) == IPv6Address(made)


@pytest.mark.parametrize("prefix", [prefix for prefix, _ in TABLE])
@pytest.mark.parametrize("known", ["192.0.0.170", "192.0.0.171"])
def test_the_prefix_is_found_in_the_resolvers_answer(prefix: str, known: str) -> None:
    answer = through(IPv6Network(prefix), IPv4Address(known))
    assert prefixes_of([answer, answer]) == (IPv6Network(prefix),)


def test_a_resolver_without_a_translator_shows_none() -> None:
    assert prefixes_of([]) == ()
    assert prefixes_of([IPv6Address("2001:db8::1")]) == ()


def test_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="/95"):
        through(IPv6Network("64:ff9b::/95"), FOUR)


def test_public_endpoints_of_a_peer_are_tried_through_the_translator_and_private_ones_are_not() -> None:
    public, private = Endpoint(IPv4Address("203.0.113.7"), 5), Endpoint(IPv4Address("192.168.1.5"), 5)
    found = peer_endpoints([private, public], (), (IPv6Network("64:ff9b::/96"),))
    assert found == (private, public, Endpoint(IPv6Address("64:ff9b::203.0.113.7"), 5))
