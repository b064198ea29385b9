"""The path agent of one peer: which endpoints to probe, when, and which one the engine sends to. Pure.

Decides the schedule. A candidate that never answered gets at most PROBES_UNANSWERED_MAX probes a round, within the
network's budget, and one more for each fresh thing heard from there; an answer (a pong with the transaction of a ping
of ours, from the endpoint it went to) makes it a path. The path in use is verified every KEEPALIVE_S, at once when the
engine or the network gives a reason; when it does not answer, all candidates are tried again, another that answers is
taken once DOUBTFUL_PINGS are out, and after VERIFY_AT ran out the path is lost. While there is no path, rounds go on
with growing gaps: candidates are exchanged anew and probed by both sides at the same time.

Must not know sockets, keys, datagrams or clocks: `now` is monotonic seconds, `rng` gives random bytes. Shape of every
state machine of ours: `handle_*`, then `poll_transmit`, `poll_event`, `poll_timeout`. A ping that a stranger replays is
answered by the shell (a pong is as long as its ping) but teaches nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from warren.limits import CANDIDATES_MAX, PATH_OUTBOX_MAX, PROBES_OUTSTANDING_MAX, PROBES_UNANSWERED_MAX
from warren.model.addresses import Endpoint
from warren.node.paths.budget import ProbeBudget
from warren.node.paths.ranking import Sample, choose

TRY_AT = (0.0, 0.1, 0.3, 0.7, 1.5)  # after the start of a round; both sides may begin 0.4 s apart
VERIFY_AT = (0.0, 0.3, 0.7, 1.2, 2.0)  # the path in use, when it is due
VERIFY_GIVE_UP_S = 2.5
KEEPALIVE_S = 15.0  # below the 30 s after which home routers forget a mapping, one probe may be lost
SPARE_KEEPALIVE_S = 50.0  # other paths that answer: warm enough to move to
ROUND_GAPS_S = (2.0, 4.0, 9.0, 15.0, 30.0, 60.0)  # between rounds while there is no path
ROUND_GAP_OFFLINE_S = 600.0  # the last gap where the server says that the peer is away
RTT_NEW_WEIGHT = 0.25
HEARD_GAP_S = 0.05  # a ping that is out for less may still be answered
MOVED_AFTER_S = 0.5  # the peer speaks from elsewhere, and the path in use was silent for so long
MOVED_GAP_S = 3.0  # between two such checks
DOUBTFUL_PINGS = 3  # unanswered ones after which another path that answers is taken


@dataclass(frozen=True, slots=True)
class Ping:
    """Send a ping to this endpoint."""

    endpoint: Endpoint
    transaction: bytes


@dataclass(frozen=True, slots=True)
class UsePath:
    """Send to this endpoint from here on: it answered."""

    endpoint: Endpoint
    rtt_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class PathLost:
    """The endpoint in use does not answer any more, and no other does."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class SendCandidates:
    """Tell the peer our endpoints; `reply_wanted`: and ask for its own."""

    reply_wanted: bool


Transmit = Ping
Event = UsePath | PathLost | SendCandidates


@dataclass(frozen=True, slots=True)
class PathState:
    """For people: the endpoint in use with its round trip and since when, else what is being done about it."""

    endpoint: Endpoint | None
    rtt_s: float | None
    since: float | None
    note: str


@dataclass(slots=True)
class _Candidate:
    endpoint: Endpoint
    schedule: deque[float] = field(default_factory=deque)
    outstanding: dict[bytes, float] = field(default_factory=dict)
    rtt_s: float | None = None
    heard_at: float = 0.0
    pinged_at: float = -1.0
    credits: int = PROBES_UNANSWERED_MAX
    answers: bool = False
    give_up_at: float | None = None

    @property
    def is_doubtful(self) -> bool:
        """Being verified, and silent for too long to be trusted while another path answers."""
        return self.give_up_at is not None and len(self.outstanding) >= DOUBTFUL_PINGS


