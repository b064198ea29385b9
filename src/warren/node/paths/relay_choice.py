"""Which of the relays that answer is this node's home, and which one stands by.

Decides by round trip, with hysteresis: a home that moves costs every peer a message and a new channel, so another relay
has to be clearly nearer, and for a while. A home that is gone is left at once. Pure: `now` is monotonic seconds. Must
not know how relays are reached.
"""

from collections.abc import Mapping
from dataclasses import dataclass

BETTER_BY_RATIO = 0.7  # another relay takes less than this part of the home's round trip
BETTER_BY_S = 0.005  # and saves at least so much: less is noise of a busy line
BETTER_FOR_S = 120.0  # for so long, over several measurements
GONE_AFTER_S = 1.0  # a home that lost its session is given so long to come back: a blip moves nobody


@dataclass(frozen=True, slots=True)
class Home:
    """The relay where this node can be reached (0: none), and why that one."""

    relay: int
    reason: str


class HomeChoice:
    """Remembers what hysteresis takes. `home` is the verdict in force, 0 while there is none."""

    def __init__(self, home: int = 0) -> None:
        """`home`: that of the last run, kept if it answers."""
        self.home = home
        self._better: int = 0
        self._better_since = 0.0
        self._gone_since: float | None = None

    def choose(self, answering: Mapping[int, float], now: float) -> Home | None:
        """Look at the relays that are connected with their round trips (s); the new home where it changed."""
        if not answering:
            self._gone_since = self._gone_since if self._gone_since is not None else now
            return None  # nowhere to go; the old home may come back
        best = min(answering, key=lambda relay: (answering[relay], relay))
        if self.home not in answering:
            return self._without_home(best, answering[best], now)
        self._gone_since = None
        held_s, best_s = answering[self.home], answering[best]
        if best == self.home or best_s >= held_s * BETTER_BY_RATIO or held_s - best_s < BETTER_BY_S:
            self._better = 0
            return None
        if self._better != best:
            self._better, self._better_since = best, now
        if now - self._better_since < BETTER_FOR_S:
            return None
        return self._move(best, f"{best_s * 1000:.0f} ms instead of {held_s * 1000:.0f} ms")

    def due(self, answering: Mapping[int, float]) -> float | None:
        """When to look again though nothing happened (monotonic seconds); None: need not."""
        if self.home not in answering:
            return self._gone_since + GONE_AFTER_S if self._gone_since is not None and answering else None
        return self._better_since + BETTER_FOR_S if self._better else None

    def _without_home(self, best: int, best_s: float, now: float) -> Home | None:
        if self.home == 0:
            return self._move(best, f"the nearest that answers, {best_s * 1000:.0f} ms")
        if self._gone_since is None:
            self._gone_since = now
        if now - self._gone_since < GONE_AFTER_S:
            return None
        return self._move(best, "the one before does not answer")

    def _move(self, relay: int, reason: str) -> Home:
        self.home, self._better, self._gone_since = relay, 0, None
        return Home(relay, reason)


def standby(home: int, answering: Mapping[int, float]) -> int:
    """The relay to fall to when the home dies: the nearest other one, by number where that is equal; 0: none."""
    others = [relay for relay in answering if relay != home]
    return min(others, key=lambda relay: (answering[relay], relay), default=0)
