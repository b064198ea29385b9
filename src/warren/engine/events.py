"""What the engine tells: one frozen value a kind of event, made from the border's tuples.

Pure mapping; what to do about an event is the node's. Peers are the numbers that the caller gave them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NewType

from warren.engine import _native
from warren.engine.places import parse_place
from warren.model.addresses import Hop, RelayHop

PeerNumber = NewType("PeerNumber", int)
RawEvent = tuple[int, int, int, bytes, bytes]  # kind, peer, number, data, endpoint

_WE_INITIATED = 1


@dataclass(frozen=True, slots=True)
class UnknownInitiator:
    """A well-formed initiation of a key that no peer has (rate-limited)."""

    public_key: bytes
    place: Hop | None


@dataclass(frozen=True, slots=True)
class HandshakeDone:
    """A session stands; `place` is where the packet that completed it came from."""

    peer: PeerNumber
    initiated_by_us: bool
    public_key: bytes
    place: Hop | None


@dataclass(frozen=True, slots=True)
class HandshakeGaveUp:
    """No answer for 90 s (WireGuard, 6.4)."""

    peer: PeerNumber


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to `Tunnel.ping` with this token (64 bits) came through the session."""

    peer: PeerNumber
    token: int
    rtt_s: float
    place: Hop | None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An authenticated packet of a managed peer came from another place than the one we send to (rate-limited)."""

    peer: PeerNumber
    place: Hop | None


@dataclass(frozen=True, slots=True)
class Probe:
    """A datagram with a valid probe tag, under the key registered for this peer."""

    peer: PeerNumber
    datagram: bytes
    place: Hop | None


@dataclass(frozen=True, slots=True)
class StunAnswer:
    """The answer to a transaction that `Tunnel.expect_stun` announced."""

    datagram: bytes
    place: Hop | None


@dataclass(frozen=True, slots=True)
class SendFailed:
    """The kernel refused to send; `peer` None: it was a datagram of the caller's, or an answer to a stranger."""

    peer: PeerNumber | None
    errno: int
    place: Hop | None


class Carriage(IntEnum):
    """What carries the frames of a relay's session."""

    UDP = _native.RELAY_OVER_UDP
    WEBSOCKET = _native.RELAY_OVER_WEBSOCKET


@dataclass(frozen=True, slots=True)
class RelayConnected:
    """A session with a relay stands, the relay has proved its key; told again when the carriage changed."""

    relay: int
    rtt_s: float
    carriage: Carriage


@dataclass(frozen=True, slots=True)
class RelayLost:
    """The session with a relay ended, or none came about; the engine goes on trying."""

    relay: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """A channel of a relay leads to this identity, whoever asked for it."""

    hop: RelayHop
    identity: bytes


@dataclass(frozen=True, slots=True)
class ChannelGone:
    """The other end of this channel has no session with the relay (any more)."""

    hop: RelayHop
    identity: bytes


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """The tunnel carries nothing any more: its link was deleted, or the engine has a bug (EIO)."""

    errno: int


@dataclass(frozen=True, slots=True)
class EventsLost:
    """So many events were dropped because nobody took them."""

    count: int


Event = (
    UnknownInitiator
    | HandshakeDone
    | HandshakeGaveUp
    | Pong
    | Elsewhere
    | Probe
    | StunAnswer
    | SendFailed
    | RelayConnected
    | RelayLost
    | ChannelOpened
    | ChannelGone
    | WorkerFailed
    | EventsLost
)

_DECODERS: dict[int, Callable[[PeerNumber, int, bytes, Hop | None], Event]] = {
    _native.EVENT_UNKNOWN_INITIATOR: lambda _peer, _number, data, place: UnknownInitiator(data, place),
    _native.EVENT_HANDSHAKE: lambda peer, number, data, place: HandshakeDone(
        peer, number == _WE_INITIATED, data, place
    ),
    _native.EVENT_HANDSHAKE_GAVE_UP: lambda peer, _number, _data, _place: HandshakeGaveUp(peer),
    _native.EVENT_PONG: lambda peer, number, data, place: Pong(peer, int.from_bytes(data, "big"), number / 1e9, place),
    _native.EVENT_ELSEWHERE: lambda peer, _number, _data, place: Elsewhere(peer, place),
    _native.EVENT_PROBE: lambda peer, _number, data, place: Probe(peer, data, place),
    _native.EVENT_STUN: lambda _peer, _number, data, place: StunAnswer(data, place),
    _native.EVENT_SEND_FAILED: lambda peer, number, _data, place: SendFailed(peer or None, number, place),
    _native.EVENT_RELAY_CONNECTED: lambda _peer, number, data, _place: RelayConnected(
        number, int.from_bytes(data[:8], "big") / 1e9, Carriage(data[8])
    ),
    _native.EVENT_RELAY_LOST: lambda _peer, number, data, _place: RelayLost(number, data.decode("ascii", "replace")),
    _native.EVENT_RELAY_CHANNEL: lambda _peer, _number, data, place: ChannelOpened(_relay_hop(place), data),
    _native.EVENT_RELAY_CHANNEL_GONE: lambda _peer, _number, data, place: ChannelGone(_relay_hop(place), data),
    _native.EVENT_WORKER_FAILED: lambda _peer, number, _data, _place: WorkerFailed(number),
    _native.EVENT_LOST: lambda _peer, number, _data, _place: EventsLost(number),
}


def _relay_hop(place: Hop | None) -> RelayHop:
    if not isinstance(place, RelayHop):
        raise TypeError("the engine gives every event of a channel its hop")
    return place


def decode(raw: RawEvent) -> Event:
    """The event that a tuple of the border means; KeyError for a kind that this face does not know."""
    kind, peer, number, data, place = raw
    return _DECODERS[kind](PeerNumber(peer), number, data, parse_place(place))
