"""What one relay is told, by the server's front or by `warren relay`, and the engine's arguments that follow from it.

Decides defaults and how limits are written. Must not know sockets or files. Pure.
"""

from collections.abc import Sequence
from typing import TypedDict

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import (
    RELAY_BURST_LEAST_BYTES,
    RELAY_BURST_MS,
    RELAY_CLIENT_MBIT_S,
    RELAY_MEMBERS_MAX,
    RELAY_NETWORK_MBIT_S,
    RELAY_TOTAL_MBIT_S,
)
from warren.model.relays import relay_number

DEFAULT_PORT = 3478
DEFAULT_LIMITS = f"{RELAY_CLIENT_MBIT_S},{RELAY_NETWORK_MBIT_S},{RELAY_TOTAL_MBIT_S}"
RATE_MAX_MBIT_S = 1_000_000


class RelayService(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One relay. `key` is the path of its X25519 key, `signers` are the Ed25519 keys (hex) whose grants count.

    `listen` are `[ADDRESS]:PORT` texts of UDP; where `may_move` the system chooses a port if that one is taken. The
    limits are Mbit/s of one client, of one network, and in all; 0 is none.
    """

    listen: tuple[str, ...]
    key: str
    signers: tuple[str, ...]
    may_move: bool = False
    members_max: int = RELAY_MEMBERS_MAX
    limits_mbit_s: tuple[int, int, int] = (RELAY_CLIENT_MBIT_S, RELAY_NETWORK_MBIT_S, RELAY_TOTAL_MBIT_S)


class RelayArguments(TypedDict):
    """The engine's part of `front_run` that is the relay's."""

    relay_sockets: list[int]
    relay_number: int
    relay_key: bytes
    relay_signers: bytes
    relay_members: int
    relay_rates: list[tuple[int, int]]


NO_RELAY = RelayArguments(
    relay_sockets=[], relay_number=0, relay_key=b"", relay_signers=b"", relay_members=0, relay_rates=[(0, 0)] * 3
)


def arguments(service: RelayService, *, private: bytes, public: bytes, sockets: Sequence[int]) -> RelayArguments:
    """What the engine is told. WarrenError INVALID_CONFIG where a signer is no key."""
    return RelayArguments(
        relay_sockets=list(sockets),
        relay_number=relay_number(public),
        relay_key=private,
        relay_signers=b"".join(parse_signer(signer) for signer in service.signers),
        relay_members=service.members_max,
        relay_rates=[rate(mbit_s) for mbit_s in service.limits_mbit_s],
    )


def rate(mbit_s: int) -> tuple[int, int]:
    """Bytes a second, and bytes at once: RELAY_BURST_MS of the rate, and never less than a window of TCP."""
    bytes_s = mbit_s * 125_000
    return bytes_s, max(bytes_s * RELAY_BURST_MS // 1000, RELAY_BURST_LEAST_BYTES)


def parse_signer(text: str) -> bytes:
    """The 32 bytes of an Ed25519 key in hex. WarrenError INVALID_CONFIG."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32 or len(text) != 64:
        raise WarrenError(Code.INVALID_CONFIG, "a signer of grants is named by 64 hex digits", "see the server's log")
    return key


def parse_limits(text: str) -> tuple[int, int, int]:
    """`CLIENT,NETWORK,ALL` in Mbit/s. ValueError with a sentence for anything else."""
    words = text.split(",")
    fits = len(words) == 3 and all(word.isascii() and word.isdigit() and len(word) <= 7 for word in words)
    if not fits or max(int(word) for word in words) > RATE_MAX_MBIT_S:
        raise ValueError(f"{text!r} is not CLIENT,NETWORK,ALL in Mbit/s (0: no limit)")
    client, network, total = (int(word) for word in words)
    return client, network, total


def counters_of_relay(counters: dict[str, int]) -> dict[str, int]:
    """Those of the front's counters that are the relay's, without their prefix."""
    return {name.removeprefix("relay_"): value for name, value in counters.items() if name.startswith("relay_")}
