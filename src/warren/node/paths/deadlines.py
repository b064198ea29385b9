"""One timer of the event loop for many state machines: whose deadline is next.

Decides nothing: `set` says when a key is due, and `on_due` is called with it then. Stale entries of the heap go when
they come up.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")


class Deadlines(Generic[K]):
    """Times are `time.monotonic` seconds. All calls on the event loop."""

    def __init__(self, on_due: Callable[[K, float], None]) -> None:
        """`on_due(key, now)` is called once for each deadline; it may set the next one."""
        self._on_due = on_due
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for: float | None = None

    def set(self, key: K, due: float | None) -> None:
        """This key is due then and not at another time; None: not at all."""
        if due is None:
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._heap, (due, next(self._order), key))
        self._arm()

    def close(self) -> None:
        """No timer is left; `set` begins anew."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._armed_for = None, None

    def _arm(self) -> None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        due = self._heap[0][0] if self._heap else None
        if due == self._armed_for:
            return
        self.close()
        self._armed_for = due
        if due is not None:
            delay_s = max(due - time.monotonic(), 0.0)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._timer, self._armed_for = None, None
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self._on_due(key, now)
        self._arm()
