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
from collections.abc import Callable, Collection, Iterable

from warren.model.addresses import Endpoint, Hop, RelayHop
from warren.node.paths.budget import ProbeBudget
from warren.node.paths.events import Event, PathLost, PathState, RelaySilent, SendCandidates, UsePath
from warren.node.paths.history import History
from warren.node.paths.nat import Mapping
from warren.node.paths.notes import note_of, note_without_path
from warren.node.paths.path import Path, Wholeness
from warren.node.paths.probing import SILENT_RELAY_S, Ping, Probing
from warren.node.paths.ranking import Sample, choose
from warren.node.paths.rounds import Rounds
from warren.node.paths.suspicion import Suspicion

KEEPALIVE_S = 15.0  # below the 30 s after which home routers forget a mapping, one probe may be lost
SPARE_KEEPALIVE_S = 50.0  # other paths that answer: warm enough to move to
FULL_EVERY_S = 60.0  # packets of full size are tried on the path in use, whatever else verifies it meanwhile
FULL_DOUBT_GAP_S = 3.0  # between two such tries because of silence
DOUBT_GAP_S = 0.5  # a path that answered within this is not asked because of silence
ELSEWHERE_S = 1.5  # packets that came from elsewhere so recently say nothing for the path in use
FOLLOW_AFTER_S = 0.25  # a path that answered within this is alive, whatever the peer thinks


