"""What counts as now for what this server signs and stores: its wall clock, but never before what it signed already.

Nodes take the newest date in a signed document for the earliest that now can be. A server whose clock went back would
sign news that looks old to them: they would raise an alarm and admit nobody. So the newest date it signed, and the
time that has passed since, hold against the wall clock; who runs the server is told that the clock is behind. A clock
that is ahead cannot be known for what it is. Must not know documents; reads no clock itself.
"""

from collections.abc import Callable


class SigningClock:
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
        """A document of ours has this date (Unix seconds)."""
        if date > self._floor():
            self._date, self._seen_at = date, self._monotonic()

    @property
    def behind_s(self) -> float:
        """By how much the wall clock is behind; 0 where it is not, as far as one can know."""
        return max(0.0, self._floor() - self._wall())

    def _floor(self) -> float:
        return self._date + (self._monotonic() - self._seen_at)
