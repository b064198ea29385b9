"""The mapper: one port mapping at one gateway, over its whole life. Pure.

Decides which protocol is used (the best that is present; a better one gets PORTMAP_HEADSTART_S to answer), when the
mapping is renewed (half its life, then half of what is left), checked (every PORTMAP_CHECK_S: a gateway that restarted
forgets), begun anew, and given back. Lifetimes are clamped, claims that are not believed are given back at once. A
gateway or port that changes is another mapper. Must not know sockets, other networks, or what the mapping is for.

Shape of every state machine of ours; `now` counts on while the machine sleeps (the mapping's life does too).
"""

from collections import deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address

from warren.limits import (
    PORTMAP_CHECK_S,
    PORTMAP_HEADSTART_S,
    PORTMAP_LIFETIME_MAX_S,
    PORTMAP_LIFETIME_MIN_S,
    PORTMAP_LOST_GAP_S,
    PORTMAP_OUTBOX_MAX,
    PORTMAP_RELEASE_MAX_S,
    PORTMAP_RENEW_GAP_MIN_S,
    PORTMAP_RETRY_S,
)
from warren.model.addresses import Endpoint
from warren.node.paths.portmap.claims import claim_problem
from warren.node.paths.portmap.client import (
    Absent,
    Client,
    Datagram,
    Gateway,
    Granted,
    HttpAnswer,
    HttpRequest,
    Kept,
    Lost,
    Method,
    Outcome,
    Present,
    Refused,
    Released,
    Silent,
)