class PathAgent:
    """Decides for one peer. Starts with nothing to do; `start` begins."""

    def __init__(self, budget: ProbeBudget, rng: Callable[[int], bytes]) -> None:
        self.history = History()
        self._rng = rng
        self._paths = Probing(budget, rng)
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
        self._suspicion = Suspicion()
        self._elsewhere_at = float("-inf")
        self._events: deque[Event] = deque()

    # --- inputs ---

    def start(self, known: Iterable[Endpoint], now: float) -> None:
        """Begin with endpoints that worked before (from disk, best first)."""
        self._add(known, now)
        self._begin_rounds(now)

    def handle_candidates(
        self,
        endpoints: Iterable[Endpoint],
        generation: int,
        now: float,
        mapping: Mapping = Mapping.UNKNOWN,
        *,
        is_call: bool = False,
    ) -> None:
        """The peer told its endpoints (authenticated, filtered); an older generation than the last is dropped.

        `is_call`: it looks for us. Where we have a direct path this one is perhaps dead for it, and only what we send
        opens our router again.
        """
        if generation < self._generation:
            return
        self._generation = generation
        self._peer_mapping = mapping
        self._add(endpoints, now)
        current = self._current_path
        if is_call and current is not None:
            if not current.is_relay:
                self._verify_stale(current, now)
            self._check_full(current, now)  # who calls may have found a hole, which shows on its side alone
        self._try_all(now)

    def handle_online(self, now: float, *, online: bool) -> None:
        """The server says whether the peer has a session."""
        came = online and not self._online
        self._online = online
        if came:
            self._generation = 0  # perhaps a new process, whose clock went back
            if not self._is_direct:
                self._begin_rounds(now)
            elif (current := self._current_path) is not None:
                self._verify(current, now)

    def handle_relay(self, hop: RelayHop | None, reason: str, now: float) -> None:
        """The way through a relay opened, is another one, or is gone (None)."""
        before, self._relay = self._relay, hop
        if before is not None and before != hop:
            self._paths.remove(before)
        if hop is not None:
            self._add((hop,), now)
        self._choose(now, reason)
        path = self._paths.get(hop)
        if path is not None and not path.answers:
            self._verify(path, now)

    def handle_force_relay(self, now: float, *, forced: bool) -> None:
        """Whether only relays may be used."""
        if forced == self._forced:
            return
        self._forced = forced
        if forced:
            for path in self._paths:
                if not path.is_relay:
                    self._paths.remove(path.hop)
            self._choose(now, "only relays may be used")
        else:
            self._begin_rounds(now)

    def handle_own_mapping(self, mapping: Mapping) -> None:
        """How this node's own outer endpoint comes about."""
        self._own_mapping = mapping

    def handle_ping(self, hop: Hop, counter: int, now: float, *, follow: bool = False) -> bool:
        """A valid ping of the peer came from this hop (the shell answers it): a candidate if fresh, which it tells."""
        if counter <= self._highest_counter:
            return False
        self._highest_counter = counter
        self._heard(hop, now)
        current = self._current_path
        if current is None or current.hop == hop:
            return True
        if follow and isinstance(hop, RelayHop) and self._paths.get(hop) is not None and not current.is_relay:
            self._follow(current, now)
        else:
            self._suspect_move(current, hop, now)
        return True

    def handle_pong(self, hop: Hop, transaction: bytes, now: float) -> bool:
        """A valid pong: counts only for a ping that is out, and from where that went. Whether it does."""
        path = self._paths.get(hop)
        answer = path.take_pong(transaction, now) if path is not None else None
        if path is None or answer is None:
            return False
        if hop == self._current:
            self.history.note_answer(answer.rtt_s, now)
        self._paths.note_answer(hop)
        is_due = hop == self._current and not path.is_relay and now - path.full_checked_at >= FULL_EVERY_S
        if path.wholeness is Wholeness.UNKNOWN or is_due:
            path.begin_full(now)
        self._choose(now)
        path.schedule = deque((now + self._keepalive_s(path),))
        self._paths.send_due(path, now)
        return True

    def handle_elsewhere(self, hop: Hop, now: float) -> None:
        """The engine saw an authenticated packet of the peer from here: probe it at once."""
        self._elsewhere_at = now
        self._heard(hop, now)
        current = self._current_path
        if current is not None and current.hop != hop:
            self._suspect_move(current, hop, now)

    def handle_doubt(self, now: float) -> None:
        """Something says that the path in use may be dead (packets go out, none come in; sending failed)."""
        current = self._current_path
        if current is None:
            return
        self._verify_stale(current, now)
        for path in self._paths:  # perhaps small packets pass, and the large ones do not; here, and by the relay too?
            if path.answers and (path is current or path.hop == self._relay):
                self._check_full(path, now)

    def handle_alive(self, now: float) -> None:
        """Packets of the peer arrive: where they don't come from elsewhere, the path is alive one way at least."""
        current = self._current_path
        if current is not None and now - self._elsewhere_at > ELSEWHERE_S:
            current.be_patient(now)

    def handle_traffic(self, now: float) -> None:
        """Packets go to the peer: a direct path is worth more than before."""
        if not self._forced and self._rounds.handle_traffic(now):
            self._next_round(now)

    def handle_network_change(self, now: float, families: Collection[int] = (4, 6)) -> None:
        """This machine's addresses changed, and are of these families: what answered may not, what did not may."""
        for path in self._paths:
            path.forgive()
            if isinstance(path.hop, Endpoint) and path.hop.address.version not in families:
                path.is_doubted = True  # no need to wait for silence
            if path.answers:
                self._verify(path, now)  # on each of them the peer hears where we are
        self._choose(now, "this machine has other addresses")
        if not self._is_direct:
            self._begin_rounds(now)
            return
        self._put_event(SendCandidates(reply_wanted=True))
        self._try_all(now)

    def handle_timeout(self, now: float) -> None:
        """Do what is due. Calling early or late is harmless."""
        for path in self._paths:
            self._drive(path, now)
        if self._rounds.due is not None and self._rounds.due <= now:
            self._next_round(now)

    # --- outputs ---

    def poll_transmit(self) -> Ping | None:
        """The next datagram to send, None where there is none."""
        return self._paths.poll()

    def poll_event(self) -> Event | None:
        """The next event, None where there is none."""
        return self._events.popleft() if self._events else None

    def poll_timeout(self) -> tuple[float, str] | None:
        """When `handle_timeout` is due and what for."""
        due = [one for path in self._paths if (one := path.next_due()) is not None]
        if self._rounds.due is not None:
            due.append((self._rounds.due, "the next round"))
        return min(due) if due else None

    @property
    def state(self) -> PathState:
        """What there is to say about the way to this peer."""
        current = self._current_path
        if current is None:
            return PathState(None, None, None, note_without_path(self._paths, forced=self._forced), self._reason)
        note = note_of(current, self._paths, self._own_mapping, self._peer_mapping, forced=self._forced)
        return PathState(current.hop, current.rtt_s, self._current_since, note, self._reason)

    @property
    def is_narrow(self) -> bool:
        """Whether packets of full size do not reach the peer on the path in use."""
        current = self._current_path
        return current is not None and current.is_narrow

    @property
    def is_answering(self) -> bool:
        """Whether the path in use answers, and no ping is out that may show the contrary."""
        current = self._current_path
        return current is not None and current.answers and current.give_up_at is None

    @property
    def candidates(self) -> tuple[Hop, ...]:
        """The hops that are known, for tests and `why`."""
        return tuple(path.hop for path in self._paths)

    # --- within: candidates ---

    @property
    def _current_path(self) -> Path | None:
        return self._paths.get(self._current)

    @property
    def _is_direct(self) -> bool:
        return isinstance(self._current, Endpoint)

    def _add(self, hops: Iterable[Hop], now: float) -> None:
        wanted = (hop for hop in hops if isinstance(hop, RelayHop) or not self._forced)
        self._paths.add(wanted, now, keep=(self._current, self._relay))

    def _heard(self, hop: Hop, now: float) -> None:
        """Something fresh of the peer came from here."""
        self._add((hop,), now)
        path = self._paths.get(hop)
        if path is None:
            return
        path.heard_at = now
        if path.answers and not path.is_doubted:
            return
        self._paths.ping_back(path, now)
        if not path.schedule:
            self._try(path, now)

    def _suspect_move(self, current: Path, hop: Hop, now: float) -> None:
        """The peer speaks from elsewhere: perhaps it moved, and then its packets are no reason for patience."""
        is_verifying = current.give_up_at is not None and not current.is_patient
        if not is_verifying and self._suspicion.wants_look(hop, now):
            self._verify(current, now)

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
        self._paths.grant_all()
        if self._online or self._current is not None:
            self._put_event(SendCandidates(reply_wanted=True))
        self._try_all(now)

    def _try_all(self, now: float) -> None:
        for path in self._paths:
            if not path.answers:
                self._try(path, now)
            elif path.wholeness is Wholeness.HOLE:
                path.begin_full(now)
                self._paths.send_due(path, now)

    def _look_elsewhere(self, now: float) -> None:
        """The path in use missed a ping: see meanwhile which others answer."""
        for path in self._paths:
            if path.answers and path.give_up_at is None:
                self._verify(path, now)
        self._try_all(now)

    def _try(self, path: Path, now: float) -> None:
        if self._paths.begin_try(path, now):
            self._drive(path, now)

    def _verify(self, path: Path, now: float) -> None:
        path.begin_verify(now)
        self._drive(path, now)

    def _check_full(self, path: Path, now: float) -> None:
        if now - path.full_doubted_at > FULL_DOUBT_GAP_S:
            path.full_doubted_at = now
            path.begin_full(now)
            self._paths.send_due(path, now)

    def _verify_stale(self, path: Path, now: float) -> None:
        """Unless that is under way, or it answered just now."""
        is_fresh = path.answered_at is not None and now - path.answered_at < DOUBT_GAP_S
        if path.give_up_at is None and not is_fresh:
            self._verify(path, now)

    def _drive(self, path: Path, now: float) -> None:
        lost = path.count_lost(now)
        if path.hop == self._current:
            self.history.note_lost(lost, now)
        if path.give_up_at is not None and path.give_up_at <= now:
            self._give_up(path, now)
            return
        if path.judge_full(now):
            if path.hop == self._current and path.wholeness is Wholeness.HOLE:
                self._put_event(SendCandidates(reply_wanted=True))  # the peer's full packets may be swallowed too
            self._choose(now)
        if path.ends_hold(now) and path.answers and path.give_up_at is None:
            path.begin_verify(now)
            path.begin_full(now)
        if path.answers and path.give_up_at is None and path.schedule and path.schedule[0] <= now:
            path.begin_verify(now)  # a keepalive is due
            if path.wholeness is Wholeness.HOLE:
                path.begin_full(now)
        if path.hop == self._current and path.unanswered == 1 and path.schedule and path.schedule[0] <= now:
            self._look_elsewhere(now)
        self._paths.send_due(path, now)
        if path.begins_doubt(now):
            if path.hop == self._current:
                self._look_elsewhere(now)
                self._put_event(SendCandidates(reply_wanted=True))  # what it sends opens its router for us again
            self._choose(now)

    def _give_up(self, path: Path, now: float) -> None:
        path.give_up()
        if path.hop == self._current and not path.is_relay:
            path.die(now)
        if path.hop == self._relay:
            self._put_event(RelaySilent(self._relay))
            path.schedule.append(now + SILENT_RELAY_S)
        elif path.is_relay:
            self._paths.remove(path.hop)  # a channel that the peer opened and left
        if path.hop == self._current:
            self._choose(now, f"no answer from {path.hop}" if not path.is_relay else "the relay does not answer")

    # --- within: the choice ---

    def _choose(self, now: float, because: str = "") -> None:
        usable = [
            Sample(path.hop, path.rtt_s, grade)
            for path in self._paths
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
            self._paths.lead(sample.endpoint, now)
            if (path := self._current_path) is not None:
                self._verify(path, now)
        if self._rounds.due is None:
            self._begin_rounds(now)

    def _keepalive_s(self, path: Path) -> float:
        interval_s = KEEPALIVE_S if path.hop == self._current else SPARE_KEEPALIVE_S
        return interval_s * (0.9 + 0.2 * self._rng(1)[0] / 255)  # apart from the other peers' keepalives

    def _put_event(self, event: Event) -> None:
        if event not in self._events:
            self._events.append(event)  # bounded: the owner drains after every input, and equal ones are one
