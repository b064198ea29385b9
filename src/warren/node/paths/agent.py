"""The path agent of one peer: which hops to probe, when, and which one the engine sends to. Pure.

Decides the schedule. A candidate that never answered gets at most PROBES_UNANSWERED_MAX probes a round, within the
network's budget, and one more for each fresh thing heard from there; what an answer makes of it says `path`. The first
packet never waits: a relay's channel is used at once where nothing better answers, and direct paths are looked for
meanwhile (`rounds`), by both sides at the same time. A direct path takes over when packets of full size came back on it
(`ranking`). The path in use is verified every KEEPALIVE_S, at once when the engine or the network gives a reason; when
it is doubted another is taken, when its time ran out it is lost. Who leaves a dead path for the relay asks the peer to
follow, which has perhaps nothing to send and would notice late.

Must not know sockets, keys, datagrams or clocks: `now` is monotonic seconds, `rng` gives random bytes. Shape of every
state machine of ours: `handle_*`, then `poll_transmit`, `poll_event`, `poll_timeout`. A ping that a stranger replays is
answered by the shell (a pong is as long as its ping) but teaches nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from warren.limits import CANDIDATES_MAX, PATH_OUTBOX_MAX, PROBES_UNANSWERED_MAX
from warren.model.addresses import Endpoint, Hop, RelayHop
from warren.node.paths.budget import ProbeBudget
from warren.node.paths.history import History
from warren.node.paths.nat import Mapping
from warren.node.paths.path import TRY_AT, Path, Wholeness
from warren.node.paths.ranking import Sample, choose
from warren.node.paths.rounds import Rounds

KEEPALIVE_S = 15.0  # below the 30 s after which home routers forget a mapping, one probe may be lost
SPARE_KEEPALIVE_S = 50.0  # other paths that answer: warm enough to move to
SILENT_RELAY_S = 3.0  # between pings to a relay's channel that does not answer
FULL_KEEPALIVES = 4  # every so many keepalives packets of full size are tried too
FULL_DOUBT_GAP_S = 3.0  # between two such tries because of silence
DOUBT_GAP_S = 0.5  # a path that answered within this is not asked because of silence
HEARD_GAP_S = 0.05  # a ping that is out for less may still be answered
MOVED_AFTER_S = 0.5  # the peer speaks from elsewhere, and the path in use was silent for so long
MOVED_GAP_S = 3.0  # between two such checks
LEAD_S = 2.0  # who left a dead path asks the peer for so long to follow
FOLLOW_AFTER_S = 0.25  # a path that answered within this is alive, whatever the peer thinks


@dataclass(frozen=True, slots=True)
class Ping:
    """Send a ping to this hop. `is_full`: padded to full size; `follow`: asking the peer to take this hop too."""

    endpoint: Hop
    transaction: bytes
    is_full: bool = False
    follow: bool = False


@dataclass(frozen=True, slots=True)
class UsePath:
    """Send to this hop from here on. `rtt_s` None: a relay's channel that nothing has come back on yet."""

    endpoint: Hop
    rtt_s: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class PathLost:
    """The hop in use does not answer any more (or is gone), and no other does."""

    endpoint: Hop


@dataclass(frozen=True, slots=True)
class SendCandidates:
    """Tell the peer our endpoints; `reply_wanted`: and ask for its own."""

    reply_wanted: bool


@dataclass(frozen=True, slots=True)
class RelaySilent:
    """The channel does not answer: whoever keeps relays may find another."""

    hop: RelayHop


Transmit = Ping
Event = UsePath | PathLost | SendCandidates | RelaySilent


@dataclass(frozen=True, slots=True)
class PathState:
    """For people: the hop in use with its round trip and since when, why, and what is being done about it."""

    endpoint: Hop | None
    rtt_s: float | None
    since: float | None
    note: str
    reason: str = ""


