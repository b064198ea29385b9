"""What counts as now: the wall clock, but never before the newest date in what was signed and the time since then.

On a node that is the newest verified document, so that a clock that went back brings nothing to life that has ended. On
a server it is what its own key signed, in whichever network: news with an older date would look stale to its nodes, and
they would raise an alarm and admit nobody. Whoever runs the machine is told that its clock is behind; a clock that is
ahead cannot be known for what it is. Must not know documents; reads no clock itself.
"""

from collections.abc import Callable


class SignedClock:
    """Call it for Unix seconds."""

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._date = 0.0
        self._seen_at = monotonic()

    def __call__(self) -> float:
        """Unix seconds, never before the newest date that was seen."""
        return max(self._wall(), self._floor())

    def see(self, date: float) -> None:
        """A document that counts has this date (Unix seconds)."""
        if date > self._floor():
            self._date, self._seen_at = date, self._monotonic()

    @property
    def behind_s(self) -> float:
        """By how much the wall clock is behind; 0 where it is not, as far as one can know."""
        return max(0.0, self._floor() - self._wall())

    def _floor(self) -> float:
        return self._date + (self._monotonic() - self._seen_at)
