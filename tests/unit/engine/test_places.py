"""Endpoints and prefixes as the border's bytes."""

from ipaddress import ip_network

import pytest

from warren.engine.places import parse_place, show_endpoint, show_prefix
from warren.model.addresses import RelayHop, parse_endpoint


@pytest.mark.parametrize("text", ["192.0.2.7:51820", "[2001:db8::7]:1", "0.0.0.1:65535"])
def test_an_endpoint_survives_the_way_there_and_back(text: str) -> None:
    endpoint = parse_endpoint(text)
    assert parse_place(show_endpoint(endpoint)) == endpoint


def test_the_scope_of_a_link_local_address_stays_on_this_machine() -> None:
    link_local = parse_endpoint("[fe80::1]:7")
    assert parse_place(show_endpoint(link_local) + bytes([0, 0, 0, 3])) == link_local


def test_nothing_is_nowhere_and_twelve_bytes_are_a_relay() -> None:
    assert parse_place(b"") is None
    assert parse_place((5).to_bytes(8, "big") + (7).to_bytes(4, "big")) == RelayHop(relay=5, channel=7)


def test_a_length_that_the_engine_never_gives_is_refused() -> None:
    with pytest.raises(ValueError, match="5 bytes"):
        parse_place(b"12345")


def test_a_prefix_is_its_address_and_its_length() -> None:
    assert show_prefix(ip_network("10.1.0.0/16")) == bytes([10, 1, 0, 0, 16])
    assert show_prefix(ip_network("fd00::/64")) == bytes([0xFD, *bytes(15), 64])
