"""The shell of the path agents of one network: gives them a clock, the tunnel's socket and the sealed signals.

Decides nothing about paths. It holds one agent a peer that policy allows, registers the probe keys with the engine,
turns what an agent wants into datagrams and signals, what the engine hears into inputs, and sets the endpoint that an
agent chose. One timer serves all agents. A peer's signal that comes before the peer is in the map waits shortly.

Only events of the tunnel and calls of the owning task come here, all on the event loop: no lock is needed.
"""

import asyncio
import heapq
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol, TypeVar

from warren.errors import WarrenError
from warren.limits import EARLY_SIGNALS_MAX, SIGNAL_GAP_S, UNKNOWN_INITIATORS_MAX
from warren.log import Log
from warren.model.addresses import Endpoint, RelayHop
from warren.model.ids import Identity, NetworkId
from warren.node.dataplane.interface import (
    Event,
    HandshakeGaveUp,
    HeardElsewhere,
    ProbeReceived,
    SendFailed,
    Tunnel,
    UnknownInitiator,
)
from warren.node.netmap import NetworkMap, Peer
from warren.node.paths.agent import Event as AgentEvent
from warren.node.paths.agent import PathAgent, PathState, SendCandidates, Transmit, UsePath
from warren.node.paths.budget import ProbeBudget
from warren.node.paths.candidates import Prefix, is_probeable, local_endpoints, peer_endpoints
from warren.node.paths.endpoints import EndpointBook
from warren.node.paths.signals import Envelopes
from warren.protocol.peer.candidates import Candidates
from warren.protocol.peer.probe import Probe, ProbeKey, ProbeKind, decode_probe, encode_pong, encode_probe, probe_key

log = Log("paths")
K = TypeVar("K")
V = TypeVar("V")
SendSignal = Callable[[Identity, bytes], bool]


class Owner(Protocol):
    """Whom the prober tells, and whose heads travel with signals: its network."""

    def path_changed(self, peer: Identity) -> None:
        """A peer's path came, changed or went."""

    def own_heads(self) -> tuple[bytes, ...]:
        """The heads that this node holds, to be told to peers."""

    def heard_heads(self, peer: Peer, heads: tuple[bytes, ...]) -> None:
        """What a peer told; that it was this peer is certain."""


@dataclass(slots=True)
class _Way:
    """One peer: its agent and the keys of both directions; `incoming` by hint (one for each path key of ours)."""

    peer: Peer
    agent: PathAgent
    outgoing: ProbeKey
    incoming: dict[bytes, ProbeKey]
    signalled_at: float = -SIGNAL_GAP_S
    due: float | None = None
    relay: RelayHop | None = None
    greets: bool = False
    """Begin a handshake with the first path: the peer may hold a session with the process that we were before."""


