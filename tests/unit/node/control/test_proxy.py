"""The proxy: what is one, who is exempt, and that its password is not shown."""

import pytest

from warren.errors import Code, WarrenError
from warren.node.control import connection
from warren.node.control.place import parse_server
from warren.node.control.proxy import DIRECT, parse_proxy

PROXY = "http://me:secret@proxy.example.org:3128"


def test_a_server_is_reached_through_it_unless_it_is_exempt() -> None:
    proxy = parse_proxy(PROXY, "corp.example, .lab.example,192.0.2.7")
    assert parse_server("https://vpn.example.org").through(proxy).proxy == PROXY
    for exempt in ("https://corp.example", "https://git.corp.example", "http://a.lab.example", "http://192.0.2.7:8443"):
        assert parse_server(exempt).through(proxy).proxy == "", exempt
    assert parse_server("https://notcorp.example").through(proxy).proxy == PROXY


@pytest.mark.parametrize("here", ["127.0.0.1", "::1", "localhost", "a.localhost"])
def test_this_machine_is_always_exempt(here: str) -> None:
    assert parse_proxy(PROXY).of(here) == ""


def test_no_proxy_for_all_means_no_proxy() -> None:
    assert parse_proxy(PROXY, "*").of("vpn.example.org") == ""


@pytest.mark.parametrize("text", ["", "none"])
def test_none_is_a_proxy_too(text: str) -> None:
    assert parse_proxy(text) == DIRECT
    assert parse_proxy(text).shown == "none"


def test_the_password_is_not_for_people() -> None:
    assert parse_proxy(PROXY).shown == "http://proxy.example.org:3128"


def test_the_spelling_has_a_port() -> None:
    assert parse_proxy("http://Proxy.Example.org/").url == "http://proxy.example.org:80"
    assert parse_proxy("http://[2001:db8::1]:3128").url == "http://[2001:db8::1]:3128"


@pytest.mark.parametrize(
    "text",
    [
        "proxy:3128",
        "https://p:1",
        "socks5://p:1080",
        "http://",
        "http://p:0",
        "http://p:99999",
        "http://p/x",
        "http://p q",
    ],
)
def test_what_is_no_http_proxy_is_refused(text: str) -> None:
    with pytest.raises(WarrenError) as refused:
        parse_proxy(text)
    assert refused.value.code is Code.INVALID_CONFIG


async def test_who_fails_behind_a_proxy_names_it_without_its_password() -> None:
    place = parse_server("http://192.0.2.1:8443").through(parse_proxy("http://me:secret@127.0.0.1:1"))
    with pytest.raises(connection.UnreachableError) as caught:
        await connection._reaching(place, lambda: connection._connect(place, None))
    assert "through the proxy http://127.0.0.1:1:" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.fix, "what to do next"