class PathAgent:
    """Decides for one peer. Starts with nothing to do; `start` begins."""

    def __init__(self, budget: ProbeBudget, rng: Callable[[int], bytes]) -> None:
        self.history = History()
        self._budget = budget
        self._rng = rng
        self._paths: dict[Hop, Path] = {}
        self._rounds = Rounds()
        self._current: Hop | None = None
        self._current_since: float | None = None
        self._reason = ""
        self._relay: RelayHop | None = None
        self._forced = False
        self._online = False
        self._own_mapping = self._peer_mapping = Mapping.UNKNOWN
        self._generation = 0
        self._highest_counter = 0
        self._moved_checked_at = -MOVED_GAP_S
        self._elsewhere_at = float("-inf")
        self._lead_until = float("-inf")
        self._transmits: deque[Transmit] = deque()
        self._events: deque[Event] = deque()

    # --- inputs ---

    def start(self, known: Iterable[Endpoint], now: float) -> None:
        """Begin with endpoints that worked before (from disk, best first)."""
        self._add(known, now)
        self._begin_rounds(now)

    def handle_candidates(
        self, endpoints: Iterable[Endpoint], generation: int, now: float, mapping: Mapping = Mapping.UNKNOWN
    ) -> None:
        """The peer told its endpoints (authenticated, filtered); an older generation than the last is dropped."""
        if generation < self._generation:
            return
        self._generation = generation
        self._peer_mapping = mapping
        self._add(endpoints, now)
        self._try_all(now)

    def handle_online(self, now: float, *, online: bool) -> None:
        """The server says whether the peer has a session."""
        came = online and not self._online
        self._online = online
        if came:
            self._generation = 0  # perhaps a new process, whose clock went back
            if not self._is_direct:
                self._begin_rounds(now)
            elif self._current is not None:
                self._verify(self._paths[self._current], now)

    def handle_relay(self, hop: RelayHop | None, reason: str, now: float) -> None:
        """The way through a relay opened, is another one, or is gone (None)."""
        before, self._relay = self._relay, hop
        if before is not None and before != hop:
            self._paths.pop(before, None)
        if hop is not None and hop not in self._paths:
            self._paths[hop] = Path(hop, heard_at=now)
        self._choose(now, reason)
        if hop is not None and not self._paths[hop].answers:
            self._verify(self._paths[hop], now)

    def handle_force_relay(self, now: float, *, forced: bool) -> None:
        """Whether only relays may be used."""
        if forced == self._forced:
            return
        self._forced = forced
        if forced:
            for hop in [hop for hop, path in self._paths.items() if not path.is_relay]:
                del self._paths[hop]
            self._choose(now, "only relays may be used")
        else:
            self._begin_rounds(now)

    def handle_own_mapping(self, mapping: Mapping) -> None:
        """How this node's own outer endpoint comes about."""
        self._own_mapping = mapping

    def handle_ping(self, hop: Hop, counter: int, now: float, *, follow: bool = False) -> None:
        """A valid ping of the peer came from this hop (the shell answers it): if fresh, it is a candidate."""
        if counter <= self._highest_counter:
            return
        self._highest_counter = counter
        self._heard(hop, now)
        current = self._current_path
        if current is None or current.hop == hop:
            return
        if follow and hop in self._paths and isinstance(hop, RelayHop) and not current.is_relay:
            self._follow(current, now)
        elif current.give_up_at is None:
            self._suspect_move(current, now)

    def handle_pong(self, hop: Hop, transaction: bytes, now: float) -> None:
        """A valid pong: counts only for a ping that is out, and from where that went."""
        path = self._paths.get(hop)
        answer = path.take_pong(transaction, now) if path is not None else None
        if path is None or answer is None:
            return
        if hop == self._current:
            self.history.note_answer(answer.rtt_s, now)
        if isinstance(hop, Endpoint):
            self._budget.clear(hop)
            if path.wholeness is Wholeness.UNKNOWN:
                path.begin_full(now)
        self._choose(now)
        path.schedule = deque((now + self._keepalive_s(path),))
        self._send_due(path, now)

    def handle_elsewhere(self, hop: Hop, now: float) -> None:
        """The engine saw an authenticated packet of the peer from here: probe it at once."""
        self._elsewhere_at = now
        self._heard(hop, now)
        current = self._current_path
        if current is not None and current.hop != hop and current.give_up_at is None:
            self._suspect_move(current, now)

    def handle_doubt(self, now: float) -> None:
        """Something says that the path in use may be dead (packets go out, none come in; sending failed)."""
        current = self._current_path
        if current is None:
            return
        is_fresh = current.answered_at is not None and now - current.answered_at < DOUBT_GAP_S
        if current.give_up_at is None and not is_fresh:
            self._verify(current, now)
        if not current.is_relay and now - current.full_checked_at > FULL_DOUBT_GAP_S:
            current.begin_full(now)  # perhaps small packets pass, and the large ones do not
            self._send_due(current, now)

    def handle_alive(self, now: float) -> None:
        """Packets of the peer arrive: where they don't come from elsewhere, the path is alive one way at least."""
        current = self._current_path
        if current is not None and now - self._elsewhere_at > MOVED_GAP_S / 2:
            current.be_patient(now)

    def handle_traffic(self, now: float) -> None:
        """Packets go to the peer: a direct path is worth more than before."""
        if not self._forced and self._rounds.handle_traffic(now):
            self._next_round(now)

    def handle_network_change(self, now: float) -> None:
        """This machine's addresses changed: what answered may not, what did not may."""
        for path in self._paths.values():
            path.forgive()
            if path.answers:
                self._verify(path, now)  # on each of them the peer hears where we are
        if not self._is_direct:
            self._begin_rounds(now)
            return
        self._put_event(SendCandidates(reply_wanted=True))
        self._try_all(now)

    def handle_timeout(self, now: float) -> None:
        """Do what is due. Calling early or late is harmless."""
        for path in list(self._paths.values()):
            self._drive(path, now)
        if self._rounds.due is not None and self._rounds.due <= now:
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
        due = [one for path in self._paths.values() if (one := path.next_due()) is not None]
        if self._rounds.due is not None:
            due.append((self._rounds.due, "the next round"))
        return min(due) if due else None

    @property
    def state(self) -> PathState:
        """What there is to say about the way to this peer."""
        current = self._current_path
        if current is None:
            return PathState(None, None, None, self._note_without_path(), self._reason)
        return PathState(current.hop, current.rtt_s, self._current_since, self._note(current), self._reason)

    @property
    def candidates(self) -> tuple[Hop, ...]:
        """The hops that are known, for tests and `why`."""
        return tuple(self._paths)

    # --- within: candidates ---

    @property
    def _current_path(self) -> Path | None:
        return self._paths.get(self._current) if self._current is not None else None

    @property
    def _is_direct(self) -> bool:
        return isinstance(self._current, Endpoint)

    def _add(self, hops: Iterable[Hop], now: float) -> None:
        for hop in hops:
            if hop in self._paths or (self._forced and isinstance(hop, Endpoint)):
                continue
            if len(self._paths) >= CANDIDATES_MAX and not self._evict():
                return
            self._paths[hop] = Path(hop, heard_at=now)

    def _evict(self) -> bool:
        idle = [p for p in self._paths.values() if not p.answers and p.hop not in {self._current, self._relay}]
        if not idle:
            return False
        del self._paths[min(idle, key=lambda path: path.heard_at).hop]
        return True

    def _heard(self, hop: Hop, now: float) -> None:
        """Something fresh of the peer came from here: one ping back for each, beside what the budget still grants."""
        self._add((hop,), now)
        path = self._paths.get(hop)
        if path is None:
            return
        path.heard_at = now
        if path.answers:
            return
        if path.credits > 0 and now - path.pinged_at > HEARD_GAP_S:
            path.credits -= 1
            self._send_ping(path, now)
        if not path.schedule:
            self._try(path, now)

    def _suspect_move(self, current: Path, now: float) -> None:
        """The peer speaks from elsewhere: perhaps it moved, and a pong from a moment ago says nothing of that.

        Or it only has another idea of the best path: then both sides would go on checking each other, but for the gap.
        """
        if now < self._moved_checked_at + MOVED_GAP_S:
            return
        self._moved_checked_at = now
        answered_at = current.answered_at if current.answered_at is not None else now
        current.schedule = deque((max(now, answered_at + MOVED_AFTER_S),))
        self._drive(current, now)

    def _follow(self, current: Path, now: float) -> None:
        """The peer left the path in use because it is dead for it: so it is for us, unless it answered just now."""
        if current.answered_at is not None and now - current.answered_at < FOLLOW_AFTER_S:
            return
        if current.give_up_at is None:
            self._verify(current, now)
        current.is_doubted = True
        self._choose(now, "the peer's packets come by the relay")

    # --- within: rounds and pings ---

    def _begin_rounds(self, now: float) -> None:
        self._rounds.begin(now)
        self._next_round(now)

    def _next_round(self, now: float) -> None:
        if self._is_direct or self._forced:
            self._rounds.stop()
            return
        self._rounds.next(now, is_online=self._online, on_relay=self._current is not None)
        for path in self._paths.values():
            path.credits = PROBES_UNANSWERED_MAX
        if self._online or self._current is not None:
            self._put_event(SendCandidates(reply_wanted=True))
        self._try_all(now)

    def _try_all(self, now: float) -> None:
        for path in list(self._paths.values()):
            if not path.answers:
                self._try(path, now)
            elif path.wholeness is Wholeness.HOLE and not path.is_relay:
                path.begin_full(now)
                self._send_due(path, now)

    def _look_elsewhere(self, now: float) -> None:
        """The path in use missed a ping: see meanwhile which others answer."""
        for path in list(self._paths.values()):
            if path.answers and path.give_up_at is None:
                self._verify(path, now)
        self._try_all(now)

    def _try(self, path: Path, now: float) -> None:
        if path.give_up_at is not None or (path.schedule and path.schedule[0] - now < TRY_AT[-1]):
            return  # a round is under way
        path.begin_try(now)
        self._drive(path, now)

    def _verify(self, path: Path, now: float) -> None:
        path.begin_verify(now)
        self._drive(path, now)

    def _drive(self, path: Path, now: float) -> None:
        lost = path.count_lost(now)
        if path.hop == self._current:
            self.history.note_lost(lost, now)
        if path.give_up_at is not None and path.give_up_at <= now:
            self._give_up(path, now)
            return
        if path.judge_full(now):
            self._choose(now)
        if path.ends_hold(now) and path.answers:
            path.begin_verify(now)
            path.begin_full(now)
        if path.answers and path.give_up_at is None and path.schedule and path.schedule[0] <= now:
            path.begin_verify(now)  # a keepalive is due
            path.keepalives += 1
            if path.keepalives % FULL_KEEPALIVES == 0 and not path.is_relay:
                path.begin_full(now)
        self._send_due(path, now)
        if path.begins_doubt(now):
            if path.hop == self._current:
                self._look_elsewhere(now)
            self._choose(now)

    def _send_due(self, path: Path, now: float) -> None:
        while path.schedule and path.schedule[0] <= now:
            path.schedule.popleft()
            if path.hop == self._current and path.unanswered == 1:
                self._look_elsewhere(now)
            self._ping(path, now)
            if path.is_silent and not path.schedule:
                path.schedule.append(now + SILENT_RELAY_S)
        while path.full_schedule and path.full_schedule[0] <= now:
            path.full_schedule.popleft()
            if path.answers:  # never a full datagram to who has not answered a small one (SECURITY.md, rule 30)
                self._send_ping(path, now, is_full=True)

    def _ping(self, path: Path, now: float) -> None:
        is_free = path.answers or not isinstance(path.hop, Endpoint) or path.is_proven(now)
        if is_free or (isinstance(path.hop, Endpoint) and self._budget.take(path.hop, now)):
            self._send_ping(path, now)
        else:
            path.schedule.clear()

    def _send_ping(self, path: Path, now: float, *, is_full: bool = False) -> None:
        transaction = self._rng(8)
        path.note_ping(transaction, now, is_full=is_full)
        follow = now < self._lead_until and path.hop == self._current and path.is_relay
        if len(self._transmits) < PATH_OUTBOX_MAX:
            self._transmits.append(Ping(path.hop, transaction, is_full, follow))

    def _give_up(self, path: Path, now: float) -> None:
        path.give_up()
        if path.hop == self._current and not path.is_relay:
            path.die(now)
        if path.hop == self._relay:
            self._put_event(RelaySilent(self._relay))
            path.schedule.append(now + SILENT_RELAY_S)
        elif path.is_relay:
            del self._paths[path.hop]  # a channel that the peer opened and left
        if path.hop == self._current:
            self._choose(now, f"no answer from {path.hop}" if not path.is_relay else "the relay does not answer")

    # --- within: the choice ---

    def _choose(self, now: float, because: str = "") -> None:
        usable = [
            Sample(path.hop, path.rtt_s, grade)
            for path in self._paths.values()
            if (grade := path.grade(now, is_current=path.hop == self._current)) is not None
        ]
        choice = choose(self._current, usable)
        if choice is None:
            if self._current is not None:
                lost, self._current, self._current_since = self._current, None, None
                self._reason = because or "nothing answers"
                self.history.note_change(None, self._reason, now)
                self._put_event(PathLost(lost))
                self._begin_rounds(now)
        elif choice.sample.endpoint != self._current:
            self._use(choice.sample, because or choice.reason, now)

    def _use(self, sample: Sample, reason: str, now: float) -> None:
        before = self._current_path
        self._current, self._current_since, self._reason = sample.endpoint, now, reason
        self.history.note_change(sample.endpoint, reason, now)
        self._put_event(UsePath(sample.endpoint, sample.rtt_s, reason))
        if isinstance(sample.endpoint, Endpoint):
            self._rounds.stop()
            return
        if before is not None and not before.is_relay and before.is_doubted:
            before.die(now)
            self._lead_until = now + LEAD_S
            self._verify(self._paths[sample.endpoint], now)
        if self._rounds.due is None:
            self._begin_rounds(now)

    def _keepalive_s(self, path: Path) -> float:
        interval_s = KEEPALIVE_S if path.hop == self._current else SPARE_KEEPALIVE_S
        return interval_s * (0.9 + 0.2 * self._rng(1)[0] / 255)  # apart from the other peers' keepalives

    # --- within: words ---

    def _note(self, current: Path) -> str:
        if not current.is_relay:
            if current.give_up_at is not None and current.unanswered > 1:
                return "no answer"
            return Wholeness.HOLE.value if current.wholeness is Wholeness.HOLE else ""
        if self._forced:
            return "forced" if not current.is_silent else "forced, no answer"
        if current.is_silent:
            return "no answer"
        obstacle = self._obstacle()
        return f"trying direct: {obstacle}" if obstacle else "trying direct"

    def _obstacle(self) -> str:
        if any(path.wholeness is Wholeness.HOLE for path in self._paths.values() if not path.is_relay):
            return Wholeness.HOLE.value
        mappings = (self._own_mapping, self._peer_mapping)
        if Mapping.BLOCKED in mappings:
            return "UDP blocked here" if self._own_mapping is Mapping.BLOCKED else "UDP blocked at the peer"
        return "symmetric NAT" if Mapping.VARIES in mappings else ""

    def _note_without_path(self) -> str:
        if self._forced:
            return "no relay, and only relays may be used"
        if not self._paths:
            return "no address of the peer is known"
        is_trying = any(path.outstanding for path in self._paths.values())
        return "trying direct" if is_trying else "no address of the peer answers"

    def _put_event(self, event: Event) -> None:
        if event not in self._events:
            self._events.append(event)  # bounded: the owner drains after every input, and equal ones are one
