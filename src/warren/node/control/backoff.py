"""How long to wait before the next attempt to reach a server. Pure.

Decides jitter and growth, so that ten thousand nodes whose server restarted do not come back in one second ('full
jitter' above a floor; a server's own wish, `retry_after_s`, is a floor too). `rng` gives a number within 0..1.
"""

from collections.abc import Callable

FIRST_S = 0.5  # a server that restarts is away for about a second
GROWTH = 1.8
LONGEST_S = 60.0
STEADY_AFTER_S = 60.0  # a session that lasted so long was no failed attempt


class Backoff:
    """The attempts at one server."""

    def __init__(self, rng: Callable[[], float], *, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._rng = rng
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def next_wait_s(self, retry_after_s: float = 0.0) -> float:
        """An attempt failed: wait so long."""
        ceiling_s = min(self._first_s * GROWTH**self._failures, self._longest_s)
        self._failures = min(self._failures + 1, 32)  # beyond that the ceiling holds anyway
        return retry_after_s + ceiling_s * (0.3 + 0.7 * self._rng())

    def note_session(self, lasted_s: float) -> None:
        """A session came about: begin anew if it was a steady one."""
        if lasted_s >= STEADY_AFTER_S:
            self._failures = 0

    def reset(self) -> None:
        """Something changed (the network, the user's wish): the next failure waits shortly again."""
        self._failures = 0
