"""How often somebody may try: a table of tries by who or what they are about, bounded. Pure: the clock is an argument.

Guesses of passwords and codes are counted by it, and what a member may have the server do that costs others something.
Must not know what a try is.
"""

from collections import OrderedDict
from typing import Final

FAILURES_WITHIN_S: Final = 900.0
THROTTLED_MAX: Final = 10_000  # of each kind; the one that failed longest ago is forgotten first


class Throttle:
    """Counts failures within `FAILURES_WITHIN_S`; `most` of them shut the subject out until the oldest is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, subject: str, now: float) -> float:
        """How long this subject has to wait, 0 where it may try."""
        recent = self._recent(subject, now)
        return recent[0] + FAILURES_WITHIN_S - now if len(recent) >= self._most else 0.0

    def fail(self, subject: str, now: float) -> None:
        """One more wrong try."""
        recent = self._recent(subject, now)
        self._failures[subject] = [*recent[-self._most + 1 :], now]
        self._failures.move_to_end(subject)
        while len(self._failures) > THROTTLED_MAX:
            self._failures.popitem(last=False)

    def take_back(self, subject: str) -> None:
        """The newest failure was none: a try is counted before its outcome is known, so that many at once are not more
        than many one after the other."""
        failures = self._failures.get(subject)
        if failures:
            del failures[-1]

    def forgive(self, subject: str) -> None:
        """A right try: what was wrong before is forgotten."""
        self._failures.pop(subject, None)

    def _recent(self, subject: str, now: float) -> list[float]:
        return [at for at in self._failures.get(subject, ()) if at > now - FAILURES_WITHIN_S]
