"""TURN as an operator sets it: which ports, which peers, which secret; and credentials that end.

Decides what the settings' words mean, and the engine's arguments that follow. Must not know sockets or files. Pure:
`engine/proto/src/turn` serves, on the relay's port. A credential is what browsers and coturn's programs call the REST
scheme: the user name says until when it is good (`EXPIRY:ID`, Unix seconds), the password is
base64(HMAC-SHA1(secret, user name)).
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal, TypedDict

import msgspec

from warren import limits
from warren.model.keys import Secret

REALM: Final = "warren"  # short, so that a challenge is no longer than two requests
SECRET_MIN_BYTES: Final = 16
SECRET_PREFIX: Final = "file:"  # noqa: S105 - names where it is, not what it is
RELAYED: Final = "relayed"
FIRST_PORT: Final = 49_152  # RFC 6335's range for whoever asks
LAST_PORT: Final = 65_535
FIRST_PORT_MIN: Final = 1_024
PORTS: Final = f"{FIRST_PORT}-{LAST_PORT}"
REALM_MAX_BYTES: Final = 128  # RFC 8489, 14.9
_ID_MAX_CHARS: Final = 200


class TurnSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the front is told of STUN and TURN. `secret_file` empty: STUN only. Units are in the names."""

    secret_file: str = ""
    realm: str = REALM
    first_port: int = FIRST_PORT
    last_port: int = LAST_PORT
    announced: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    relayed: bool = False
    allowance_bytes: int = 0
    ports_a_user: int = limits.TURN_PORTS_A_USER
    ports_an_address: int = limits.TURN_PORTS_AN_ADDRESS
    ports: int = limits.TURN_PORTS_MAX
    user_bytes_per_s: int = limits.TURN_USER_BYTES_PER_S
    bytes_per_s: int = limits.TURN_BYTES_PER_S


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client is given: good until `expires_s` (Unix seconds)."""

    username: str
    password: Secret[str]
    expires_s: int


def credential(secret: Secret[bytes], user: str, *, now_s: float, lifetime_s: int) -> Credential:
    """Return a credential for `user`; ValueError for a lifetime out of 1..TURN_CREDENTIAL_MAX_S or a user too long."""
    if not 1 <= lifetime_s <= limits.TURN_CREDENTIAL_MAX_S:
        raise ValueError(f"a credential lives 1 to {limits.TURN_CREDENTIAL_MAX_S} s")
    if len(user) > _ID_MAX_CHARS or not user.isascii() or not user.isprintable():
        raise ValueError(f"a user is at most {_ID_MAX_CHARS} printable ASCII characters")
    expires_s = int(now_s) + lifetime_s
    username = f"{expires_s}:{user}"
    password = hmac.new(secret.reveal(), username.encode(), hashlib.sha1).digest()
    return Credential(username, Secret(base64.b64encode(password).decode()), expires_s)


def turn_settings(
    *, secret: str, realm: str, address: str, ports: str, allow: str, stun_answer: Literal["equal", "standard"]
) -> TurnSettings:
    """Read the words of an operator. ValueError with a sentence where one means nothing."""
    first, last = parse_ports(ports)
    prefixes, relayed = parse_allowed(allow)
    if not 1 <= len(realm.encode()) <= REALM_MAX_BYTES or not realm.isprintable():
        raise ValueError(f"a realm has 1 to {REALM_MAX_BYTES} printable characters")
    return TurnSettings(
        secret_file=parse_secret_place(secret),
        realm=realm,
        first_port=first,
        last_port=last,
        announced=tuple(str(one) for one in parse_announced(address)),
        allowed=tuple(str(prefix) for prefix in prefixes),
        relayed=relayed,
        allowance_bytes=limits.STUN_BARE_ALLOWANCE_BYTES if stun_answer == "standard" else 0,
    )


def parse_secret_place(text: str) -> str:
    """Return the path in `file:PATH`, "" for nothing. ValueError for a secret in plain sight."""
    if text and (not text.startswith(SECRET_PREFIX) or text == SECRET_PREFIX):
        raise ValueError("--turn-secret takes file:PATH: what stands on a command line is no secret")
    return text.removeprefix(SECRET_PREFIX)


def parse_secret(content: bytes) -> Secret[bytes]:
    """Return the secret of a file's content, without the line's end. ValueError where it is too short or too long."""
    secret = content.strip(b"\r\n")
    if not SECRET_MIN_BYTES <= len(secret) <= limits.TURN_SECRET_MAX_BYTES:
        raise ValueError(f"a secret has {SECRET_MIN_BYTES} to {limits.TURN_SECRET_MAX_BYTES} bytes")
    return Secret(secret)


def parse_ports(text: str) -> tuple[int, int]:
    """Return first and last of `FIRST-LAST`. ValueError."""
    first, dash, last = text.partition("-")
    numbers = [int(word) for word in (first, last) if word.isascii() and word.isdigit() and len(word) <= 5]
    if not dash or len(numbers) != 2 or not FIRST_PORT_MIN <= numbers[0] < numbers[1] <= LAST_PORT:
        raise ValueError(f"{text!r} is no range of ports: FIRST-LAST within {FIRST_PORT_MIN}-{LAST_PORT}")
    return numbers[0], numbers[1]


def parse_announced(text: str) -> tuple[IPv4Address | IPv6Address, ...]:
    """Return the addresses of a list with commas, at most one a family. ValueError."""
    addresses = tuple(ip_address(word.strip()) for word in text.split(",") if word.strip())
    if len({address.version for address in addresses}) != len(addresses):
        raise ValueError("TURN announces at most one address of IPv4 and one of IPv6")
    return addresses


def parse_allowed(text: str) -> tuple[tuple[IPv4Network | IPv6Network, ...], bool]:
    """Return prefixes and whether `relayed` is among the words of a list with commas. ValueError."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    return tuple(ip_network(word) for word in words if word != RELAYED), RELAYED in words


class TurnArguments(TypedDict):
    """The engine's part of `front_run` that is STUN's and TURN's."""

    turn_listeners: list[int]
    turn_secret: bytes
    turn_realm: bytes
    turn_ports: tuple[int, int]
    turn_announced: list[bytes]
    turn_allowed: list[bytes]
    turn_relayed: int
    turn_allowance_bytes: int
    turn_quotas: tuple[int, int, int, int, int]


def turn_arguments(
    turn: TurnSettings, *, secret: Secret[bytes] | None = None, listeners: Sequence[int] = ()
) -> TurnArguments:
    """What the engine is told. Without a secret it serves STUN only; `listeners` are for clients over TCP."""
    return TurnArguments(
        turn_listeners=list(listeners),
        turn_secret=secret.reveal() if secret is not None else b"",
        turn_realm=turn.realm.encode(),
        turn_ports=(turn.first_port, turn.last_port),
        turn_announced=[_packed_address(address) for address in turn.announced],
        turn_allowed=[_packed_prefix(prefix) for prefix in turn.allowed],
        turn_relayed=int(turn.relayed),
        turn_allowance_bytes=turn.allowance_bytes,
        turn_quotas=(
            turn.ports_a_user,
            turn.ports_an_address,
            turn.ports,
            turn.user_bytes_per_s,
            turn.bytes_per_s,
        ),
    )


def _packed_prefix(text: str) -> bytes:
    prefix = ip_network(text)
    return prefix.network_address.packed + bytes((prefix.prefixlen,))


def _packed_address(text: str) -> bytes:
    """As an endpoint, whose port means nothing."""
    return ip_address(text).packed + bytes(2)
