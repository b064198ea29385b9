"""Server URLs as people type them."""

import pytest

from warren.errors import Code, WarrenError
from warren.node.control.place import parse_server


@pytest.mark.parametrize(
    ("text", "url", "websocket"),
    [
        ("https://vpn.example.org", "https://vpn.example.org", "wss://vpn.example.org/node/v1"),
        ("vpn.example.org", "https://vpn.example.org", "wss://vpn.example.org/node/v1"),
        (" HTTPS://VPN.example.org:443/ ", "https://vpn.example.org", "wss://vpn.example.org/node/v1"),
        ("http://192.0.2.1:8443", "http://192.0.2.1:8443", "ws://192.0.2.1:8443/node/v1"),
        ("http://[2001:db8::1]:80", "http://[2001:db8::1]", "ws://[2001:db8::1]/node/v1"),
        ("vpn.example.org:8443", "https://vpn.example.org:8443", "wss://vpn.example.org:8443/node/v1"),
    ],
)
def test_a_url_has_one_spelling_and_leads_to_the_session(text: str, url: str, websocket: str) -> None:
    place = parse_server(text)
    assert (place.url, place.websocket_url) == (url, websocket)
    assert parse_server(place.url) == place


@pytest.mark.parametrize(
    "text",
    ["", "ftp://x", "https://", "https://u:p@x", "https://x/path", "https://x?q=1", "https://x:0", "https://x:99999",
     "https://x y", "https://\u202ex", "x" * 400],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(WarrenError) as refused:
        parse_server(text)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert refused.value.text.isprintable()


def test_loopback_is_this_machine_only() -> None:
    assert parse_server("http://127.0.0.1:1").is_loopback
    assert parse_server("http://localhost:1").is_loopback
    assert not parse_server("http://192.0.2.1:1").is_loopback
