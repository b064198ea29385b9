"""The file of relays: what is one, and what is refused with which words."""

import pytest

from warren.errors import Code, WarrenError
from warren.model.relays import relay_number
from warren.server.relays.places import is_udp_place, parse_places

KEY = "ab" * 32
GOOD = f"""
[[relay]]
name = "fra"
key = "{KEY}"
udp = ["203.0.113.7:3478", "[2001:db8::7]:3478", "fra.example.org:3478"]
url = "https://fra.example.org/"

[[relay]]
name = "ams"
key = "{"cd" * 32}"
url = "http://192.0.2.1:8080"
"""


def test_a_file_is_read() -> None:
    fra, ams = parse_places(GOOD)
    assert (fra.name, fra.number, fra.url) == ("fra", relay_number(bytes.fromhex(KEY)), "https://fra.example.org")
    assert fra.udp == ("203.0.113.7:3478", "[2001:db8::7]:3478", "fra.example.org:3478")
    assert (ams.udp, ams.url) == ((), "http://192.0.2.1:8080")
    assert parse_places("") == ()


def test_numbers_follow_from_keys_and_fit_every_reader() -> None:
    numbers = {relay_number(bytes([n]) * 32) for n in range(256)}
    assert len(numbers) == 256
    assert all(0 < number < 2**63 for number in numbers)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("name", "nmae"), "did you mean 'name'?"),
        (('"fra"', '"ams"'), "same name"),
        (("cd" * 32, KEY), "same key"),
        ((KEY, "xyz"), "64 hex digits"),
        (("fra.example.org:3478", "fra.example.org"), "HOST:PORT"),
        (("[2001:db8::7]:3478", "2001:db8::7:3478"), "HOST:PORT"),
        (("http://192.0.2.1:8080", "ftp://192.0.2.1"), "'url'"),
        (('url = "http://192.0.2.1:8080"', ""), "neither"),
        (("[[relay]]\nname", "[relay]\nname"), "cannot be used"),
        (("[[relay]]\nname", "[[relays]]\nname"), "unknown key 'relays'"),
    ],
)
def test_what_is_wrong_is_said(change: tuple[str, str], words: str) -> None:
    with pytest.raises(WarrenError) as refused:
        parse_places(GOOD.replace(*change, 1))
    assert refused.value.code is Code.INVALID_CONFIG
    assert words in str(refused.value)


@pytest.mark.parametrize("text", ["a:1", "192.0.2.1:65535", "[::1]:3478", "a-b.example:3478"])
def test_udp_places(text: str) -> None:
    assert is_udp_place(text)


@pytest.mark.parametrize("text", ["a", "a:0", "a:65536", ":3478", "a b:1", "::1:3478", "[a:1", "a:-1", "a:1\n"])
def test_what_is_no_udp_place(text: str) -> None:
    assert not is_udp_place(text)