class PathAgent:
    """Decides for one peer. Starts with nothing to do; `start` begins."""

    def __init__(self, budget: ProbeBudget, rng: Callable[[int], bytes]) -> None:
        self._budget = budget
        self._rng = rng
        self._candidates: dict[Endpoint, _Candidate] = {}
        self._current: Endpoint | None = None
        self._current_since: float | None = None
        self._online = False
        self._generation = 0
        self._round = 0
        self._round_at: float | None = None
        self._highest_counter = 0
        self._moved_checked_at = -MOVED_GAP_S
        self._transmits: deque[Transmit] = deque()
        self._events: deque[Event] = deque()

    # --- inputs ---

    def start(self, known: Iterable[Endpoint], now: float) -> None:
        """Begin with endpoints that worked before (from disk, best first)."""
        self._add(known, now)
        self._begin_rounds(now)

    def handle_candidates(self, endpoints: Iterable[Endpoint], generation: int, now: float) -> None:
        """The peer told its endpoints (authenticated, filtered); an older generation than the last is dropped."""
        if generation < self._generation:
            return
        self._generation = generation
        self._add(endpoints, now)
        self._try_all(now)

    def handle_online(self, now: float, *, online: bool) -> None:
        """The server says whether the peer has a session."""
        came = online and not self._online
        self._online = online
        if came:
            self._generation = 0  # perhaps a new process, whose clock went back
            if self._current is None:
                self._begin_rounds(now)
            else:
                self._verify(self._candidates[self._current], now)

    def handle_ping(self, endpoint: Endpoint, counter: int, now: float) -> None:
        """A valid ping of the peer came from this endpoint (the shell answers it): if fresh, it is a candidate."""
        if counter <= self._highest_counter:
            return
        self._highest_counter = counter
        self._heard(endpoint, now)
        current = self._candidates.get(self._current) if self._current is not None else None
        if current is not None and current.endpoint != endpoint and current.give_up_at is None:
            self._suspect_move(current, now)

    def handle_pong(self, endpoint: Endpoint, transaction: bytes, now: float) -> None:
        """A valid pong: counts only for a ping that is out, and from where that went."""
        candidate = self._candidates.get(endpoint)
        sent_at = candidate.outstanding.pop(transaction, None) if candidate is not None else None
        if candidate is None or sent_at is None:
            return
        sample_s = max(now - sent_at, 0.0)
        is_new = candidate.rtt_s is None or not candidate.answers
        old_s = candidate.rtt_s if candidate.rtt_s is not None else sample_s
        candidate.rtt_s = sample_s if is_new else old_s + RTT_NEW_WEIGHT * (sample_s - old_s)
        candidate.answers = True
        candidate.heard_at = now
        candidate.give_up_at = None
        candidate.credits = PROBES_UNANSWERED_MAX
        candidate.outstanding.clear()
        self._budget.clear(endpoint)
        self._choose(now)
        candidate.schedule = deque((now + self._keepalive_s(candidate),))

    def handle_elsewhere(self, endpoint: Endpoint, now: float) -> None:
        """The engine saw an authenticated packet of the peer from here: probe it at once."""
        self._heard(endpoint, now)

    def handle_doubt(self, now: float) -> None:
        """Something says that the path in use may be dead (packets go out, none come in; sending failed)."""
        if self._current is not None:
            candidate = self._candidates[self._current]
            if candidate.give_up_at is None:
                self._verify(candidate, now)

    def handle_network_change(self, now: float) -> None:
        """This machine's addresses changed: what answered may not, what did not may."""
        if self._current is None:
            self._begin_rounds(now)
            return
        for candidate in self._candidates.values():
            if candidate.answers:
                self._verify(candidate, now)  # on each of them the peer hears where we are
        self._put_event(SendCandidates(reply_wanted=True))
        self._try_all(now)

    def handle_timeout(self, now: float) -> None:
        """Do what is due. Calling early or late is harmless."""
        for candidate in list(self._candidates.values()):
            self._drive(candidate, now)
        if self._round_at is not None and self._round_at <= now:
            self._next_round(now)

    # --- outputs ---

    def poll_transmit(self) -> Transmit | None:
        """The next datagram to send, None where there is none."""
        return self._transmits.popleft() if self._transmits else None

    def poll_event(self) -> Event | None:
        """The next event, None where there is none."""
        return self._events.popleft() if self._events else None

    def poll_timeout(self) -> tuple[float, str] | None:
        """When `handle_timeout` is due and what for."""
        due = [(candidate.schedule[0], "a probe") for candidate in self._candidates.values() if candidate.schedule]
        due += [(c.give_up_at, "an answer") for c in self._candidates.values() if c.give_up_at is not None]
        if self._round_at is not None:
            due.append((self._round_at, "the next round"))
        return min(due) if due else None

    @property
    def state(self) -> PathState:
        """What there is to say about the way to this peer."""
        if self._current is not None:
            candidate = self._candidates[self._current]
            note = "" if candidate.give_up_at is None else "no answer"
            return PathState(self._current, candidate.rtt_s, self._current_since, note)
        if not self._candidates:
            return PathState(None, None, None, "no address of the peer is known")
        is_trying = any(candidate.outstanding for candidate in self._candidates.values())
        return PathState(None, None, None, "trying direct" if is_trying else "no address of the peer answers")

    @property
    def candidates(self) -> tuple[Endpoint, ...]:
        """The endpoints that are known, for tests and `why`."""
        return tuple(self._candidates)

    # --- within ---

    def _add(self, endpoints: Iterable[Endpoint], now: float) -> None:
        for endpoint in endpoints:
            if endpoint in self._candidates:
                continue
            if len(self._candidates) >= CANDIDATES_MAX and not self._evict():
                return
            self._candidates[endpoint] = _Candidate(endpoint, heard_at=now)

    def _heard(self, endpoint: Endpoint, now: float) -> None:
        """Something fresh of the peer came from here: one ping back for each, beside what the budget still grants."""
        self._add((endpoint,), now)
        candidate = self._candidates.get(endpoint)
        if candidate is None or candidate.answers:
            return
        if candidate.credits > 0 and now - candidate.pinged_at > HEARD_GAP_S:
            candidate.credits -= 1
            self._send_ping(candidate, now)
        if not candidate.schedule:
            self._try(candidate, now)

    def _suspect_move(self, current: _Candidate, now: float) -> None:
        """The peer speaks from elsewhere: perhaps it moved, and a pong from a moment ago says nothing of that.

        Or it only has another idea of the best path: then both sides would go on checking each other, but for the gap.
        """
        if now < self._moved_checked_at + MOVED_GAP_S:
            return
        self._moved_checked_at = now
        current.schedule = deque((max(now, current.heard_at + MOVED_AFTER_S),))
        self._drive(current, now)

    def _evict(self) -> bool:
        idle = [c for c in self._candidates.values() if not c.answers and c.endpoint != self._current]
        if not idle:
            return False
        del self._candidates[min(idle, key=lambda candidate: candidate.heard_at).endpoint]
        return True

    def _begin_rounds(self, now: float) -> None:
        self._round = 0
        self._next_round(now)

    def _next_round(self, now: float) -> None:
        if self._current is not None:
            self._round_at = None
            return
        gap_s = ROUND_GAPS_S[min(self._round, len(ROUND_GAPS_S) - 1)]
        if self._round >= len(ROUND_GAPS_S) and not self._online:
            gap_s = ROUND_GAP_OFFLINE_S
        self._round += 1
        self._round_at = now + gap_s
        for candidate in self._candidates.values():
            candidate.credits = PROBES_UNANSWERED_MAX
        if self._online:
            self._put_event(SendCandidates(reply_wanted=True))
        self._try_all(now)

    def _try_all(self, now: float) -> None:
        for candidate in self._candidates.values():
            if not candidate.answers:
                self._try(candidate, now)

    def _look_elsewhere(self, now: float) -> None:
        """The path in use missed a ping: see meanwhile which others answer."""
        for candidate in self._candidates.values():
            if candidate.answers and candidate.give_up_at is None:
                self._verify(candidate, now)
        self._try_all(now)

    def _try(self, candidate: _Candidate, now: float) -> None:
        if candidate.schedule and candidate.schedule[0] - now < TRY_AT[-1]:
            return  # a round is under way
        candidate.schedule = deque(now + offset_s for offset_s in TRY_AT)
        self._drive(candidate, now)

    def _verify(self, candidate: _Candidate, now: float) -> None:
        candidate.schedule = deque(now + offset_s for offset_s in VERIFY_AT)
        candidate.give_up_at = now + VERIFY_GIVE_UP_S
        self._drive(candidate, now)

    def _drive(self, candidate: _Candidate, now: float) -> None:
        if candidate.give_up_at is not None and candidate.give_up_at <= now:
            self._give_up(candidate, now)
            return
        if candidate.answers and candidate.give_up_at is None and candidate.schedule and candidate.schedule[0] <= now:
            self._verify(candidate, now)  # a keepalive is due
            return
        while candidate.schedule and candidate.schedule[0] <= now:
            candidate.schedule.popleft()
            if candidate.answers and candidate.outstanding and candidate.endpoint == self._current:
                self._look_elsewhere(now)
            self._ping(candidate, now)
            if candidate.endpoint == self._current and candidate.is_doubtful:
                self._choose(now)

    def _ping(self, candidate: _Candidate, now: float) -> None:
        if candidate.answers or self._budget.take(candidate.endpoint, now):
            self._send_ping(candidate, now)
        else:
            candidate.schedule.clear()

    def _send_ping(self, candidate: _Candidate, now: float) -> None:
        if len(candidate.outstanding) >= PROBES_OUTSTANDING_MAX:
            del candidate.outstanding[next(iter(candidate.outstanding))]
        transaction = self._rng(8)
        candidate.outstanding[transaction] = candidate.pinged_at = now
        self._put(Ping(candidate.endpoint, transaction))

    def _give_up(self, candidate: _Candidate, now: float) -> None:
        candidate.answers = False
        candidate.give_up_at = None
        candidate.outstanding.clear()
        candidate.schedule.clear()
        if candidate.endpoint == self._current:
            self._choose(now)

    def _choose(self, now: float) -> None:
        answering = [
            Sample(candidate.endpoint, candidate.rtt_s)
            for candidate in self._candidates.values()
            if candidate.answers and not candidate.is_doubtful and candidate.rtt_s is not None
        ]
        if not answering and self._current is not None and self._candidates[self._current].answers:
            return  # doubtful, but the best there is
        choice = choose(self._current, answering)
        if choice is None:
            if self._current is not None:
                lost, self._current, self._current_since = self._current, None, None
                self._put_event(PathLost(lost))
                self._begin_rounds(now)
            return
        if choice.sample.endpoint != self._current:
            self._current, self._current_since = choice.sample.endpoint, now
            self._round_at = None
            self._put_event(UsePath(choice.sample.endpoint, choice.sample.rtt_s, choice.reason))

    def _keepalive_s(self, candidate: _Candidate) -> float:
        interval_s = KEEPALIVE_S if candidate.endpoint == self._current else SPARE_KEEPALIVE_S
        return interval_s * (0.9 + 0.2 * self._rng(1)[0] / 255)  # apart from the other peers' keepalives

    def _put(self, transmit: Transmit) -> None:
        if len(self._transmits) < PATH_OUTBOX_MAX:
            self._transmits.append(transmit)

    def _put_event(self, event: Event) -> None:
        if event not in self._events:
            self._events.append(event)  # bounded: the owner drains after every input, and equal ones are one