class Phase(Enum):
    """What the mapper is about."""

    IDLE = auto()
    SEEKING = auto()
    ASKING = auto()
    MAPPED = auto()
    RESTING = auto()
    RELEASING = auto()
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping that stands: until when (by the mapper's clock), unless it is renewed."""

    method: Method
    external: Endpoint
    expires_at: float


@dataclass(frozen=True, slots=True)
class Mapped:
    """The mapping came, or came back elsewhere."""

    mapping: Mapping


@dataclass(frozen=True, slots=True)
class Renewed:
    """The same endpoint for longer."""

    mapping: Mapping


@dataclass(frozen=True, slots=True)
class Unmapped:
    """It is gone."""

    reason: str


Event = Mapped | Renewed | Unmapped
Sent = tuple[Method, Datagram | HttpRequest]


class PortMapper:
    """`start` begins (or `release_leftover` ends what a run before left); `release` is the end."""

    def __init__(self, gateway: Gateway, clients: Sequence[Client]) -> None:
        """`clients`: the best protocol first, each made for the same gateway and port."""
        self.gateway = gateway
        self.phase = Phase.IDLE
        self.mapping: Mapping | None = None
        self.found: dict[Method, str] = {}
        """What is known of each protocol: `present`, or why it is of no use."""
        self._clients = {client.method: client for client in clients}
        self._active: Client | None = None
        self._present: set[Method] = set()
        self._suggested: Endpoint | None = None
        self._left_by: Method | None = None
        self._seen: AbstractSet[IPv4Address | IPv6Address] = frozenset()
        self._began_at = 0.0
        self._act_at: float | None = None  # the head start ends, the rest, the release
        self._renew_at: float | None = None
        self._check_at: float | None = None
        self._is_asked = False  # the active client owes an answer to `ask`
        self._is_checking = False
        self._is_lost = False
        self._rests = 0
        self._events: deque[Event] = deque(maxlen=PORTMAP_OUTBOX_MAX)

    # --- inputs ---

    def start(self, suggested: Endpoint | None, now: float, left_by: Method | None = None) -> None:
        """Look which protocols there are, and get a mapping; best the one that a run before had.

        `left_by`: that one still stands, made by this protocol, and is given back with an end that comes before an
        answer.
        """
        self._suggested, self._left_by = suggested, left_by
        self._seek(now)

    def release_leftover(self, method: Method, external: Endpoint, now: float) -> None:
        """Give back what a run before left at this gateway for this port."""
        self._active = self._clients[method]
        self.mapping = Mapping(method, external, now)
        self.phase = Phase.RELEASING
        self._act_at = now + PORTMAP_RELEASE_MAX_S
        if method is Method.UPNP:
            self._active.detect(now)  # its entries have no address of their own
        else:
            self._active.release(external, now)
        self._advance(now)

    def release(self, now: float) -> None:
        """Give the mapping back; `is_done` when the gateway has answered or had its time."""
        if self.phase in {Phase.RELEASING, Phase.DONE}:
            return
        if self._active is None or (self.mapping is None and not self._is_asked):
            if self._left_by is not None and self._suggested is not None:
                self.release_leftover(self._left_by, self._suggested, now)
            else:
                self.phase = Phase.DONE
            return
        held = self.mapping.external if self.mapping is not None else (self._suggested or _nowhere(self.gateway))
        self.phase = Phase.RELEASING
        self._act_at, self._renew_at, self._check_at = now + PORTMAP_RELEASE_MAX_S, None, None
        self._active.release(held, now)
        self._advance(now)

    def set_seen(self, seen: AbstractSet[IPv4Address | IPv6Address], now: float) -> None:
        """Under which addresses servers see this machine."""
        self._seen = seen
        if self.mapping is not None and self.phase is Phase.MAPPED:
            problem = claim_problem(self.mapping.external, self.gateway.source, seen)
            if problem:
                self._disbelieve(problem, self.mapping.external, now)
        self._advance(now)

    def handle_resume(self, now: float) -> None:
        """The machine slept, or its network changed and left gateway and address as they were: look at once."""
        if self.phase is Phase.MAPPED:
            self._check_at = now
        elif self.phase is Phase.RESTING:
            self._rests = 0
            self._act_at = now
        self.handle_timeout(now)

    def handle_datagram(self, port: int, data: bytes, now: float) -> None:
        """A datagram of the gateway, to what was asked at that port."""
        for client in self._clients.values():
            client.handle_datagram(port, data, now)
        self._advance(now)

    def handle_announcement(self, data: bytes, now: float) -> None:
        """What the gateway told everybody."""
        if self.phase is Phase.RESTING:
            self.handle_resume(now)  # it speaks: perhaps it has only begun to
            return
        if self._active is not None:
            self._active.handle_announcement(data, now)
        self._advance(now)

    def handle_http(self, method: Method, number: int, answer: HttpAnswer | None, now: float) -> None:
        """The answer to a request of that protocol's client; None where none came that may be used."""
        self._clients[method].handle_http(number, answer, now)
        self._advance(now)

    def handle_timeout(self, now: float) -> None:
        """Do what is due. Calling early or late is harmless."""
        for client in self._clients.values():
            client.handle_timeout(now)
        self._advance(now)
        if self._act_at is not None and self._act_at <= now:
            self._act_at = None
            if self.phase is Phase.RELEASING:
                self._finish()
            elif self.phase is Phase.RESTING:
                self._seek(now)
            else:
                self._choose(now)
        if self.phase is Phase.MAPPED:
            self._tend(now)
        self._advance(now)

    # --- outputs ---

    def poll_transmit(self) -> Sent | None:
        """The next thing to send, and whose."""
        for method, client in self._clients.items():
            if (transmit := client.poll_transmit()) is not None:
                return method, transmit
        return None

    def poll_event(self) -> Event | None:
        """The next event."""
        return self._events.popleft() if self._events else None

    def poll_timeout(self) -> tuple[float, str] | None:
        """When `handle_timeout` is due, and what for."""
        if self.phase is Phase.DONE:
            return None
        due = [(at, "a gateway's answer") for one in self._clients.values() if (at := one.poll_timeout()) is not None]
        if self._act_at is not None:
            due.append((self._act_at, self.phase.name.lower()))
        if self.mapping is not None and self.phase is Phase.MAPPED:
            due += [(at, "renewal or check") for at in (self._renew_at, self._check_at) if at is not None]
            due.append((self.mapping.expires_at, "the mapping's end"))
        return min(due, default=None)

    @property
    def is_done(self) -> bool:
        """Whether nothing will come any more."""
        return self.phase is Phase.DONE

    # --- within ---

    def _seek(self, now: float) -> None:
        self.phase, self._active, self._is_asked = Phase.SEEKING, None, False
        self._began_at = now
        self._act_at = now + PORTMAP_HEADSTART_S
        self.found.clear()
        self._present.clear()
        for client in self._clients.values():
            client.detect(now)

    def _advance(self, now: float) -> None:
        """Take what the clients say until they have nothing more to say."""
        while self.phase is not Phase.DONE:
            said = [
                (client, outcome) for client in self._clients.values() if (outcome := client.poll_outcome()) is not None
            ]
            if not said:
                return
            for client, outcome in said:
                self._take(client, outcome, now)

    def _take(self, client: Client, outcome: Outcome, now: float) -> None:
        match outcome:
            case Present():
                self.found.setdefault(client.method, "present")
                self._present.add(client.method)
                if self.phase is Phase.RELEASING and client is self._active and self.mapping is not None:
                    client.release(self.mapping.external, now)
                self._choose(now)
            case Absent(reason=reason):
                self.found.setdefault(client.method, reason)
                if self.phase is Phase.RELEASING and client is self._active:
                    self._finish()
                self._choose(now)
            case Granted() | Refused() | Silent() if client is self._active and self._is_asked:
                self._is_asked = False
                self._take_answer(client, outcome, now)
            case Lost() if client is self._active and self.phase is Phase.MAPPED:
                self._is_checking, self._is_lost = False, True
                self._renew_at = now + PORTMAP_LOST_GAP_S
                self._ask(client, now)
            case Kept() | Silent() | Refused() if client is self._active and self._is_checking:
                self._is_checking = False
            case Released() if client is self._active and self.phase is Phase.RELEASING:
                self._finish()
            case Silent() if client is self._active and self.phase is Phase.RELEASING:
                self._finish()
            case _:
                pass  # late, or not about anything that is under way

    def _choose(self, now: float) -> None:
        """Ask by the best protocol, as soon as it is clear which that is."""
        if self.phase is not Phase.SEEKING:
            return
        for method, client in self._clients.items():
            known = self.found.get(method)
            if known is None:
                if now < self._began_at + PORTMAP_HEADSTART_S:
                    return
            elif known == "present":
                self.phase, self._active = Phase.ASKING, client
                self._act_at = None
                self._ask(client, now)
                return
        if len(self.found) == len(self._clients):
            self._rest(now)

    def _ask(self, client: Client, now: float) -> None:
        self._is_asked = True
        held = self.mapping.external if self.mapping is not None else self._suggested
        client.ask(held, now)

    def _take_answer(self, client: Client, outcome: Granted | Refused | Silent, now: float) -> None:
        if self.phase is Phase.RELEASING:
            return
        if isinstance(outcome, Granted):
            self._take_grant(client, outcome, now)
            return
        reason = outcome.reason if isinstance(outcome, Refused) else "no answer"
        if self.phase is Phase.MAPPED and isinstance(outcome, Silent):
            return  # until it ends, the next try comes in half of what is left
        self.found[client.method] = reason
        if self.phase is Phase.MAPPED:
            self._unmap(f"not renewed: {reason}")
            self._seek(now)
            return
        self._active, self.phase = None, Phase.SEEKING
        self._choose(now)

    def _take_grant(self, client: Client, granted: Granted, now: float) -> None:
        problem = claim_problem(granted.external, self.gateway.source, self._seen)
        if not problem and granted.lifetime_s < PORTMAP_LIFETIME_MIN_S:
            problem = f"a lifetime of {granted.lifetime_s:g} s is of no use"
        if problem:
            self._disbelieve(problem, granted.external, now)
            return
        life_s = min(granted.lifetime_s, PORTMAP_LIFETIME_MAX_S)
        before, self.mapping = self.mapping, Mapping(client.method, granted.external, now + life_s)
        self.phase, self._rests, self._suggested, self._is_lost = Phase.MAPPED, 0, granted.external, False
        self._renew_at, self._check_at = now + life_s / 2, now + PORTMAP_CHECK_S
        self._left_by = None
        is_same = before is not None and before.external == granted.external
        self._events.append(Renewed(self.mapping) if is_same else Mapped(self.mapping))

    def _disbelieve(self, problem: str, external: Endpoint, now: float) -> None:
        client = self._active
        if client is None:
            return
        self.found[client.method] = f"not believed: {problem}"
        self._unmap(problem)
        client.release(external, now)
        self._active, self.phase = None, Phase.SEEKING
        self._choose(now)

    def _tend(self, now: float) -> None:
        """A mapping that stands: its end, its renewal, its check, whichever is due."""
        mapping, client = self.mapping, self._active
        if mapping is None or client is None:
            return
        if mapping.expires_at <= now:
            self._unmap("the gateway did not renew it")
            self._seek(now)
        elif self._renew_at is not None and self._renew_at <= now:
            left_s = mapping.expires_at - now
            gap_s = min(PORTMAP_LOST_GAP_S, left_s) if self._is_lost else left_s / 2
            self._renew_at = now + gap_s if gap_s >= PORTMAP_RENEW_GAP_MIN_S else None
            self._ask(client, now)
        elif self._check_at is not None and self._check_at <= now:
            self._check_at = now + PORTMAP_CHECK_S
            if not self._is_asked:
                self._is_checking = True
                client.check(now)

    def _unmap(self, reason: str) -> None:
        had, self.mapping = self.mapping, None
        self._renew_at = self._check_at = None
        if had is not None:
            self._events.append(Unmapped(reason))

    def _rest(self, now: float) -> None:
        self.phase = Phase.RESTING
        self._act_at = now + PORTMAP_RETRY_S[min(self._rests, len(PORTMAP_RETRY_S) - 1)]
        self._rests += 1

    def _finish(self) -> None:
        self._unmap("given back")
        self.phase, self._act_at = Phase.DONE, None


def _nowhere(gateway: Gateway) -> Endpoint:
    return Endpoint(gateway.source, 0)
