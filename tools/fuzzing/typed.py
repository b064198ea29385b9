"""What people type and what networks between say: codes, names, links, flags, proxies, translators, portals."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from websockets.exceptions import InvalidProxyMessage, InvalidProxyStatus
from websockets.http11 import Response
from websockets.streams import StreamReader

from tools.fuzzing.parser import Parser, require
from warren.cli.invite import parse_invite
from warren.cli.units import parse_duration_s
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.model.offloads import parse_allowed as parse_offloads
from warren.model.prefixes import parse_prefix, parse_prefix6
from warren.node.control.proxy import parse_proxy
from warren.node.paths.nat64 import prefixes_of, through
from warren.protocol.rest.portal import is_portal
from warren.relay import service as relay
from warren.relay import settings as relay_settings
from warren.relay import turn
from warren.server.accounts.rules import parse_user_name
from warren.server.factors.rules import (
    RECOVERY_BYTES,
    TOTP_DIGITS,
    parse_demands,
    parse_recovery,
    parse_totp,
    show_recovery,
)
from warren.server.signon.rules import CODE_LETTERS, LETTERS, parse_code

T = TypeVar("T")
_NO_PROXY = "the proxy is no HTTP proxy's URL"
_WELL_KNOWN = (IPv4Address("192.0.0.170"), IPv4Address("192.0.0.171"))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _or_none(read: Callable[[str], T], text: str, *codes: Code) -> T | None:
    """What `read` makes of the text, or None where it refuses with one of these codes, in one printable line; without
    codes it refuses with ValueError."""
    try:
        return read(text)
    except WarrenError as error:
        require(error.code in codes, f"refused with {error.code}")
        require(error.text == printable(error.text), f"a refusal that a terminal obeys: {error.text!r}")
    except ValueError:
        require(not codes, "another refusal than WarrenError")
    return None


def check_codes(data: bytes) -> bool:
    """User codes, recovery codes, an app's codes: one spelling of each, or nothing."""
    text = _text(data)
    code, recovery, totp = parse_code(text), parse_recovery(text), parse_totp(text)
    require(not code or (parse_code(code) == code and set(code) <= {*LETTERS, "-"}), "no fixed point")
    require(not code or len(code) == CODE_LETTERS + 1, "a code of another length")
    require(not recovery or parse_recovery(show_recovery(recovery)) == recovery, "it reads back differently")
    require(not recovery or len(recovery) == RECOVERY_BYTES * 8 // 5, "a recovery code of another length")
    require(not totp or (len(totp) == TOTP_DIGITS and totp.isascii() and totp.isdigit()), "no code of an app")
    return bool(code or recovery or totp)


def check_user_name(data: bytes) -> bool:
    """A name to sign on with has one spelling."""
    name = _or_none(parse_user_name, _text(data), Code.INVALID_ARGUMENT)
    require(name is None or (name.isascii() and name.isprintable() and parse_user_name(name) == name), "no fixed point")
    return name is not None


def check_invite(data: bytes) -> bool:
    """A link has a server and a key, or is none."""
    found = _or_none(parse_invite, _text(data), Code.INVALID_KEY)
    require(found is None or found[1], "no key in it")
    return found is not None


def check_operator_words(data: bytes) -> bool:
    """Words of flags: each read as documented."""
    text = _text(data)
    readers: tuple[Callable[[str], object], ...] = (
        turn.parse_secret_place, turn.parse_ports, turn.parse_announced, turn.parse_allowed, relay.parse_limits,
        lambda words: parse_demands(words, 60),
    )  # fmt: skip
    taken = [_or_none(read, text) for read in readers]
    taken += [_or_none(read, text, Code.INVALID_CONFIG) for read in (relay.parse_signer, parse_offloads)]
    taken += [_or_none(read, text, Code.INVALID_ARGUMENT) for read in (parse_prefix, parse_prefix6)]
    duration_s = parse_duration_s(text)
    require(duration_s is None or duration_s >= 0, f"a duration of {duration_s}")
    ports = taken[1]
    require(not isinstance(ports, tuple) or 0 < ports[0] < ports[1] < 65536, f"ports {ports}")
    try:
        require("redacted" in repr(turn.parse_secret(data)), "a secret that prints")
    except ValueError as error:
        require(len(data) < 8 or text not in str(error), "a refusal repeats a secret")
    return any(one is not None for one in taken)


def check_relay_settings(data: bytes) -> bool:
    """A relay's settings file is complete, or refused with a sentence."""
    try:
        found = relay_settings.combine({"key": "k"}, {}, _text(data), "relay.toml")
    except WarrenError as error:
        require(error.code in {Code.INVALID_CONFIG, Code.INVALID_ARGUMENT}, f"refused with {error.code}")
        return False
    require(found.signers and all(len(relay.parse_signer(one)) == 32 for one in found.signers), "nobody is trusted")
    return True


def check_proxy(data: bytes) -> bool:
    """A proxy's URL has one spelling, and never shows its password."""
    first, _, exempt = data.partition(b"\n")
    text = _text(first)
    try:
        proxy = parse_proxy(text, _text(exempt))
    except WarrenError as error:
        require(error.code is Code.INVALID_CONFIG and error.text == _NO_PROXY, "a refusal repeats a password")
        return False
    require(parse_proxy(proxy.url).url == proxy.url, f"{proxy.url!r} reads back as {parse_proxy(proxy.url).url!r}")
    require("@" not in proxy.shown and "\n" not in proxy.url, f"it shows {proxy.shown!r}")
    require(not proxy.of("localhost") and not proxy.of("127.0.0.1"), "this machine is asked through a proxy")
    return bool(proxy.url)


def check_proxy_answer(data: bytes) -> bool:
    """What a CONNECT proxy says, as the session's library reads it: a response, or what it makes a refusal of.

    The same bytes before a relay's stream are read in Rust (`relay_upgrade`).
    """
    reader = StreamReader()
    parser = Response.parse(reader.read_line, reader.read_exact, reader.read_to_eof, proxy=True)
    try:
        for at in range(0, len(data) or 1, 64):
            reader.feed_data(data[at : at + 64])
            next(parser)
        reader.feed_eof()
        next(parser)
    except StopIteration as end:
        response = end.value
        shown = str(InvalidProxyStatus(response))
        require(0 <= response.status_code < 1000, f"a status of {response.status_code}")
        require(len(shown) < 200 and shown.isprintable(), f"an error that a terminal obeys: {shown!r}")
        return 200 <= int(response.status_code) < 300
    except Exception as error:  # noqa: BLE001 - the library catches the same and says this instead
        require(str(InvalidProxyMessage("no response")), str(error))
    return False


def check_nat64(data: bytes) -> bool:
    """AAAA records for `ipv4only.arpa`: prefixes that a translator may have, and that reach what found them."""
    answers = [IPv6Address(data[at : at + 16]) for at in range(0, len(data) - 15, 16)]
    found = prefixes_of(answers)
    require(len(found) <= len(answers) and len(set(found)) == len(found), "a prefix that nobody answered with")
    for prefix in found:
        require(any(answer in prefix for answer in answers), "a prefix out of nowhere")
        require(through(prefix, IPv4Address("192.0.2.1")) in prefix, "an address beside its translator")
        require(any(through(prefix, one) in answers for one in _WELL_KNOWN), "a prefix that nobody showed")
    return bool(found)


def check_portal(data: bytes) -> bool:
    """Whatever answers `/health`: a portal, or none."""
    head, _, body = data.partition(b"\n")
    words = _text(head).split(" ")
    status = int(words[0]) if len(words[0]) == 3 and words[0].isascii() and words[0].isdigit() else 200
    location, kind = (words[1] if len(words) > 1 else ""), (words[2] if len(words) > 2 else "")
    verdict = is_portal("vpn.example.org", status, location, kind, body)
    require(isinstance(verdict, bool) and (status != 511 or verdict), "no answer")
    return verdict


_RELAY = b'trust = "' + b"ab" * 32 + b'"\nlisten = ":3478"\nlimits = "1,2,3"\nlog-level = "info"\n'
_ANSWER = b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n"
_REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno"
_FOUR = _WELL_KNOWN[0].packed
_PREFIXED = bytes.fromhex("0064ff9b") + bytes(8) + _FOUR
_SHORT = bytes.fromhex("20010db8") + _FOUR + bytes(8)
_MIDDLE = bytes.fromhex("20010db8000000") + _FOUR[:1] + b"\0" + _FOUR[1:] + bytes(4)

PARSERS = (
    Parser("typed_code", (b"BCDF-GHJK", b"abcd efgh ijkl mnop", b"123 456"), check_codes, (b"-", b" ")),
    Parser("user_name", (b"ann", b" Ann@Corp.example "), check_user_name, (b"@", b".", "\u212a".encode())),
    Parser("invite_link", (b"https://vpn.example.org/i/abc#wk.x.y",), check_invite, (b"/i/", b"#")),
    Parser(
        "operator_words",
        (b"file:/etc/secret", b"49152-65535", b"203.0.113.1,2001:db8::1", b"10.0.0.0/8,relayed", b"100,200,1000",
         b"sign-on,admin", b"90d", b"100.96.0.0/16", b"fd00::/64", b"ab" * 32, b"gso,gro"),
        check_operator_words,
        (b",", b"-", b"/", b":", b"file:", b"1e9", "\u0661".encode(), b"%1"),
    ),
    Parser("relay_settings", (_RELAY,), check_relay_settings, (b"[a]", b"=", b'"""', b"tls = ", b"\x1b", b"1e9")),
    Parser(
        "proxy",
        (b"http://u:p@proxy.example.org:3128\n*.corp.example,10.0.0.1", b"http://[2001:db8::1]:1/", b"none"),
        check_proxy,
        (b"@", b"#", b"?", b"//", b"[", b"]", b"%", b":0", b":65536", b"\\", "\uff0f".encode()),
    ),
    Parser("proxy_answer", (_ANSWER, _REFUSED), check_proxy_answer, (b"\r\n", b": ", b"HTTP/1.1 ", b"transfer-")),
    Parser("nat64_answer", (_PREFIXED, _SHORT, _MIDDLE, _PREFIXED + _SHORT), check_nat64, (_FOUR, _PREFIXED, _SHORT)),
    Parser(
        "portal",
        (b"302 https://evil.example/x text/html\n", b"200  text/html\n<!doctype html>", b"511"),
        check_portal,
        (b"//", b"@", b"[", b"]", b"302 ", b"<html"),
    ),
)  # fmt: skip
