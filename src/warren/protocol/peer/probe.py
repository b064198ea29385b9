"""The probe: a small authenticated datagram on the tunnel's own UDP port that asks or says whether a path works.

Layout: magic `d7 57 52 4e` (4) | hint (8) | kind u8 (1 ping, 2 pong, 3 signal) | flags u8 | payload's length u16 |
counter u64 | txid (8) | observed address (16, IPv4-mapped; zero in a ping) | observed port u16 | payload | padding |
tag (16). Numbers big-endian. A ping's flag 1 asks the receiver to take this hop too, since the one in use is dead. Only
a signal has a payload: the sealed bytes that a server would carry; receivers that do not know the kind drop it.

Each direction has a key of its own: HKDF-SHA256 (RFC 5869) of the X25519 secret of both path keys, salt the network id,
info `warren/probe/v1` and the identities of sender and receiver. hint and tag are keyed BLAKE2s (RFC 7693): the hint of
the word `hint`, so a receiver finds the key without trying all; the tag of everything before it. The engine checks
magic, hint and tag before Python sees a probe. Invariant: a pong is never longer than its ping, so a forged source
gains nothing.

Decides the form only. Who is probed, when, and what an answer means is the path agent's.
"""

import hashlib
import hmac
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from warren.errors import Code, WarrenError
from warren.limits import PROBE_MAX_BYTES
from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair

MAGIC: Final = bytes.fromhex("d757524e")
HINT_BYTES: Final = 8
TXID_BYTES: Final = 8
TAG_BYTES: Final = 16
_INFO: Final = b"warren/probe/v1"
_BODY_BYTES: Final = 1 + 1 + 2 + 8 + TXID_BYTES + 16 + 2
FOLLOW: Final = 1
MIN_BYTES: Final = len(MAGIC) + HINT_BYTES + _BODY_BYTES + TAG_BYTES
PAYLOAD_MAX_BYTES: Final = PROBE_MAX_BYTES - MIN_BYTES
_UNSPECIFIED: Final = bytes(16)


class ProbeKind(IntEnum):
    """What a probe does."""

    PING = 1
    PONG = 2
    SIGNAL = 3


@dataclass(frozen=True, slots=True)
class ProbeKey:
    """The key of one direction (`key`, 32 bytes) and the hint that names it."""

    key: bytes
    hint: bytes

    def __repr__(self) -> str:
        return f"ProbeKey({self.hint.hex()}, [redacted])"


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe's content. `counter` ascends a direction and life of the sender; `txid` ties a pong to its ping;
    `observed` is where the ping came from as the answering side saw it; `size` the datagram's bytes; `payload` a sealed
    signal.
    """

    kind: ProbeKind
    counter: int
    txid: bytes
    observed: Endpoint | None = None
    size: int = MIN_BYTES
    follow: bool = False
    payload: bytes = b""


def probe_key(
    *, own: ExchangeKeyPair, peer_path_key: bytes, network: bytes, sender: bytes, receiver: bytes
) -> ProbeKey:
    """Return the key for probes from `sender` to `receiver` (identities); WarrenError INVALID_KEY for a useless peer
    key.
    """
    secret = own.exchange(peer_path_key)
    key = HKDF(algorithm=SHA256(), length=32, salt=network, info=_INFO + sender + receiver).derive(secret)
    return ProbeKey(key, hashlib.blake2s(b"hint", key=key, digest_size=HINT_BYTES).digest())


def encode_probe(probe: Probe, key: ProbeKey) -> bytes:
    """Return the datagram, padded to `probe.size`; ValueError for a size out of bounds (a bug of the caller)."""
    if not MIN_BYTES + len(probe.payload) <= probe.size <= PROBE_MAX_BYTES or len(probe.txid) != TXID_BYTES:
        raise ValueError(f"a probe has {MIN_BYTES} to {PROBE_MAX_BYTES} bytes and a txid of {TXID_BYTES}")
    head = b"".join(
        (
            MAGIC,
            key.hint,
            bytes((probe.kind, FOLLOW if probe.follow else 0)),
            len(probe.payload).to_bytes(2, "big"),
            probe.counter.to_bytes(8, "big"),
            probe.txid,
            *_observed(probe.observed),
            probe.payload,
            bytes(probe.size - MIN_BYTES - len(probe.payload)),
        )
    )
    return head + _tag(head, key)


def encode_pong(ping: Probe, observed: Endpoint | None, counter: int, key: ProbeKey) -> bytes:
    """Return the answer to a ping: as long as it, with where it came from (None: through a relay)."""
    return encode_probe(Probe(ProbeKind.PONG, counter, ping.txid, observed, ping.size), key)


def encode_signal(sealed: bytes, counter: int, key: ProbeKey) -> bytes:
    """Return the datagram that carries a sealed signal; ValueError for more than PAYLOAD_MAX_BYTES."""
    size = MIN_BYTES + len(sealed)
    return encode_probe(Probe(ProbeKind.SIGNAL, counter, bytes(TXID_BYTES), None, size, payload=sealed), key)


def decode_probe(datagram: bytes, key: ProbeKey) -> Probe:
    """Return what a datagram says after checking hint and tag; raises WarrenError MALFORMED, TOO_LARGE or
    BAD_SIGNATURE.
    """
    if len(datagram) > PROBE_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, "longer than a probe")
    if len(datagram) < MIN_BYTES or not datagram.startswith(MAGIC + key.hint):
        raise WarrenError(Code.MALFORMED, "no probe under this key")
    if not hmac.compare_digest(_tag(datagram[:-TAG_BYTES], key), datagram[-TAG_BYTES:]):
        raise WarrenError(Code.BAD_SIGNATURE, "the probe's tag is wrong")
    body = datagram[len(MAGIC) + HINT_BYTES : -TAG_BYTES]
    try:
        kind = ProbeKind(body[0])
    except ValueError as error:
        raise WarrenError(Code.MALFORMED, f"probes of kind {body[0]} are not known") from error
    port = int.from_bytes(body[36:38], "big")
    observed = Endpoint(IPv6Address(body[20:36]), port) if port else None
    follow = kind is ProbeKind.PING and bool(body[1] & FOLLOW)
    payload = _payload(body) if kind is ProbeKind.SIGNAL else b""
    return Probe(kind, int.from_bytes(body[4:12], "big"), body[12:20], observed, len(datagram), follow, payload)


def _payload(body: bytes) -> bytes:
    length = int.from_bytes(body[2:4], "big")
    payload = body[_BODY_BYTES : _BODY_BYTES + length]
    if not payload or len(payload) != length:
        raise WarrenError(Code.MALFORMED, "a signal's payload has another length")
    return payload


def _observed(endpoint: Endpoint | None) -> tuple[bytes, bytes]:
    if endpoint is None:
        return _UNSPECIFIED, b"\0\0"
    packed = endpoint.address.packed
    mapped = bytes(10) + b"\xff\xff" + packed if len(packed) == 4 else packed
    return mapped, endpoint.port.to_bytes(2, "big")


def _tag(data: bytes, key: ProbeKey) -> bytes:
    return hashlib.blake2s(data, key=key.key, digest_size=TAG_BYTES).digest()
