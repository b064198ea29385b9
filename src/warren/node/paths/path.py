"""One possible way to a peer: a hop, the pings that are out on it, and what their answers say. Pure.

Decides what a path is worth. It *answers* after a pong with the transaction of a ping of ours, from the hop that this
went to. It is *whole* after a ping padded to full size came back, and has an *MTU hole* where only small ones do. While
it is verified and silent for longer than its own round trip and loss explain, it is *doubted*. One that died in use is
held off for a while, so that two sides do not dance. Must not know the other paths or when the agent wants a ping.
Times are monotonic seconds.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from warren.limits import PROBES_OUTSTANDING_MAX, PROBES_UNANSWERED_MAX
from warren.model.addresses import Hop, RelayHop
from warren.node.paths.ranking import Grade

TRY_AT = (0.0, 0.1, 0.3, 0.7, 1.5)  # after the start of a round; both sides may begin 0.4 s apart
RETRY_AT = (0.0, 0.4)  # the same for a hop that answered before: it is tried more often, with fewer
VERIFY_AT = (0.0, 0.1, 0.2, 0.3, 0.45, 0.65, 0.9, 1.3, 1.8)  # a path that is due; stretched by a long round trip
VERIFY_GIVE_UP_S = 2.5
VERIFY_STRETCH_S = 0.08  # up to this round trip the times above are kept
VERIFY_STRETCH_MAX = 2.0
PATIENT_MAX_S = 10.0  # while packets of the peer arrive, pings may get lost for so long
PATIENT_PING_S = 0.4
FULL_AT = (0.0, 0.2, 0.5, 0.9, 1.4, 2.0, 2.7)  # pings of full size; four of them where nothing is lost
FULL_TRIES = 4
FULL_ANSWER_S = 0.8  # after the last of them, at least; and twice the round trip
FULL_SUSPECT = 3  # so many are out and a small one was answered meanwhile: packets of full size pass no more, perhaps
DOUBT_PINGS = 4  # unanswered ones after which another path is taken; more where pings get lost
DOUBT_AFTER_S = 0.45  # and at least so long after the first: schedulers sleep, and jitter of 0.3 s each way is no death
DOUBT_AFTER_MAX_S = 1.5
PINGS_FOR_LOSS = 6  # further ones, times the loss
LOST_AFTER_S = 2.5  # an answer that takes longer counts as lost
LOSS_WEIGHT = 0.1
RTT_WEIGHT = 0.25
HOLD_OFF_S = (4.0, 8.0, 12.0)  # after the first, second, further death in use
HOLD_OFF_FORGET_S = 600.0  # a path that lived so long has no past
PROVEN_FORGET_S = 600.0  # who answered last so long ago is a stranger again


class Wholeness(Enum):
    """What is known of packets of full size."""

    UNKNOWN = "unknown"
    WHOLE = "whole"
    HOLE = "MTU hole"


@dataclass(frozen=True, slots=True)
class Answer:
    """A pong that counts: the round trip of this ping in seconds, and whether it had full size."""

    rtt_s: float
    is_full: bool


@dataclass(slots=True)
class Path:
    """A hop and how it behaves. `schedule` and `full_schedule` hold when pings are due."""

    hop: Hop
    heard_at: float
    schedule: deque[float] = field(default_factory=deque)
    full_schedule: deque[float] = field(default_factory=deque)
    outstanding: dict[bytes, tuple[float, bool]] = field(default_factory=dict)
    rtt_s: float | None = None
    deviation_s: float = 0.0
    loss: float = 0.0
    pinged_at: float = -1.0
    answered_at: float | None = None
    credits: int = PROBES_UNANSWERED_MAX
    answers: bool = False
    is_silent: bool = False
    """A relay's hop that was asked for long enough and did not answer; it may still be the best there is."""
    wholeness: Wholeness = Wholeness.UNKNOWN
    full_give_up_at: float | None = None
    verified_since: float | None = None
    unanswered: int = 0
    give_up_at: float | None = None
    is_doubted: bool = False
    deaths: int = 0
    died_at: float = 0.0
    is_held: bool = False
    is_patient: bool = False
    """Packets of the peer arrive: silence of pings alone is no reason to leave before the time is up."""
    full_checked_at: float = float("-inf")
    full_doubted_at: float = float("-inf")
    full_out: int = 0
    """Pings of full size since then without an answer."""

    @property
    def is_relay(self) -> bool:
        """Whether it leads through a relay."""
        return isinstance(self.hop, RelayHop)

    def is_proven(self, now: float) -> bool:
        """Whether it answered not long ago: then pings to it need no budget against strangers."""
        return self.answered_at is not None and now - self.answered_at < PROVEN_FORGET_S

    # --- what is asked of it ---

    def begin_try(self, now: float) -> None:
        """A round of pings to a hop that does not answer (yet)."""
        offsets_s = RETRY_AT if self.is_proven(now) else TRY_AT
        self.schedule = deque(now + offset_s for offset_s in offsets_s)

    def begin_verify(self, now: float) -> None:
        """See whether it still answers."""
        stretch = min(max(1.0, (self.rtt_s or 0.0) / VERIFY_STRETCH_S), VERIFY_STRETCH_MAX)
        offsets_s = (offset_s * stretch for offset_s in VERIFY_AT)
        self.schedule = deque(now + offset_s for offset_s in offsets_s if offset_s < VERIFY_GIVE_UP_S)
        self.verified_since = now
        self.unanswered = 0
        self.is_patient = False
        self.give_up_at = now + VERIFY_GIVE_UP_S

    def begin_full(self, now: float) -> None:
        """See whether packets of full size pass; what was known stays until there is an outcome."""
        if self.full_give_up_at is not None:
            return
        self.full_checked_at, self.full_out = now, 0
        tries = min(FULL_TRIES + round(PINGS_FOR_LOSS * self.loss), len(FULL_AT))
        self.full_schedule = deque(now + offset_s for offset_s in FULL_AT[:tries])
        self.full_give_up_at = self.full_schedule[-1] + max(FULL_ANSWER_S, 2 * (self.rtt_s or 0.0))

    def note_ping(self, transaction: bytes, now: float, *, is_full: bool) -> None:
        """A ping went out."""
        if len(self.outstanding) >= PROBES_OUTSTANDING_MAX:
            del self.outstanding[next(iter(self.outstanding))]
        self.outstanding[transaction] = (now, is_full)
        self.pinged_at = now
        self.full_out += is_full
        if self.verified_since is not None and not is_full:
            self.unanswered += 1

    # --- what it says ---

    def take_pong(self, transaction: bytes, now: float) -> Answer | None:
        """A valid pong from this hop; None where no ping with this transaction is out."""
        sent = self.outstanding.pop(transaction, None)
        if sent is None:
            return None
        sent_at, is_full = sent
        sample_s = max(now - sent_at, 0.0)
        if self.rtt_s is None or not self.answers:
            self.rtt_s, self.deviation_s = sample_s, sample_s / 2
        else:
            error_s = sample_s - self.rtt_s
            self.rtt_s += RTT_WEIGHT * error_s
            self.deviation_s += RTT_WEIGHT * (abs(error_s) - self.deviation_s)
        self.loss -= LOSS_WEIGHT * self.loss
        self.answers, self.is_silent = True, False
        self.heard_at = self.answered_at = now
        self.credits = PROBES_UNANSWERED_MAX
        self.settle()
        if is_full:
            self.wholeness = Wholeness.WHOLE
            self.full_give_up_at, self.full_out = None, 0
            self.full_schedule.clear()
        return Answer(sample_s, is_full)

    def be_patient(self, now: float) -> None:
        """Packets of the peer arrive: lost pings alone are no reason to leave, until PATIENT_MAX_S are over."""
        if self.verified_since is None:
            return
        self.is_patient = True
        self.give_up_at = max(self.give_up_at or now, min(now + VERIFY_GIVE_UP_S, self.verified_since + PATIENT_MAX_S))
        if not self.schedule:
            self.schedule.append(max(now, self.pinged_at + PATIENT_PING_S))

    def settle(self) -> None:
        """It is alive: nothing is in doubt."""
        self.give_up_at = self.verified_since = None
        self.unanswered = 0
        self.is_doubted = False

    def count_lost(self, now: float) -> int:
        """Forget pings that were out for too long; how many small ones of a path that answers are lost by that."""
        gone = [key for key, (sent_at, _) in self.outstanding.items() if now - sent_at > LOST_AFTER_S]
        lost = sum(not self.outstanding.pop(key)[1] for key in gone)
        if not self.answers:
            return 0
        for _ in range(lost):
            self.loss += LOSS_WEIGHT * (1.0 - self.loss)
        return lost

    def begins_doubt(self, now: float) -> bool:
        """Whether it became doubtful right now."""
        due = self.doubt_due
        if due is None or now < due or self.unanswered < self.doubt_pings:
            return False
        self.is_doubted = True
        return True

    @property
    def doubt_pings(self) -> int:
        """So many unanswered pings are more than chance."""
        return DOUBT_PINGS + round(PINGS_FOR_LOSS * self.loss)

    @property
    def doubt_due(self) -> float | None:
        """When silence is long enough for doubt, if it is being verified."""
        if self.verified_since is None or self.is_doubted or self.is_patient:
            return None
        if not self.answers and not self.is_relay:  # a relay's hop is in use before it ever answered
            return None
        patience_s = 2 * (self.rtt_s or 0.0) + 4 * self.deviation_s
        return self.verified_since + min(max(DOUBT_AFTER_S, patience_s), DOUBT_AFTER_MAX_S)

    def judge_full(self, now: float) -> bool:
        """No ping of full size came back in time: a hole, if small ones do. Whether that is news."""
        if self.full_give_up_at is None or now < self.full_give_up_at:
            return False
        self.full_give_up_at = None
        if not self.answers or self.is_doubted or self.wholeness is Wholeness.HOLE:
            return False
        self.wholeness = Wholeness.HOLE
        return True

    @property
    def is_narrow(self) -> bool:
        """Whether packets of full size do not pass, or seem not to: small ones do, and a few large ones got lost."""
        if self.wholeness is Wholeness.HOLE:
            return True
        is_answered = self.answered_at is not None and self.answered_at > self.full_checked_at
        return self.full_give_up_at is not None and self.full_out >= FULL_SUSPECT and is_answered

    def die(self, now: float) -> None:
        """It carried packets and does not any more."""
        if now - self.died_at > HOLD_OFF_FORGET_S:
            self.deaths = 0
        if not self.is_held:
            self.deaths += 1
        self.died_at = now
        self.is_held = True
        self.wholeness = Wholeness.UNKNOWN

    def forgive(self) -> None:
        """The network changed: the past says nothing."""
        self.deaths = 0
        self.is_held = False

    def ends_hold(self, now: float) -> bool:
        """Whether it may be taken again right now: worth a look."""
        if not self.is_held or now < self.held_until:
            return False
        self.is_held = False
        return True

    def give_up(self) -> None:
        """Asked for long enough: it does not answer."""
        self.answers = False
        self.is_silent = self.is_relay
        self.wholeness = Wholeness.UNKNOWN
        self.full_give_up_at = None
        self.outstanding.clear()
        self.schedule.clear()
        self.full_schedule.clear()
        self.settle()

    @property
    def held_until(self) -> float:
        """Until when it is not taken again while there is another way."""
        return self.died_at + HOLD_OFF_S[min(self.deaths, len(HOLD_OFF_S)) - 1] if self.deaths else 0.0

    def grade(self, now: float, *, is_current: bool) -> Grade | None:
        """What it is good for; None: for nothing."""
        if self.is_doubted:
            return Grade.DOUBTED
        if self.is_relay:
            usable = Grade.RELAY_SMALL if self.wholeness is Wholeness.HOLE else Grade.RELAY
            return Grade.SILENT if self.is_silent else usable
        if not self.answers:
            return None
        is_held = self.is_held and now < self.held_until
        is_small = self.wholeness is Wholeness.HOLE or (
            not is_current and (is_held or self.wholeness is not Wholeness.WHOLE)
        )
        return Grade.DIRECT_SMALL if is_small else Grade.DIRECT

    def next_due(self) -> tuple[float, str] | None:
        """The next moment at which something is to be done about it."""
        ends = ((self.give_up_at, "an answer"), (self.full_give_up_at, "a full answer"))
        due = [(at, why) for at, why in ends if at is not None]
        if self.schedule:
            due.append((self.schedule[0], "a probe"))
        if self.full_schedule:
            due.append((self.full_schedule[0], "a full probe"))
        if self.is_held and self.answers:
            due.append((self.held_until, "a second chance"))
        doubt_due = self.doubt_due
        if doubt_due is not None and self.unanswered >= self.doubt_pings:
            due.append((doubt_due, "doubt"))
        return min(due) if due else None
