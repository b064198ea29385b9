"""How nodes reach the server's own relay: by what is announced, listened on, or the URL's host."""

from warren.model.relays import relay_number
from warren.server.relays.own import describe_own

KEY = bytes([7]) * 32
BOTH = ("0.0.0.0:3478", "[::]:3478")


def udp(listening: tuple[str, ...], host: str, *announced: str) -> tuple[str, ...]:
    place = describe_own(KEY, listening, host=host, url="https://x.example", announced=announced)
    assert (place.number, place.key, place.url) == (relay_number(KEY), KEY, "https://x.example")
    return place.udp


def test_a_name_stands_for_both_families() -> None:
    assert udp(BOTH, "vpn.example.org") == ("vpn.example.org:3478",)


def test_an_address_is_reached_by_its_own_family() -> None:
    assert udp(BOTH, "192.0.2.1") == ("192.0.2.1:3478",)
    assert udp(("0.0.0.0:3478", "[::]:4000"), "2001:db8::1") == ("[2001:db8::1]:4000",)
    assert udp(("0.0.0.0:3478",), "2001:db8::1") == (), "over the WebSocket then"


def test_a_socket_of_one_address_is_there() -> None:
    assert udp(("198.51.100.1:9",), "vpn.example.org") == ("198.51.100.1:9",)


def test_what_is_announced_is_told_and_nothing_else() -> None:
    assert udp(BOTH, "192.0.2.1", "203.0.113.1:1", "relay.example:2") == ("203.0.113.1:1", "relay.example:2")
