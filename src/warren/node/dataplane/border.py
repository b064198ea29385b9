"""What crosses to the engine as bytes and integers, turned into our values and back. Pure but for the constants.

Endpoints are 4 or 16 bytes of address and 2 of port; link-local IPv6 carries 4 more, which mean nothing in an
`Endpoint`, so those are None here. Times of the engine are nanoseconds.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address

from warren.engine import _native
from warren.model.addresses import Endpoint
from warren.model.ids import Identity
from warren.node.dataplane.interface import (
    Event,
    EventsLost,
    HandshakeDone,
    HandshakeGaveUp,
    HeardElsewhere,
    PeerStats,
    PongReceived,
    ProbeReceived,
    SendFailed,
    TunnelFailed,
    UnknownInitiator,
)
from warren.node.host.facts import Prefix

NS_PER_S = 1_000_000_000
_V4_BYTES, _V6_BYTES = 6, 18
_WE_INITIATED = 1

RawEvent = tuple[int, int, int, bytes, bytes]  # kind, peer, number, data, endpoint


def endpoint_bytes(endpoint: Endpoint | None) -> bytes:
    """As the engine takes it; empty for nowhere."""
    return b"" if endpoint is None else endpoint.address.packed + endpoint.port.to_bytes(2, "big")


def parse_endpoint_bytes(raw: bytes) -> Endpoint | None:
    """As the engine gives it; None for nowhere, a relay, or a link-local address."""
    port = int.from_bytes(raw[-2:], "big")
    if len(raw) == _V4_BYTES:
        return Endpoint(IPv4Address(raw[:4]), port)
    if len(raw) == _V6_BYTES:
        return Endpoint(IPv6Address(raw[:16]), port)
    return None


def prefix_bytes(prefix: Prefix) -> bytes:
    """An allowed prefix as the engine takes it."""
    return prefix.network_address.packed + bytes([prefix.prefixlen])


def parse_stats(raw: tuple[int, int, int, int, int, bytes]) -> PeerStats:
    """Counters of one peer."""
    rx, tx, handshake_ns, received_ns, alive, endpoint = raw
    return PeerStats(
        rx_bytes=rx,
        tx_bytes=tx,
        last_handshake_s=handshake_ns / NS_PER_S if handshake_ns else None,
        last_received_s=received_ns / NS_PER_S if received_ns else None,
        session_alive=bool(alive),
        endpoint=parse_endpoint_bytes(endpoint),
    )


def parse_event(raw: RawEvent, identities: Mapping[int, Identity]) -> Event | None:
    """The event, or None where it is about a peer that has gone, or of a kind that nobody here asked for."""
    kind, number, _, _, _ = raw
    if kind in _DEVICE_EVENTS:
        return _DEVICE_EVENTS[kind](raw)
    peer = identities.get(number)
    if peer is None or kind not in _PEER_EVENTS:
        return None
    return _PEER_EVENTS[kind](peer, raw)


def _handshake(peer: Identity, raw: RawEvent) -> Event:
    _, _, role, key, endpoint = raw
    return HandshakeDone(peer, role == _WE_INITIATED, key, parse_endpoint_bytes(endpoint))


def _pong(peer: Identity, raw: RawEvent) -> Event:
    _, _, rtt_ns, token, endpoint = raw
    return PongReceived(peer, int.from_bytes(token, "big"), rtt_ns / NS_PER_S, parse_endpoint_bytes(endpoint))


def _probe(peer: Identity, raw: RawEvent) -> Event | None:
    endpoint = parse_endpoint_bytes(raw[4])
    return ProbeReceived(peer, raw[3], endpoint) if endpoint else None


def _elsewhere(peer: Identity, raw: RawEvent) -> Event | None:
    endpoint = parse_endpoint_bytes(raw[4])
    return HeardElsewhere(peer, endpoint) if endpoint else None


_DEVICE_EVENTS: dict[int, Callable[[RawEvent], Event | None]] = {
    _native.EVENT_UNKNOWN_INITIATOR: lambda raw: UnknownInitiator(raw[3], parse_endpoint_bytes(raw[4])),
    _native.EVENT_WORKER_FAILED: lambda raw: TunnelFailed(raw[2]),
    _native.EVENT_LOST: lambda raw: EventsLost(raw[2]),
}
_PEER_EVENTS: dict[int, Callable[[Identity, RawEvent], Event | None]] = {
    _native.EVENT_HANDSHAKE: _handshake,
    _native.EVENT_HANDSHAKE_GAVE_UP: lambda peer, _: HandshakeGaveUp(peer),
    _native.EVENT_PONG: _pong,
    _native.EVENT_ELSEWHERE: _elsewhere,
    _native.EVENT_PROBE: _probe,
    _native.EVENT_SEND_FAILED: lambda peer, raw: SendFailed(peer, raw[2], parse_endpoint_bytes(raw[4])),
}
