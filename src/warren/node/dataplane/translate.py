"""The engine's events and counters in the node's words: numbers of peers become identities. Pure.

What is about a peer that has gone, or came from nowhere that a node could answer, is None.
"""

from collections.abc import Mapping

from warren.engine import events as raw
from warren.engine.filter import Direction, FlowRecord, Rule
from warren.engine.tunnel import PeerStats as RawStats
from warren.model.addresses import Endpoint, Hop
from warren.model.ids import Identity
from warren.node.dataplane.filtering import ENDS, REASONS, Flow
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
    StunAnswered,
    TunnelFailed,
    UnknownInitiator,
)
from warren.node.dataplane.relaying import ChannelGone, ChannelOpened, RelayConnected, RelayEvent, RelayLost
from warren.node.plan import FilterPlan


def translate(event: raw.Event, identities: Mapping[int, Identity]) -> Event | None:  # noqa: PLR0911 - one a kind
    """The event, or None where it means nothing here."""
    match event:
        case raw.UnknownInitiator(key, place):
            return UnknownInitiator(key, endpoint_of(place))
        case raw.WorkerFailed(number):
            return TunnelFailed(number)
        case raw.EventsLost(count):
            return EventsLost(count)
        case raw.StunAnswer(datagram, server):
            return StunAnswered(datagram, server) if isinstance(server, Endpoint) else None
        case raw.RelayConnected() | raw.RelayLost() | raw.ChannelOpened() | raw.ChannelGone():
            return _of_relay(event)
    if event.peer is None or (peer := identities.get(event.peer)) is None:
        return None
    return _of_peer(event, peer)


def _of_peer(event: raw.Event, peer: Identity) -> Event | None:  # noqa: PLR0911 - one a kind of event
    match event:
        case raw.HandshakeDone(_, initiated_by_us, key, place):
            return HandshakeDone(peer, initiated_by_us, key, place)
        case raw.HandshakeGaveUp():
            return HandshakeGaveUp(peer)
        case raw.Pong(_, token, rtt_s, place):
            return PongReceived(peer, token, rtt_s, place)
        case raw.SendFailed(_, number, place):
            return SendFailed(peer, number, place)
        case raw.Elsewhere(_, place) if place is not None:
            return HeardElsewhere(peer, place)
        case raw.Probe(_, datagram, place) if place is not None:
            return ProbeReceived(peer, datagram, place)
        case _:
            return None


def _of_relay(event: raw.RelayConnected | raw.RelayLost | raw.ChannelOpened | raw.ChannelGone) -> RelayEvent:
    match event:
        case raw.RelayConnected(relay, rtt_s, carriage):
            return RelayConnected(relay, rtt_s, carriage)
        case raw.RelayLost(relay, reason):
            return RelayLost(relay, reason)
        case raw.ChannelOpened(hop, identity):
            return ChannelOpened(Identity(identity), hop)
        case raw.ChannelGone(hop, identity):
            return ChannelGone(Identity(identity), hop)


def translate_stats(stats: RawStats) -> PeerStats:
    """Counters of one peer."""
    return PeerStats(
        rx_bytes=stats.rx_bytes,
        tx_bytes=stats.tx_bytes,
        last_handshake_s=stats.last_handshake_s,
        last_received_s=stats.last_received_s,
        session_alive=stats.session_alive,
        endpoint=stats.place,
        cipher=stats.cipher,
    )


def translate_filter(wanted: FilterPlan) -> list[Rule]:
    """The filter's rules as the engine takes them: one a protocol, numbered by the policy's lines."""
    return [
        Rule(
            number=rule.line,
            direction=Direction.IN if rule.inward else Direction.OUT,
            protocol=protocol,
            remotes=rule.remotes,
            locals=wanted.own,
            ports=rule.ports,
        )
        for rule in wanted.rules
        for protocol in rule.protocols or (None,)
    ]


def translate_flow(record: FlowRecord, identities: Mapping[int, Identity]) -> Flow:
    """A record in the node's words."""
    return Flow(
        peer=identities.get(record.peer),
        inward=record.opened is Direction.IN,
        protocol=record.protocol,
        local=record.local,
        remote=record.remote,
        local_port=record.local_port,
        remote_port=record.remote_port,
        line=record.rule,
        reason=REASONS[record.reason],
        end=ENDS[record.end - 1],
        began_s=record.began_s,
        last_s=record.last_s,
        rx_packets=record.rx_packets,
        rx_bytes=record.rx_bytes,
        tx_packets=record.tx_packets,
        tx_bytes=record.tx_bytes,
    )


def endpoint_of(place: Hop | None) -> Endpoint | None:
    """The address and port, if that is what it is."""
    return place if isinstance(place, Endpoint) else None
