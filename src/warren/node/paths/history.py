"""What happened on the way to a peer: each change of path with its reason, and how good the path was. Pure.

Decides what is kept: the last PATH_CHANGES_KEPT changes, and QUALITY_KEPT buckets of QUALITY_BUCKET_S with the pings
that were answered and lost on the path in use. Must not know how to write a time of day: times are monotonic seconds.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from warren.limits import PATH_CHANGES_KEPT, QUALITY_BUCKET_S, QUALITY_KEPT
from warren.model.addresses import Hop


@dataclass(frozen=True, slots=True)
class Change:
    """From `at` on packets went to `hop` (None: nowhere), because of `reason`."""

    at: float
    hop: Hop | None
    reason: str


@dataclass(slots=True)
class Quality:
    """A stretch of time on the path in use: how many pings were answered and lost, and their round trips."""

    began_at: float
    answered: int = 0
    lost: int = 0
    rtt_sum_s: float = 0.0
    rtt_least_s: float = float("inf")
    rtt_most_s: float = 0.0

    @property
    def rtt_mean_s(self) -> float | None:
        """None where nothing was answered."""
        return self.rtt_sum_s / self.answered if self.answered else None


class History:
    """One peer's."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=PATH_CHANGES_KEPT)
        self._quality: deque[Quality] = deque(maxlen=QUALITY_KEPT)

    @property
    def changes(self) -> Sequence[Change]:
        """Oldest first."""
        return tuple(self._changes)

    @property
    def quality(self) -> Sequence[Quality]:
        """Oldest first; stretches without a ping are left out."""
        return tuple(self._quality)

    def note_change(self, hop: Hop | None, reason: str, now: float) -> None:
        """Packets go another way from here on."""
        self._changes.append(Change(now, hop, reason))

    def note_answer(self, rtt_s: float, now: float) -> None:
        """A ping on the path in use was answered."""
        bucket = self._bucket(now)
        bucket.answered += 1
        bucket.rtt_sum_s += rtt_s
        bucket.rtt_least_s = min(bucket.rtt_least_s, rtt_s)
        bucket.rtt_most_s = max(bucket.rtt_most_s, rtt_s)

    def note_lost(self, count: int, now: float) -> None:
        """Pings on the path in use were not answered."""
        if count:
            self._bucket(now).lost += count

    def _bucket(self, now: float) -> Quality:
        if not self._quality or now >= self._quality[-1].began_at + QUALITY_BUCKET_S:
            self._quality.append(Quality(now))
        return self._quality[-1]
