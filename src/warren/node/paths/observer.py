"""What this node looks like from outside: asks STUN servers from the tunnel's own port (RFC 8489). Pure.

Decides who is asked when, and what the answers say together (`nat`): an answer counts from the server that was asked,
with the transaction of that request; the engine let nothing else through. What a peer's pong says of our address counts
like a server's word on how mappings are made, and is offered to others only where no server answers: a peer may lie.
Must not know sockets: `Ask` is what to send, `ask` and `handle_timeout` say when. Times are monotonic seconds.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from warren.errors import WarrenError
from warren.limits import STUN_ANSWER_MAX_S, STUN_SERVERS_MAX
from warren.model.addresses import Endpoint
from warren.node.paths.nat import Mapping, Nat, Seen, classify
from warren.wire.stun import BindingSuccess, decode_binding_response, encode_binding_request

ASK_AT = (0.0, 0.25, 0.75, 1.75)  # repetitions of one request
ASK_AGAIN_S = 27.0  # below the 30 s after which routers forget; a mapping that moved is known by then
ASK_GAP_S = 2.0  # what was heard so recently is not asked again
COUNTED_GAP_S = (
    45.0  # the same where ports are counted: only a mapping that was forgotten and made anew shows the count
)
COUNTED_AGAIN_S = 300.0
ORDER_S = 1e-6  # requests of one moment are told apart by this: the order of mappings is the order of requests
SEEN_FOR_S = 120.0  # an observation is evidence for so long
PEERS_SEEN_MAX = 8  # words of peers that are remembered, the newest


@dataclass(frozen=True, slots=True)
class Ask:
    """Send this to a server, and let its answer through for STUN_ANSWER_MAX_S."""

    server: Endpoint
    transaction: bytes
    datagram: bytes


@dataclass(slots=True)
class _Server:
    endpoint: Endpoint
    schedule: deque[float] = field(default_factory=deque)
    transaction: bytes = b""
    asked_at: float = 0.0
    gives_up_at: float | None = None
    failures: int = 0
    seen: Seen | None = None


class Observer:
    """Of one tunnel. `changed` is true once after the outside view changed."""

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        self._rng = rng
        self._servers: dict[Endpoint, _Server] = {}
        self._peers: dict[Endpoint, Seen] = {}
        self._own: frozenset[IPv4Address | IPv6Address] = frozenset()
        self._port = 0
        self._last_asked_at = 0.0
        self._asks: deque[Ask] = deque()
        self._told: tuple[Nat, Nat] = (Nat(), Nat())
        self._view: tuple[Nat, Nat] = (Nat(), Nat())

    # --- inputs ---

    def set_servers(self, servers: Iterable[Endpoint], now: float) -> None:
        """Who may be asked; new ones are asked at once."""
        wanted = list(dict.fromkeys(servers))[:STUN_SERVERS_MAX]
        self._servers = {one: self._servers.get(one) or _Server(one) for one in wanted}
        for server in self._servers.values():
            if not server.transaction:
                self._begin(server, now)
        self._judge(now)

    def set_own(self, addresses: Iterable[IPv4Address | IPv6Address], port: int, now: float) -> None:
        """This machine's addresses and the tunnel's port; what was seen of others counts no more."""
        own = frozenset(addresses)
        if (own, port) == (self._own, self._port):
            return
        self._own, self._port = own, port
        self._peers.clear()
        for server in self._servers.values():
            server.seen = None
            self._begin(server, now)
        self._judge(now)

    def ask(self, now: float) -> None:
        """The outside view matters now: ask whoever has not answered just now."""
        gap_s = COUNTED_GAP_S if self._view[0].is_counted else ASK_GAP_S
        for server in self._servers.values():
            is_fresh = server.seen is not None and now - server.seen.at < gap_s
            if not is_fresh and server.gives_up_at is None:
                self._begin(server, now)

    def ask_anew(self, now: float) -> None:
        """The network changed: what was seen is of yesterday."""
        self._peers.clear()
        for server in self._servers.values():
            self._begin(server, now)

    def handle_answer(self, datagram: bytes, source: Endpoint, now: float) -> None:
        """An answer that the engine let through."""
        server = self._servers.get(source)
        if server is None or server.gives_up_at is None:
            return
        try:
            answer = decode_binding_response(datagram)
        except WarrenError:
            return  # no answer is what it amounts to
        if answer.transaction != server.transaction or not isinstance(answer, BindingSuccess):
            return
        server.seen = Seen(source, answer.mapped, server.asked_at)
        server.failures = 0
        self._rest(server, now)
        self._judge(now)

    def handle_seen_by_peer(self, peer: Endpoint, outer: Endpoint, now: float) -> None:
        """A peer's pong says where our ping came from."""
        if peer not in self._peers and len(self._peers) >= PEERS_SEEN_MAX:
            del self._peers[min(self._peers, key=lambda one: self._peers[one].at)]
        self._peers[peer] = Seen(peer, outer, now)
        self._judge(now)

    def handle_timeout(self, now: float) -> None:
        """Ask where it is due, give up where it took too long."""
        for server in self._servers.values():
            if server.gives_up_at is not None and server.gives_up_at <= now:
                server.failures += 1
                server.seen = None
                self._rest(server, now)
            elif server.gives_up_at is None and server.schedule and server.schedule[0] <= now:
                self._begin(server, now)
            self._send_due(server, now)
        self._judge(now)

    # --- outputs ---

    def poll_transmit(self) -> Ask | None:
        """The next request to send."""
        return self._asks.popleft() if self._asks else None

    def poll_timeout(self) -> tuple[float, str] | None:
        """When `handle_timeout` is due and what for."""
        due = [(server.schedule[0], "ask a STUN server") for server in self._servers.values() if server.schedule]
        due += [(s.gives_up_at, "a STUN answer") for s in self._servers.values() if s.gives_up_at is not None]
        return min(due) if due else None

    def take_change(self) -> bool:
        """Whether the view from outside differs from what this said last."""
        changed, self._told = self._view != self._told, self._view
        return changed

    @property
    def is_asking(self) -> bool:
        """Whether an answer is waited for."""
        return any(server.gives_up_at is not None for server in self._servers.values())

    def nat(self, version: int) -> Nat:
        """The view from outside, of IPv4 or IPv6."""
        return self._view[version == 6]

    @property
    def mapping(self) -> Mapping:
        """The one word for both: how IPv4 is mapped; where that is unknown, whether UDP passes at all."""
        four = self._view[0].mapping
        return four if four is not Mapping.UNKNOWN else self._blocked()

    def seen_by(self) -> Sequence[Seen]:
        """What each server saw last, for `netcheck`."""
        return tuple(server.seen for server in self._servers.values() if server.seen is not None)

    # --- within ---

    def _begin(self, server: _Server, now: float) -> None:
        server.transaction = self._rng(12)
        self._last_asked_at = server.asked_at = max(now, self._last_asked_at + ORDER_S)
        server.schedule = deque(now + offset_s for offset_s in ASK_AT)
        server.gives_up_at = now + STUN_ANSWER_MAX_S
        self._send_due(server, now)

    def _rest(self, server: _Server, now: float) -> None:
        server.gives_up_at = None
        again_s = COUNTED_AGAIN_S if self._view[0].is_counted else ASK_AGAIN_S
        server.schedule = deque((now + again_s * (0.9 + 0.2 * self._rng(1)[0] / 255),))

    def _send_due(self, server: _Server, now: float) -> None:
        while server.gives_up_at is not None and server.schedule and server.schedule[0] <= now:
            server.schedule.popleft()
            if len(self._asks) < STUN_SERVERS_MAX * len(ASK_AT):
                datagram = encode_binding_request(server.transaction)
                self._asks.append(Ask(server.endpoint, server.transaction, datagram))

    def _judge(self, now: float) -> None:
        seen = [server.seen for server in self._servers.values() if server.seen is not None]
        seen += self._peers.values()
        fresh = [one for one in seen if now - one.at < SEEN_FOR_S]
        views = []
        for version in (4, 6):
            family = [one for one in fresh if one.outer.address.version == version]
            nat = classify(family, self._own, self._port)
            by_servers = classify([one for one in family if one.observer in self._servers], self._own, self._port)
            # without a server what peers say is better than nothing: one that lies costs others a few probes
            step = by_servers.step if by_servers.mapping is nat.mapping else 0
            views.append(Nat(nat.mapping, by_servers.outer or nat.outer, step))
        self._view = (views[0], views[1])

    def _blocked(self) -> Mapping:
        servers = list(self._servers.values())
        is_blocked = bool(servers) and all(one.seen is None and one.failures > 0 for one in servers)
        return Mapping.BLOCKED if is_blocked else Mapping.UNKNOWN