class Prober:
    """All ways of one network. `set_tunnel`, `set_map` and `set_addresses` say what there is; events come in."""

    def __init__(
        self,
        network: NetworkId,
        envelopes: Envelopes,
        book: EndpointBook,
        send_signal: SendSignal,
        owner: Owner,
    ) -> None:
        self._network = network
        self._envelopes = envelopes
        self._book = book
        self._send_signal = send_signal
        self._owner = owner
        self._told_last = b""
        self._budget = ProbeBudget()
        self._tunnel: Tunnel | None = None
        self._ways: dict[Identity, _Way] = {}
        self._prefixes: tuple[Prefix, ...] = ()
        self._addresses: tuple[IPv4Address | IPv6Address, ...] = ()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for: float | None = None
        self._deadlines: list[tuple[float, Identity]] = []  # one live entry a way; stale ones go when they come up
        self._counter = 0
        self._early: dict[Identity, bytes] = {}
        self._unknown: dict[bytes, Endpoint] = {}
        self._stun_servers: tuple[Endpoint, ...] = ()
        self._mappings: tuple[Endpoint, ...] = ()

    # --- what there is ---

    def set_tunnel(self, tunnel: Tunnel | None) -> None:
        """The tunnel was opened anew, or closed: paths and keys of the old one are void."""
        if tunnel is self._tunnel:
            return
        self._tunnel = tunnel
        for identity in list(self._ways):
            self._remove(identity)

    def set_map(self, network: NetworkMap, prefixes: Sequence[Prefix]) -> None:
        """Who is a peer, after the engine knows them; `prefixes` are those of all networks of this machine."""
        if self._tunnel is None:
            return
        self._prefixes = tuple(prefixes)
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
            else:
                way.peer = peer
                way.agent.handle_online(now, online=peer.online)
                self._touch(way)

    def set_addresses(self, addresses: Sequence[IPv4Address | IPv6Address]) -> None:
        """This machine's addresses; a change makes every path be looked at again."""
        if tuple(addresses) == self._addresses:
            return
        is_first = not self._addresses
        self._addresses = tuple(addresses)
        if is_first:
            return
        now = time.monotonic()
        for way in self._ways.values():
            way.agent.handle_network_change(now)
            self._touch(way)

    def set_stun_servers(self, servers: Sequence[Endpoint]) -> None:
        """Who may be asked what our address looks like from outside: the STUN ports of the server and its relays."""
        self._stun_servers = tuple(servers)

    def set_mappings(self, mappings: Sequence[Endpoint]) -> None:
        """The outer endpoints that routers hold open for the tunnel's port (PCP, NAT-PMP, UPnP); all of them, anew.

        A change is told to the peers at once.
        """
        if tuple(mappings) == self._mappings:
            return
        self._mappings = tuple(mappings)
        now = time.monotonic()
        for way in self._ways.values():
            self._signal(way, now, reply_wanted=False)

    # --- what is heard of relays and the host ---

    def handle_relay_hop(self, identity: Identity, hop: RelayHop | None, reason: str) -> None:
        """The way to this peer through a relay opened (again, or another), or is gone (None); `reason` in words.

        It is used at once where there is nothing better. A peer that has no way here is ignored.
        """
        way = self._ways.get(identity)
        if way is not None:
            way.relay = hop
            log.debug("a relay's channel", peer=way.peer.name, hop=hop, reason=reason)
            if way.agent.state.endpoint is None and self._tunnel is not None:
                self._tunnel.set_endpoint(identity, hop)

    def handle_host_change(self, reason: str) -> None:
        """The host says that paths may have changed (an address, a route, resumed after a pause): look at all now."""
        log.debug("the host changed", reason=reason)
        now = time.monotonic()
        for way in self._ways.values():
            way.agent.handle_network_change(now)
            self._touch(way)

    def close(self) -> None:
        """No timer is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- what is heard ---

    def handle_signal(self, sender: Identity, sealed: bytes) -> None:
        """Sealed bytes from a peer, says the server."""
        way = self._ways.get(sender)
        if way is None:
            _keep_newest(self._early, sender, sealed, EARLY_SIGNALS_MAX)
            return
        try:
            told = self._envelopes.open(sender, way.peer.path_key, sealed)
        except WarrenError as error:
            log.debug("a signal was refused", peer=way.peer.name, reason=error.text)
            return
        if told.heads:
            self._owner.heard_heads(way.peer, told.heads)
        if not told.endpoints and not told.reply_wanted:
            return
        now = time.monotonic()
        way.agent.handle_candidates(peer_endpoints(told.endpoints, self._prefixes), told.generation, now)
        if told.reply_wanted:
            self._signal(way, now, reply_wanted=False)
        self._touch(way)

    def handle_event(self, event: Event) -> None:
        """Something that the tunnel heard; what is not about paths is ignored."""
        if isinstance(event, UnknownInitiator):
            # MAC1 shows only that it knows our public key: a hint where to look if that peer becomes one
            if event.endpoint is not None:
                _keep_newest(self._unknown, event.public_key, event.endpoint, UNKNOWN_INITIATORS_MAX)
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
            if isinstance(event.endpoint, Endpoint) and is_probeable(event.endpoint, self._prefixes):
                way.agent.handle_elsewhere(event.endpoint, now)
        else:
            way.agent.handle_doubt(now)
        self._touch(way)

    def handle_silence(self, peer: Identity) -> None:
        """Packets go to this peer and none comes back."""
        way = self._ways.get(peer)
        if way is not None:
            now = time.monotonic()
            way.agent.handle_doubt(now)
            self._touch(way)

    def tell_heads(self) -> None:
        """Tell the next peer that is online which heads this node holds."""
        online = sorted(identity for identity, way in self._ways.items() if way.peer.online)
        if online and self._owner.own_heads():
            self._told_last = next((one for one in online if one > self._told_last), online[0])
            self._send(self._ways[Identity(self._told_last)], (), reply_wanted=False)

    # --- what is asked ---

    def state(self, peer: Identity) -> PathState | None:
        """The way to a peer; None where there is no agent (gate shut, no tunnel)."""
        way = self._ways.get(peer)
        return way.agent.state if way is not None else None

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
        way = self._ways[peer.identity] = _Way(peer, agent, outgoing, {key.hint: key for key in incoming})
        agent.handle_online(now, online=peer.online)
        known = [*self._book.known(peer.identity)]
        way.greets = bool(known)
        known += [endpoint for key in peer.wireguard_keys if (endpoint := self._unknown.pop(key, None)) is not None]
        agent.start(peer_endpoints(known, self._prefixes), now)
        self._touch(way)
        early = self._early.pop(peer.identity, None)
        if early is not None:
            self.handle_signal(peer.identity, early)

    def _remove(self, identity: Identity) -> None:
        way = self._ways.pop(identity)
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

    def _handle_probe(self, way: _Way, event: ProbeReceived, now: float) -> None:
        key = way.incoming.get(event.datagram[4:12])
        if key is None or self._tunnel is None or not isinstance(event.endpoint, Endpoint):
            return
        try:
            probe = decode_probe(event.datagram, key)
        except WarrenError:
            return  # the engine let it through, so it is of a version to come
        if probe.kind is ProbeKind.PONG:
            way.agent.handle_pong(event.endpoint, probe.txid, now)
            return
        if not is_probeable(event.endpoint, self._prefixes):
            return
        # answered here, for a pong is as long as its ping; the agent's own answer would not know the length
        self._tunnel.send(event.endpoint, encode_pong(probe, event.endpoint, self._next_counter(), way.outgoing))
        way.agent.handle_ping(event.endpoint, probe.counter, now)

    def _drain(self, way: _Way, now: float) -> None:
        while (transmit := way.agent.poll_transmit()) is not None:
            self._transmit(way, transmit)
        while (event := way.agent.poll_event()) is not None:
            self._act(way, event, now)

    def _transmit(self, way: _Way, ping: Transmit) -> None:
        if self._tunnel is not None:
            probe = Probe(ProbeKind.PING, self._next_counter(), ping.transaction)
            self._tunnel.send(ping.endpoint, encode_probe(probe, way.outgoing))

    def _act(self, way: _Way, event: AgentEvent, now: float) -> None:
        peer = way.peer.identity
        if isinstance(event, SendCandidates):
            self._signal(way, now, reply_wanted=event.reply_wanted)
            return
        if self._tunnel is not None and peer in self._tunnel.peers():
            self._tunnel.set_endpoint(peer, event.endpoint if isinstance(event, UsePath) else None)
        if isinstance(event, UsePath):
            log.debug("a path is in use", peer=way.peer.name, endpoint=event.endpoint, reason=event.reason)
            self._book.note_good(peer, event.endpoint)
            if way.greets and self._tunnel is not None and peer in self._tunnel.peers():
                way.greets = False
                self._tunnel.initiate(peer)
        else:
            log.debug("the path is lost", peer=way.peer.name, endpoint=event.endpoint)
        self._owner.path_changed(peer)

    def _signal(self, way: _Way, now: float, *, reply_wanted: bool) -> None:
        if self._tunnel is None or now - way.signalled_at < SIGNAL_GAP_S:
            return
        endpoints = local_endpoints(self._addresses, self._tunnel.port, self._prefixes) + self._mappings
        if self._send(way, endpoints, reply_wanted=reply_wanted):
            way.signalled_at = now

    def _send(self, way: _Way, endpoints: tuple[Endpoint, ...], *, reply_wanted: bool) -> bool:
        generation = int(time.time() * 1000)
        told = Candidates(
            endpoints=endpoints, generation=generation, reply_wanted=reply_wanted, heads=self._owner.own_heads()
        )
        try:
            sealed = self._envelopes.seal(way.peer.identity, way.peer.path_key, told, os.urandom(32))
        except WarrenError as error:
            log.warning("a signal cannot be sealed", reason=error.text)
            return False
        return self._send_signal(way.peer.identity, sealed)

    def _next_counter(self) -> int:
        """Ascends over restarts too, unless the clock went back: then pings are answered and teach the peer nothing."""
        self._counter = max(self._counter + 1, time.time_ns())
        return self._counter

    def _touch(self, way: _Way) -> None:
        """A way's agent has changed: carry out what it wants, and put its deadline in the common row."""
        self._drain(way, time.monotonic())
        timeout = way.agent.poll_timeout()
        due = timeout[0] if timeout is not None else None
        if due != way.due:
            way.due = due
            if due is not None:
                heapq.heappush(self._deadlines, (due, way.peer.identity))
        self._arm()

    def _is_stale(self, deadline: tuple[float, Identity]) -> bool:
        way = self._ways.get(deadline[1])
        return way is None or way.due != deadline[0]

    def _arm(self) -> None:
        while self._deadlines and self._is_stale(self._deadlines[0]):
            heapq.heappop(self._deadlines)
        due = self._deadlines[0][0] if self._deadlines else None
        if due == self._armed_for:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = due
        delay_s = max(due - time.monotonic(), 0.0) if due is not None else 0.0
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick) if due is not None else None

    def _tick(self) -> None:
        self._timer, self._armed_for = None, None
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline = heapq.heappop(self._deadlines)
            if self._is_stale(deadline):
                continue
            way = self._ways[deadline[1]]
            way.due = None
            way.agent.handle_timeout(now)
            self._touch(way)
        self._arm()


def _keep_newest(table: dict[K, V], key: K, value: V, most: int) -> None:
    """Put an entry into a table of strangers' words; the oldest goes when it is full."""
    table.pop(key, None)
    if len(table) >= most:
        del table[next(iter(table))]
    table[key] = value
