"""What is said of relays and of a network's root: grants, an operator's file of places, the line of a root key."""

from tools.fuzzing.parser import Parser, require
from warren.errors import Code, WarrenError
from warren.limits import RELAY_GRANT_RELAYS_MAX, RELAYS_MAX
from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair
from warren.model.names import printable
from warren.protocol.relay.grants import Grant, parse_grant, sign_grant
from warren.server.relays.places import parse_places
from warren.trust.root_key import format_root, parse_root

_SIGNER = SigningKeyPair(bytes([1]) * 32)
_NETWORK, _IDENTITY = NetworkId(bytes([2]) * 32), Identity(bytes([3]) * 32)
_GRANTS = tuple(
    sign_grant(
        Grant(network=_NETWORK, identity=_IDENTITY, relays=relays, issued_s=1_700_000_000, not_after_s=1_700_090_000),
        _SIGNER,
    )
    for relays in (None, (), (1, 2**64 - 1))
)
_PLACES = (
    b'[[relay]]\nname = "fra-1"\nkey = "' + b"ab" * 32 + b'"\nudp = ["203.0.113.5:3478", "[2001:db8::1]:3478"]\n',
    b'[[relay]]\nname = "a"\nkey = "' + b"cd" * 32 + b'"\nurl = "https://relay.example.org"\n',
)


def check_grant(data: bytes) -> bool:
    """A grant is bounded, and what it says makes the same bytes again, but for the signature."""
    try:
        grant, _ = parse_grant(data)
    except WarrenError as error:
        require(error.code is Code.MALFORMED, f"refused with {error.code}")
        return False
    require(grant.relays is None or len(grant.relays) <= RELAY_GRANT_RELAYS_MAX, "more relays than may be")
    require(len(grant.network) == len(grant.identity) == 32, "an identity of another length")
    if grant.relays is not None and grant.issued_s <= grant.not_after_s:
        again = sign_grant(grant, _SIGNER)
        require(again[:92] == data[:92] and again[124:-64] == data[124:-64], "it reads back differently")
    return True


def check_places(data: bytes) -> bool:
    """An operator's file: each relay once, or a printable sentence."""
    try:
        places = parse_places(data.decode("utf-8", "surrogateescape"))
    except WarrenError as error:
        require(error.code is Code.INVALID_CONFIG, f"refused with {error.code}")
        require(error.text == printable(error.text), f"a refusal that a terminal obeys: {error.text!r}")
        return False
    require(len(places) < RELAYS_MAX, "more relays than may be")
    require(len({place.name for place in places}) == len(places), "one name twice")
    return True


def check_root(data: bytes) -> bool:
    """A root's line has one spelling, and a refusal does not repeat it."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        network, key = parse_root(text)
    except WarrenError as error:
        require(error.code is Code.INVALID_KEY, f"refused with {error.code}")
        require(len(text) < 20 or text not in error.text, "a refusal repeats a secret")
        return False
    require(format_root(network, key) == text.strip(), "it reads back differently")
    return True


PARSERS = (
    Parser("relay_grant", _GRANTS, check_grant),
    Parser("relay_places", _PLACES, check_places, (b"[[relay]]\n", b"udp = []\n", b"url = ", b"\x1b")),
    Parser("root_key", (format_root(_NETWORK, _SIGNER).encode(),), check_root),
)
