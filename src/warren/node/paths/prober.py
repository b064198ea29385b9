"""The shell of the path agents of one network: gives them a clock, the tunnel's socket and the sealed signals.

Decides nothing about paths. It holds one agent a peer that policy allows, registers the probe keys with the engine,
turns what an agent wants into datagrams and signals, what the engine hears into inputs, and sets the hop that an agent
chose. One timer serves all agents. A peer's signal that comes before the peer is in the map waits shortly. What peers
are told is `telling`'s, what STUN servers are asked `outside`'s.

Only events of the tunnel and calls of the owning task come here, all on the event loop: no lock is needed.
"""

import os
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Protocol, TypeVar

from warren.errors import WarrenError
from warren.limits import EARLY_SIGNALS_MAX, FULL_PROBE_BYTES, SIGNAL_DATAGRAM_GAP_S, UNKNOWN_INITIATORS_MAX
from warren.log import Log
from warren.model.addresses import Endpoint, Hop, RelayHop
from warren.model.ids import Identity, NetworkId
from warren.node.dataplane.interface import (
    Event,
    HandshakeGaveUp,
    HeardElsewhere,
    ProbeReceived,
    SendFailed,
    StunAnswered,
    Tunnel,
    UnknownInitiator,
)
from warren.node.netmap import NetworkMap, Peer
from warren.node.paths.agent import PathAgent
from warren.node.paths.budget import ProbeBudget
from warren.node.paths.candidates import Prefix, is_probeable, peer_endpoints
from warren.node.paths.deadlines import Deadlines
from warren.node.paths.endpoints import EndpointBook
from warren.node.paths.events import Event as AgentEvent
from warren.node.paths.events import PathState, RelaySilent, SendCandidates, UsePath
from warren.node.paths.history import History
from warren.node.paths.nat import Mapping, Nat
from warren.node.paths.outside import Outside
from warren.node.paths.probing import Ping
from warren.node.paths.refused import Refused
from warren.node.paths.signals import Envelopes
from warren.node.paths.telling import SendSignal, Telling
from warren.node.paths.way import Way
from warren.protocol.peer.probe import (
    MIN_BYTES,
    Probe,
    ProbeKey,
    ProbeKind,
    decode_probe,
    encode_pong,
    encode_probe,
    probe_key,
)

log = Log("paths")
K = TypeVar("K")
V = TypeVar("V")


class Owner(Protocol):
    """Whom the prober tells, and whose heads travel with signals: its network."""

    def path_changed(self, peer: Identity) -> None:
        """A peer's path came, changed or went."""

    def narrow_changed(self) -> None:
        """`Prober.narrow` is another set."""

    def own_heads(self) -> tuple[bytes, ...]:
        """The heads that this node holds, to be told to peers."""

    def heard_heads(self, peer: Peer, heads: tuple[bytes, ...]) -> None:
        """What a peer told; that it was this peer is certain."""


