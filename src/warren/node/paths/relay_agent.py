"""Which relays this node is connected to, where it asks for channels, and which hop leads to each peer. Pure.

Decides, from what there is, what is wanted, and gives the difference as actions; so a missed or repeated event heals.
A node is connected to its home relay, to one that stands by, and to the homes of the peers it wants; to all (within
RELAYS_HELD_MAX) while it measures and while a peer's home does not answer. It asks for a channel to each peer at the
peer's home; at its own home and the standby too, where there are not too many peers, so that a relay's death costs no
more than noticing it: the other channel is there. A channel that the peer opened is as good as one that was asked for.

Must not know sockets, papers (grants, certificates), endpoints or clocks: `now` is monotonic seconds. Shape of every
state machine of ours: `handle_*`, then `poll_action`, `poll_timeout`, `handle_timeout`.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from warren.limits import RELAY_SPARE_PEERS_MAX, RELAY_SUSPECT_S, RELAYS_HELD_MAX
from warren.model.addresses import RelayHop
from warren.model.ids import Identity
from warren.node.paths.relay_choice import HomeChoice, standby

MEASURE_FOR_S = 4.0  # all relays are connected for so long: UDP that is blocked has shown itself, TLS stands
MEASURE_EVERY_S = 600.0
SEARCH_AFTER_S = 0.5  # a peer without a hop for so long may be at another relay than we were told


@dataclass(frozen=True, slots=True)
class Hold:
    """Connect to this relay and stay connected."""

    relay: int


@dataclass(frozen=True, slots=True)
class Release:
    """This relay is not needed any more."""

    relay: int


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """Ask this relay, which is held, for a channel to this peer."""

    relay: int
    peer: Identity


@dataclass(frozen=True, slots=True)
class CloseChannel:
    """The channel is not wanted any more."""

    relay: int
    peer: Identity


@dataclass(frozen=True, slots=True)
class MoveHop:
    """The way to this peer through relays; None: there is none. `reason` is for people."""

    peer: Identity
    hop: RelayHop | None
    reason: str


@dataclass(frozen=True, slots=True)
class MoveHome:
    """This node is to be reached at this relay."""

    relay: int
    reason: str


Action = Hold | Release | OpenChannel | CloseChannel | MoveHop | MoveHome


@dataclass(slots=True)
class _Peer:
    home: int
    without_since: float
    asked: set[int] = field(default_factory=set)
    channels: dict[int, RelayHop] = field(default_factory=dict)
    hop: RelayHop | None = None
    suspects: dict[RelayHop, float] = field(default_factory=dict)
    """Channels that did not answer, and until when they are the last choice."""


class RelayAgent:
    """Decides for one network. `home`: that of the last run, 0: none."""

    def __init__(self, home: int, now: float) -> None:
        self._choice = HomeChoice(home)
        self._known: tuple[int, ...] = ()
        self._answering: dict[int, float] = {}
        self._held: set[int] = set()
        self._peers: dict[Identity, _Peer] = {}
        self._measure_until = now + MEASURE_FOR_S
        self._measure_at = now + MEASURE_EVERY_S
        self._actions: deque[Action] = deque()

    # --- inputs ---

    def set_relays(self, relays: Sequence[int], now: float) -> None:
        """These are the relays of the network that this node may use."""
        if tuple(relays) == self._known:
            return
        fresh = set(relays) - set(self._known)
        self._known = tuple(relays)
        if fresh:
            self._measure(now)
        for gone in set(self._answering) - set(relays):
            self._forget(gone)
        self._settle(now)

    def want(self, peer: Identity, home: int, now: float) -> None:
        """A hop to this peer is wanted; `home`: where it can be reached, as it was told last (0: not known)."""
        known = self._peers.get(peer)
        if known is None:
            self._peers[peer] = known = _Peer(home, now)
        elif known.home == home:
            return
        known.home = home
        self._settle(now)

    def unwant(self, peer: Identity, now: float) -> None:
        """No hop to this peer is wanted any more."""
        known = self._peers.pop(peer, None)
        if known is None:
            return
        self._actions.extend(CloseChannel(relay, peer) for relay in sorted(known.asked & self._held))
        if known.hop is not None:
            self._actions.append(MoveHop(peer, None, "not wanted"))
        self._settle(now)

    def handle_connected(self, relay: int, rtt_s: float, now: float) -> None:
        """The session with a relay stands; also after every measurement."""
        if relay in self._held:
            self._answering[relay] = rtt_s
            self._settle(now)

    def handle_lost(self, relay: int, now: float) -> None:
        """Nothing passes through this relay."""
        if relay in self._answering:
            self._forget(relay)
            self._settle(now)

    def handle_channel(self, peer: Identity, hop: RelayHop, now: float) -> None:
        """A channel leads to this peer."""
        known = self._peers.get(peer)
        if known is not None and hop.relay in self._held:
            known.channels[hop.relay] = hop
            self._route(peer, known, now)

    def handle_channel_gone(self, peer: Identity, hop: RelayHop, now: float) -> None:
        """The peer is not at that relay any more."""
        known = self._peers.get(peer)
        if known is not None and known.channels.get(hop.relay) == hop:
            del known.channels[hop.relay]
            self._route(peer, known, now)

    def handle_silent(self, peer: Identity, hop: RelayHop, now: float) -> None:
        """The channel stands, but the peer does not answer through it: any other is better for a while."""
        known = self._peers.get(peer)
        if known is not None and known.channels.get(hop.relay) == hop:
            known.suspects = {one: until for one, until in known.suspects.items() if until > now}
            known.suspects[hop] = now + RELAY_SUSPECT_S
            self._settle(now)

    def handle_network_change(self, now: float) -> None:
        """This machine is elsewhere: other relays may be nearer."""
        self._measure(now)
        self._settle(now)

    def handle_timeout(self, now: float) -> None:
        """Do what is due. Calling early or late is harmless."""
        if self._measure_at <= now:
            self._measure(now)
        self._settle(now)

    # --- outputs ---

    def poll_action(self) -> Action | None:
        """The next action, None where there is none."""
        return self._actions.popleft() if self._actions else None

    def poll_timeout(self, now: float) -> tuple[float, str]:
        """When `handle_timeout` is due and what for."""
        due = [(self._measure_at, "the next measurement")]
        if self._measure_until > now:
            due.append((self._measure_until, "the end of the measurement"))
        if (look := self._choice.due(self._answering)) is not None:
            due.append((max(look, now), "another home"))
        search_at = min((p.without_since for p in self._peers.values() if p.hop is None), default=None)
        if search_at is not None and search_at + SEARCH_AFTER_S > now:
            due.append((search_at + SEARCH_AFTER_S, "a peer that no relay has"))
        return min(due)

    @property
    def home(self) -> int:
        """The relay where this node can be reached; 0: none yet."""
        return self._choice.home

    @property
    def held(self) -> frozenset[int]:
        """The relays that this node is, or tries to be, connected to."""
        return frozenset(self._held)

    def round_trip_s(self, relay: int) -> float | None:
        """Of a relay that answers."""
        return self._answering.get(relay)

    def hop(self, peer: Identity) -> RelayHop | None:
        """The hop in force."""
        known = self._peers.get(peer)
        return known.hop if known is not None else None

    # --- within ---

    def _measure(self, now: float) -> None:
        self._measure_until, self._measure_at = now + MEASURE_FOR_S, now + MEASURE_EVERY_S

    def _forget(self, relay: int) -> None:
        """Nothing leads through this relay; the engine tells of its channels anew when it is back."""
        self._answering.pop(relay, None)
        for peer in self._peers.values():
            peer.channels.pop(relay, None)

    def _settle(self, now: float) -> None:
        moved = self._choice.choose(self._answering, now)
        if moved is not None:
            self._actions.append(MoveHome(moved.relay, moved.reason))
        wanted = self._wanted(now)
        for relay in sorted(self._held - wanted):
            self._forget(relay)
            for peer in self._peers.values():
                peer.asked.discard(relay)
            self._actions.append(Release(relay))
        self._actions.extend(Hold(relay) for relay in self._known if relay in wanted - self._held)
        self._held = wanted
        for identity, peer in self._peers.items():
            self._route(identity, peer, now)

    def _wanted(self, now: float) -> set[int]:
        """The relays to be connected to, the most needed first."""
        spare = standby(self.home, self._answering)
        homes = dict.fromkeys(peer.home for peer in self._peers.values())
        order: Iterable[int] = (self.home, *homes, spare)
        is_measuring = now < self._measure_until or not self._answering
        if is_measuring or any(self._is_lost(peer, now) for peer in self._peers.values()):
            nearest = sorted(self._known, key=lambda relay: self._answering.get(relay, 1.0))
            order = (*order, *nearest)
        known = set(self._known)
        return set([relay for relay in dict.fromkeys(order) if relay in known][:RELAYS_HELD_MAX])

    def _is_lost(self, peer: _Peer, now: float) -> bool:
        """Nobody knows where the peer is: its home does not answer, or does not have it."""
        return peer.hop is None and now - peer.without_since >= SEARCH_AFTER_S

    def _route(self, identity: Identity, peer: _Peer, now: float) -> None:
        """Ask where to ask, and take the best of the channels that there are."""
        wanted = self._asking(peer, now)
        self._actions.extend(CloseChannel(relay, identity) for relay in sorted(peer.asked - wanted))
        self._actions.extend(OpenChannel(relay, identity) for relay in sorted(wanted - peer.asked))
        peer.asked = wanted
        hop = self._best(peer, now)
        if hop == peer.hop:
            return
        before, peer.hop = peer.hop, hop
        if hop is None:
            peer.without_since = now
            reason = (
                "the relay is lost" if before and before.relay not in self._answering else "the peer left the relay"
            )
        elif before is None:
            reason = "a relay has the peer"
        elif before.relay not in self._answering:
            reason = "the relay before is lost"
        else:
            reason = "the peer's home" if hop.relay == peer.home else "the peer left the relay before"
        self._actions.append(MoveHop(identity, hop, reason))

    def _asking(self, peer: _Peer, now: float) -> set[int]:
        if self._is_lost(peer, now) or (peer.hop is not None and peer.suspects.get(peer.hop, now) > now):
            return set(self._held)
        spares = (self.home, standby(self.home, self._answering)) if len(self._peers) <= RELAY_SPARE_PEERS_MAX else ()
        kept = peer.asked if peer.hop is None else {peer.hop.relay}
        return {relay for relay in (peer.home, *spares, *kept) if relay in self._held}

    def _best(self, peer: _Peer, now: float) -> RelayHop | None:
        usable = {relay: hop for relay, hop in peer.channels.items() if relay in self._answering}
        trusted = {relay: hop for relay, hop in usable.items() if peer.suspects.get(hop, now) <= now}
        usable = trusted or usable
        for preferred in (peer.home, peer.hop.relay if peer.hop is not None else 0, self.home):
            if preferred in usable:
                return usable[preferred]
        nearest = min(usable, key=lambda relay: (self._answering[relay], relay), default=None)
        return usable[nearest] if nearest is not None else None
