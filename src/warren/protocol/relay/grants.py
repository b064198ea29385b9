"""A relay grant: this identity of this network may use these relays, so much of them, until then.

At most 512 bytes, numbers big-endian:

    0  version 1 (u8)   1  flags (u8; bit 0: every relay that trusts the signer)   2  number of relays n (u16, <= 32)
    4  rate, kbit/s (u32; 0: the relay's own limit)        8  burst, KiB (u32; 0: the relay's own limit)
   12  issued, Unix s (u64)    20  not after, Unix s (u64)
   28  network (32)    60  identity (32)    92  signer (32)    124  n relay numbers (u64)    signature (64)

The Ed25519 signature covers `"warren/relay-grant/v1" 0` and every byte before it. The relay needs no database: the
grant says all it has to know. `engine/proto/src/relay/grant.rs` reads the same bytes (`tests/vectors/relay`).

Decides the form. Must not know who deserves a grant.
"""

import struct
from dataclasses import dataclass
from typing import Final

from warren.errors import Code, WarrenError
from warren.limits import RELAY_GRANT_RELAYS_MAX
from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair

GRANT_DOMAIN: Final = b"warren/relay-grant/v1\0"
_HEAD: Final = struct.Struct(">BBHIIQQ32s32s32s")
_SIGNATURE_BYTES: Final = 64
_VERSION: Final = 1
_ALL_RELAYS: Final = 1
_U32_MAX: Final = 2**32 - 1
_U64_MAX: Final = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a grant says. `relays` None means every relay that trusts the signer; a limit of 0 is the relay's own."""

    network: NetworkId
    identity: Identity
    relays: tuple[int, ...] | None
    issued_s: int
    not_after_s: int
    rate_kbit_s: int = 0
    burst_kib: int = 0


def sign_grant(grant: Grant, signer: SigningKeyPair) -> bytes:
    """The grant's bytes, signed. WarrenError INVALID_ARGUMENT where something does not fit."""
    relays = grant.relays or ()
    limits_fit = all(0 <= value <= _U32_MAX for value in (grant.rate_kbit_s, grant.burst_kib))
    times_fit = 0 <= grant.issued_s <= grant.not_after_s <= _U64_MAX
    if len(relays) > RELAY_GRANT_RELAYS_MAX or not (limits_fit and times_fit):
        raise WarrenError(Code.INVALID_ARGUMENT, "not a relay grant: a limit, a time or the number of relays is wrong")
    if not all(0 <= relay <= _U64_MAX for relay in relays) or len(grant.network) != 32 or len(grant.identity) != 32:
        raise WarrenError(Code.INVALID_ARGUMENT, "not a relay grant: a relay's number or an identity is wrong")
    head = _HEAD.pack(
        _VERSION,
        _ALL_RELAYS if grant.relays is None else 0,
        len(relays),
        grant.rate_kbit_s,
        grant.burst_kib,
        grant.issued_s,
        grant.not_after_s,
        grant.network,
        grant.identity,
        signer.public,
    )
    signed = head + struct.pack(f">{len(relays)}Q", *relays)
    return signed + signer.sign(GRANT_DOMAIN + signed)


def parse_grant(data: bytes) -> tuple[Grant, Identity]:
    """What well-formed grant bytes say, and the signer's key. WarrenError MALFORMED where they are no grant.

    The signature is not looked at: a node has the grant from its server's session, and the relay judges it.
    """
    if not _HEAD.size + _SIGNATURE_BYTES <= len(data) <= _HEAD.size + 8 * RELAY_GRANT_RELAYS_MAX + _SIGNATURE_BYTES:
        raise _not_a_grant()
    version, flags, count, rate, burst, issued, not_after, network, identity, signer = _HEAD.unpack_from(data)
    numbers = data[_HEAD.size : -_SIGNATURE_BYTES]
    if version != _VERSION or flags > _ALL_RELAYS or len(numbers) != 8 * count:
        raise _not_a_grant()
    relays = struct.unpack(f">{count}Q", numbers)
    grant = Grant(
        network=NetworkId(network),
        identity=Identity(identity),
        relays=None if flags == _ALL_RELAYS else relays,
        issued_s=issued,
        not_after_s=not_after,
        rate_kbit_s=rate,
        burst_kib=burst,
    )
    return grant, Identity(signer)


def _not_a_grant() -> WarrenError:
    return WarrenError(Code.MALFORMED, "not a relay grant")
