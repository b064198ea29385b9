"""How often one session gets a map: a storm of changes becomes few messages.

Decides when a map may go out: MAP_BURST at once, then one an interval. Must not know what is in it. The
session's machine asks when its line is free; what is held back stays in the network's state, and its newest goes out
when there is budget again: latest wins, nothing is queued.
"""

from collections.abc import Callable

from warren.limits import MAP_BURST, MAP_INTERVAL_A_SESSION_S, MAP_INTERVAL_S
from warren.protocol.control.messages import MapUpdate
from warren.protocol.control.server_role import MapSource


class PacedMaps:
    """A session's map source within a budget. `sessions`: how many share the network; `clock`: monotonic seconds."""

    def __init__(self, source: MapSource, sessions: Callable[[], int], clock: Callable[[], float]) -> None:
        self._source = source
        self._sessions = sessions
        self._clock = clock
        self._whole_at = clock()  # when the budget is whole again
        self._is_held = False
        self.sent = 0

    def __call__(self, since: int) -> MapUpdate | None:
        """What there is to tell after a version of the network; None: nothing, or not yet."""
        now = self._clock()
        self._is_held = now < self._free_at()
        if self._is_held:
            return None
        update = self._source(since)
        if update is not None and (update.full or update.documents or update.gone or update.presence):
            self._whole_at = max(self._whole_at, now) + self._interval()
            self.sent += 1
        return update

    def held_until(self) -> float | None:
        """When to ask again what was held back (monotonic seconds); None where nothing was."""
        return self._free_at() if self._is_held else None

    def _free_at(self) -> float:
        return self._whole_at - (MAP_BURST - 1) * self._interval()

    def _interval(self) -> float:
        """Seconds between maps in a storm: in a large network each change is told to many, so fewer times to each."""
        return max(MAP_INTERVAL_S, self._sessions() * MAP_INTERVAL_A_SESSION_S)
