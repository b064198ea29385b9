"""What counts as now: the wall clock, but never before the newest date in what was signed and the time since then.

On a node that is the newest verified document, so that a clock that went back brings nothing to life that has ended.
The root's dates count as they are. Of who merely attests, which is all that a lock leaves a server, no date counts that
is more than CLOCK_ATTESTED_AHEAD_MAX_S ahead of the wall clock: a server that lies, or whose own clock was ahead for an
hour, could else make everything that ends be over, everywhere and for good. Only where the wall clock is that far
behind what is sure, as 1970 is, does it witness nothing. There attested dates count without a bound: a date too late
ends something until the clock is set, and one too early would bring to life what has ended. Nothing of that stays: once
the clock is right, what it does not bear out counts no more. Sure is the root's date, and one that the wall clock
reached.

On a server it is what its own key signed, in whichever network: news with an older date would look stale to its nodes,
and they would raise an alarm and admit nobody. Whoever runs the machine is told that its clock is behind; a clock that
is ahead cannot be known for what it is. Must not know documents; reads no clock itself.
"""

from collections.abc import Callable

from warren.limits import CLOCK_ATTESTED_AHEAD_MAX_S


class SignedClock:
    """Call it for Unix seconds."""

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._sure = self._told = (0.0, monotonic())  # the date, and when it was seen

    def __call__(self) -> float:
        """Unix seconds, never before the newest date that was seen and counts."""
        return max(self._wall(), self._floor())

    def see(self, date: float, sure: float | None = None) -> None:
        """Documents that count have dates up to this (Unix seconds), and the root's up to `sure`; all where that is
        left out."""
        sure = max(date if sure is None else sure, min(date, self._wall()))
        if sure > self._since(self._sure):
            self._sure = sure, self._monotonic()
        if date > self._since(self._told) or not self._is_borne_out():
            self._told = date, self._monotonic()

    @property
    def latest(self) -> float:
        """Up to when a date of who merely attests counts, where this machine's clock witnesses anything."""
        return self._wall() + CLOCK_ATTESTED_AHEAD_MAX_S

    @property
    def behind_s(self) -> float:
        """By how much the wall clock is behind; 0 where it is not, as far as one can know."""
        return max(0.0, self._floor() - self._wall())

    def _floor(self) -> float:
        sure = self._since(self._sure)
        return max(sure, self._since(self._told)) if self._is_borne_out() else sure

    def _is_borne_out(self) -> bool:
        """Whether the wall clock has nothing against what was told."""
        return self._since(self._told) <= self.latest or self.latest < self._since(self._sure)

    def _since(self, seen: tuple[float, float]) -> float:
        date, at = seen
        return date + (self._monotonic() - at)
