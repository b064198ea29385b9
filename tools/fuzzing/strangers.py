"""What strangers and servers say in single words, before anybody knows them: the secret of a token, the secret in a
cookie of a sign-on, ids in hex, the names and addresses of relays.
"""

import base64
from ipaddress import ip_address

from tools.fuzzing.parser import Parser, require
from warren.node.paths import relays
from warren.server.accounts import service as accounts
from warren.server.devices import routes as devices
from warren.server.invitations import pages
from warren.server.providers import service as providers


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def check_bearer(data: bytes) -> bool:
    """The secret of a token is read as what it spells, or as none; a good one by one spelling of it."""
    return _is_read(accounts._from_text(_text(data)), data)  # noqa: SLF001 - the reader itself


def check_cookie(data: bytes) -> bool:
    """The same of the cookie that a sign-on with a provider began with."""
    return _is_read(providers._bytes(_text(data)), data)  # noqa: SLF001 - the reader itself


def _is_read(found: bytes, data: bytes) -> bool:
    require(len(found) <= len(data), "more than was said")
    again = base64.urlsafe_b64encode(found).rstrip(b"=")
    require(not found or len(again) <= len(data), "it spells less than was read")
    return bool(found)


def check_hex(data: bytes) -> bool:
    """Ids in a path and in a form: what they spell, or nothing."""
    text = _text(data)
    found = pages._network_id(text)  # noqa: SLF001 - the reader itself
    require(found == devices._read_hex(text), "two readers of hex")  # noqa: SLF001 - the reader itself
    require(not found or found.hex() == "".join(text.split()).lower(), "it reads back differently")
    return bool(found)


def check_relay_name(data: bytes) -> bool:
    """Where a server says that relays are: a host out of a URL, an endpoint out of `HOST:PORT` where it is a number."""
    text = _text(data)
    host = relays._host(text)  # noqa: SLF001 - the reader itself
    require(host in text and "/" not in host, "a host of its own")
    found = relays._literal(text)  # noqa: SLF001 - the reader itself
    require(found is None or ip_address(str(found.address)) == found.address, "an address that is none")
    return found is not None or bool(host)


_SECRET = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=")

PARSERS = (
    Parser("bearer", (_SECRET, _SECRET[:3], b"-_-_"), check_bearer, (b"=", b"\xff", b"+", b"/", b".", b"\n")),
    Parser("sign_on_cookie", (_SECRET, b"AA"), check_cookie, (b"=", b"\xff", b"+", b"/", b"\n")),
    Parser("hex_id", (b"ab" * 32, b"AB" * 16, b"00"), check_hex, (b" ", b"\xff", b"0x", "\u0661".encode())),
    Parser(
        "relay_name",
        (b"wss://relay.example:443/relay", b"https://[2001:db8::1]:443/", b"192.0.2.1:3478", b"[2001:db8::1]:3478"),
        check_relay_name,
        (b"@", b"[", b"]", b"%eth0", b":", b"//", b"\xff", b":65536", b":-1"),
    ),
)