class Prober:
    """All ways of one network. `set_tunnel`, `set_map` and `set_addresses` say what there is; events come in."""

    def __init__(
        self,
        network: NetworkId,
        envelopes: Envelopes,
        book: EndpointBook,
        send_signal: SendSignal,
        owner: Owner,
        *,
        budget: ProbeBudget | None = None,
    ) -> None:
        """`budget` is that of the whole machine; None: one of its own."""
        self.on_relay_silent: Callable[[Identity, RelayHop], None] = lambda _peer, _hop: None
        """Told of a channel that does not answer; whoever keeps the relays sets it."""
        self.relay_name: Callable[[int], str] = str
        """What people call the relay of this number; whoever keeps the relays sets it."""
        self.refused = Refused()
        self._network = network
        self._envelopes = envelopes
        self._book = book
        self._owner = owner
        self._told_last = b""
        self._budget = budget if budget is not None else ProbeBudget()
        self._tunnel: Tunnel | None = None
        self._ways: dict[Identity, Way] = {}
        self._translators: tuple[IPv6Network, ...] = ()
        self._relay_hops: dict[Identity, tuple[RelayHop, str]] = {}
        self._outside = Outside(self._seen_otherwise)
        self._telling = Telling(envelopes, send_signal, owner.own_heads, self._outside)
        self._place = self._telling.place
        self._deadlines: Deadlines[Identity] = Deadlines(self._on_due)
        self._early: dict[Identity, bytes] = {}
        self._unknown: dict[bytes, Endpoint] = {}

    # --- what there is ---

    def set_tunnel(self, tunnel: Tunnel | None) -> None:
        """The tunnel was opened anew, or closed: paths and keys of the old one are void."""
        if tunnel is self._tunnel:
            return
        self._tunnel = self._telling.tunnel = tunnel
        self._relay_hops.clear()
        for identity in list(self._ways):
            self._remove(identity)
        self._outside.set_tunnel(tunnel)

    def set_map(self, network: NetworkMap, prefixes: Sequence[Prefix]) -> None:
        """Who is a peer, after the engine knows them; `prefixes` are those of all networks of this machine."""
        if self._tunnel is None:
            return
        self._place.prefixes = tuple(prefixes)
        wanted = {peer.identity: peer for peer in network.peers if peer.allowed}
        for identity in [one for one in self._ways if one not in wanted]:
            self._remove(identity)
        self._book.forget_others({peer.identity: peer for peer in network.peers})
        now = time.monotonic()
        for identity, peer in wanted.items():
            way = self._ways.get(identity)
            if way is not None and way.peer.path_key != peer.path_key:
                self._remove(identity)
                way = None
            if way is None:
                self._add(peer, now)
                continue
            if peer.online and not way.peer.online:
                way.heard = -1  # perhaps a new process, whose clock went back
            way.peer = peer
            way.agent.handle_online(now, online=peer.online)
            self._touch(way)

    def set_addresses(self, addresses: Sequence[IPv4Address | IPv6Address]) -> None:
        """This machine's addresses; a change makes every path be looked at again."""
        if tuple(addresses) == self._place.addresses:
            return
        is_first = not self._place.addresses
        self._place.addresses = tuple(addresses)
        self._outside.set_addresses(addresses)
        if not is_first:
            self.handle_host_change("another address")

    def set_stun_servers(self, servers: Sequence[Endpoint]) -> None:
        """Who may be asked what our address looks like from outside: the STUN ports of the server and its relays."""
        self._outside.set_servers(servers)

    def set_translators(self, prefixes: Sequence[IPv6Network]) -> None:
        """The prefixes of this network's NAT64: IPv4 endpoints of peers are reached through them too."""
        if tuple(prefixes) != self._translators:
            self._translators = tuple(prefixes)
            self._outside.set_translators(prefixes)

    def set_mappings(self, mappings: Sequence[Endpoint]) -> None:
        """The outer endpoints that routers hold open for the tunnel's port (PCP, NAT-PMP, UPnP); all of them, anew.

        A change is told to the peers at once.
        """
        if tuple(mappings) != self._place.mappings:
            self._place.mappings = tuple(mappings)
            self._tell_all()

    def ask_outside(self) -> None:
        """Somebody wants to know what this node looks like from outside: servers are asked now."""
        self._outside.ask()

    @property
    def is_asking_outside(self) -> bool:
        """Whether an answer to that is waited for."""
        return self._outside.is_asking

    def set_force_relay(self, *, forced: bool) -> None:
        """Whether only relays may be used: then no direct path is probed, offered or answered."""
        self._place.is_forced = forced
        now = time.monotonic()
        for way in self._ways.values():
            way.agent.handle_force_relay(now, forced=forced)
            self._touch(way)

    def close(self) -> None:
        """No timer is left."""
        self._deadlines.close()
        self._outside.close()

    # --- what is heard ---

    def handle_relay_hop(self, identity: Identity, hop: RelayHop | None, reason: str) -> None:
        """The way to this peer through a relay opened (again, or another), or is gone (None); `reason` in words.

        It is used at once where there is nothing better. What is told of a peer without a way here is kept for it.
        """
        self._relay_hops.pop(identity, None)
        if hop is not None:
            self._relay_hops[identity] = (hop, reason)
        way = self._ways.get(identity)
        if way is not None:
            way.agent.handle_relay(hop, reason, time.monotonic())
            self._touch(way)

    def handle_host_change(self, reason: str) -> None:
        """The host says that paths may have changed (an address, a route, resumed after a pause): look at all now."""
        log.debug("the host changed", reason=reason)
        self._outside.ask_anew()
        now = time.monotonic()
        families = {one.version for one in self._place.addresses if not one.is_loopback} or {4, 6}
        for way in self._ways.values():
            way.agent.handle_network_change(now, families)
            self._touch(way)

    def handle_signal(self, sender: Identity, sealed: bytes) -> None:
        """Sealed bytes from a peer, says the server."""
        way = self._ways.get(sender)
        if way is None:
            _keep_newest(self._early, sender, sealed, EARLY_SIGNALS_MAX)
            return
        try:
            told = self._envelopes.open(sender, way.peer.path_key, sealed)
        except WarrenError as error:
            self.refused.signal_forged += 1
            log.debug("a signal was refused", peer=way.peer.name, reason=error.text)
            return
        if told.heads:
            self._owner.heard_heads(way.peer, told.heads)
        if told.generation <= way.heard or told.generation in way.told:
            self.refused.signal_replayed += 1
            return
        if not told.endpoints and not told.reply_wanted:
            return
        way.heard = told.generation
        way.told.append(told.generation)
        now = time.monotonic()
        endpoints = peer_endpoints(told.endpoints, self._place.prefixes, self._translators)
        mapping = Mapping.of(told.mapping)
        way.agent.handle_candidates(endpoints, told.generation, now, mapping, is_call=told.reply_wanted)
        if told.reply_wanted:
            self._telling.signal(way, now, reply_wanted=False)
        self._touch(way)

    def handle_event(self, event: Event) -> None:
        """Something that the tunnel heard; what is not about paths is ignored."""
        if isinstance(event, UnknownInitiator):
            # MAC1 shows only that it knows our public key: a hint where to look if that peer becomes one
            if event.endpoint is not None:
                _keep_newest(self._unknown, event.public_key, event.endpoint, UNKNOWN_INITIATORS_MAX)
            return
        if isinstance(event, StunAnswered):
            self._outside.handle_answer(event)
            return
        if not isinstance(event, ProbeReceived | HeardElsewhere | SendFailed | HandshakeGaveUp):
            return
        way = self._ways.get(event.peer)
        if way is None:
            return
        now = time.monotonic()
        if isinstance(event, ProbeReceived):
            self._handle_probe(way, event, now)
        elif isinstance(event, HeardElsewhere):
            if self._is_usable(event.endpoint):
                way.agent.handle_elsewhere(event.endpoint, now)
        else:
            way.agent.handle_doubt(now)
        self._touch(way)

    def handle_silence(self, peer: Identity) -> None:
        """Packets go to this peer and none comes back."""
        self._tell(peer, PathAgent.handle_doubt)

    def handle_alive(self, peer: Identity) -> None:
        """Packets of this peer arrive."""
        self._tell(peer, PathAgent.handle_alive)

    def handle_traffic(self, peer: Identity) -> None:
        """Packets go to this peer."""
        self._tell(peer, PathAgent.handle_traffic)

    def tell_heads(self) -> None:
        """Tell the next peer that is online which heads this node holds."""
        online = sorted(identity for identity, way in self._ways.items() if way.peer.online)
        if online and self._owner.own_heads():
            self._told_last = next((one for one in online if one > self._told_last), online[0])
            self._telling.send(self._ways[Identity(self._told_last)], (), reply_wanted=False)

    # --- what is asked ---

    def state(self, peer: Identity) -> PathState | None:
        """The way to a peer; None where there is no agent (gate shut, no tunnel)."""
        way = self._ways.get(peer)
        return way.agent.state if way is not None else None

    def history(self, peer: Identity) -> History | None:
        """What happened on the way to a peer, and how good it was."""
        way = self._ways.get(peer)
        return way.agent.history if way is not None else None

    def nat(self, version: int) -> Nat:
        """What this node looks like from outside, by IPv4 or IPv6."""
        return self._outside.nat(version)

    @property
    def narrow(self) -> frozenset[Identity]:
        """The peers that no packets of full size reach on the path in use."""
        return frozenset(identity for identity, way in self._ways.items() if way.is_narrow)

    @property
    def mapping(self) -> Mapping:
        """How routers before this node make its outer endpoint."""
        return self._outside.mapping

    @property
    def is_forced(self) -> bool:
        """Whether only relays may be used."""
        return self._place.is_forced

    @property
    def peers(self) -> tuple[Identity, ...]:
        """The peers that have an agent."""
        return tuple(self._ways)

    # --- within ---

    def _add(self, peer: Peer, now: float) -> None:
        if self._tunnel is None:
            return
        try:
            outgoing = self._key(peer, self._envelopes.me, peer.identity, 0)
            incoming = [
                self._key(peer, peer.identity, self._envelopes.me, number)
                for number in range(len(self._envelopes.path_keys))
            ]
            for key in incoming:
                self._tunnel.set_probe_key(peer.identity, key.hint, key.key)
        except WarrenError as error:
            log.warning("a peer's path key is of no use", reason=error.text)
            return
        agent = PathAgent(self._budget, os.urandom)
        way = self._ways[peer.identity] = Way(peer, agent, outgoing, {key.hint: key for key in incoming})
        agent.handle_own_mapping(self._outside.mapping)
        agent.handle_force_relay(now, forced=self._place.is_forced)
        if peer.identity in self._relay_hops:
            agent.handle_relay(*self._relay_hops[peer.identity], now)
        agent.handle_online(now, online=peer.online)
        known = [*self._book.known(peer.identity)]
        way.greets = bool(known)
        known += [endpoint for key in peer.wireguard_keys if (endpoint := self._unknown.pop(key, None)) is not None]
        agent.start(peer_endpoints(known, self._place.prefixes, self._translators), now)
        self._touch(way)
        early = self._early.pop(peer.identity, None)
        if early is not None:
            self.handle_signal(peer.identity, early)

    def _remove(self, identity: Identity) -> None:
        way = self._ways.pop(identity)
        self._deadlines.set(identity, None)
        if way.is_narrow:
            self._owner.narrow_changed()
        if self._tunnel is None:
            return
        for hint in way.incoming:
            self._tunnel.remove_probe_key(hint)
        if identity in self._tunnel.peers():
            self._tunnel.set_endpoint(identity, None)
        self._owner.path_changed(identity)

    def _key(self, peer: Peer, sender: Identity, receiver: Identity, number: int) -> ProbeKey:
        own = self._envelopes.path_keys[number]
        return probe_key(own=own, peer_path_key=peer.path_key, network=self._network, sender=sender, receiver=receiver)

    def _is_usable(self, hop: Hop) -> bool:
        return isinstance(hop, RelayHop) or (not self._place.is_forced and is_probeable(hop, self._place.prefixes))

    def _handle_probe(self, way: Way, event: ProbeReceived, now: float) -> None:
        key = way.incoming.get(event.datagram[4:12])
        if key is None or self._tunnel is None or not self._is_usable(event.endpoint):
            return
        try:
            probe = decode_probe(event.datagram, key)
        except WarrenError:
            return  # the engine let it through, so it is of a version to come
        hop = event.endpoint
        if probe.kind is ProbeKind.PONG:
            was_asked = way.agent.handle_pong(hop, probe.txid, now)
            self.refused.probe_unasked += not was_asked
            if was_asked and probe.observed is not None and isinstance(hop, Endpoint):
                self._outside.handle_seen_by_peer(hop, probe.observed)
        elif probe.kind is ProbeKind.SIGNAL:
            if now - way.signal_at >= SIGNAL_DATAGRAM_GAP_S:
                way.signal_at = now
                self.handle_signal(way.peer.identity, probe.payload)
        else:
            # answered here, for a pong is as long as its ping; the agent's own answer would not know the length
            observed = hop if isinstance(hop, Endpoint) else None
            self._tunnel.send(hop, encode_pong(probe, observed, self._telling.next_counter(), way.outgoing))
            is_fresh = way.agent.handle_ping(hop, probe.counter, now, follow=probe.follow)
            self.refused.probe_replayed += not is_fresh

    def _tell(self, peer: Identity, what: Callable[[PathAgent, float], None]) -> None:
        way = self._ways.get(peer)
        if way is not None:
            what(way.agent, time.monotonic())
            self._touch(way)

    def _drain(self, way: Way, now: float) -> None:
        while (event := way.agent.poll_event()) is not None:
            self._act(way, event, now)  # first: STUN servers are asked before probes make mappings of their own
        while (transmit := way.agent.poll_transmit()) is not None:
            self._transmit(way, transmit)

    def _transmit(self, way: Way, ping: Ping) -> None:
        if self._tunnel is not None:
            size = FULL_PROBE_BYTES if ping.is_full else MIN_BYTES
            probe = Probe(ProbeKind.PING, self._telling.next_counter(), ping.transaction, None, size, ping.follow)
            self._tunnel.send(ping.endpoint, encode_probe(probe, way.outgoing))

    def _act(self, way: Way, event: AgentEvent, now: float) -> None:
        peer = way.peer.identity
        if isinstance(event, SendCandidates):
            if event.reply_wanted:
                self._outside.ask()
            self._telling.signal(way, now, reply_wanted=event.reply_wanted)
            return
        if isinstance(event, RelaySilent):
            self.on_relay_silent(peer, event.hop)
            return
        is_there = self._tunnel is not None and peer in self._tunnel.peers()
        if self._tunnel is not None and is_there:
            self._tunnel.set_endpoint(peer, event.endpoint if isinstance(event, UsePath) else None)
        if isinstance(event, UsePath):
            log.debug("a path is in use", peer=way.peer.name, endpoint=event.endpoint, reason=event.reason)
            if isinstance(event.endpoint, Endpoint):
                self._book.note_good(peer, event.endpoint)
            if way.greets and self._tunnel is not None and is_there:
                way.greets = False
                self._tunnel.initiate(peer)
        else:
            log.debug("the path is lost", peer=way.peer.name, endpoint=event.endpoint)
        self._owner.path_changed(peer)

    def _seen_otherwise(self) -> None:
        """The view from outside changed: peers are told, agents know what to expect."""
        for way in self._ways.values():
            way.agent.handle_own_mapping(self._outside.mapping)
        self._tell_all()

    def _tell_all(self) -> None:
        """Peers that look for a direct path, or have one, hear of our new candidates."""
        now = time.monotonic()
        for way in self._ways.values():
            if way.peer.online or way.agent.state.endpoint is not None:
                self._telling.signal(way, now, reply_wanted=False)
                self._touch(way)

    def _touch(self, way: Way) -> None:
        """A way's agent has changed: carry out what it wants, and put its deadline in the common row."""
        self._drain(way, time.monotonic())
        if self._ways.get(way.peer.identity) is not way:
            return
        self._deadlines.set(way.peer.identity, way.due)
        if way.is_narrow != way.agent.is_narrow:
            way.is_narrow = not way.is_narrow
            self._owner.narrow_changed()

    def _on_due(self, identity: Identity, now: float) -> None:
        way = self._ways[identity]
        if way.pace.due is not None and way.pace.due <= now:
            self._telling.signal(way, now, reply_wanted=False)
        way.agent.handle_timeout(now)
        self._touch(way)


def _keep_newest(table: dict[K, V], key: K, value: V, most: int) -> None:
    """Put an entry into a table of strangers' words; the oldest goes when it is full."""
    table.pop(key, None)
    if len(table) >= most:
        del table[next(iter(table))]
    table[key] = value
