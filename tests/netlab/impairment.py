"""What a bad line does to frames: delay, jitter, loss, reordering, duplicates, a rate with a buffer. Pure and seeded.

One `Line` is one direction. It is told of each frame when that comes, and says when the frame, its copies or nothing is
to leave at the other end. A frame waits for the line to be free (`rate_bit_s`), in a buffer that holds `buffer_ms` of
it; then it travels. Jitter keeps the order, as a queue does; only `reorder` changes it.
"""

from dataclasses import dataclass
from random import Random  # noqa: TID251 - only the type: who makes a line gives it its numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """How bad a line is. Shares are of 1; times in ms, each way; rate 0 means without limit."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    reorder: float = 0.0
    reorder_ms: float = 10.0
    duplicate: float = 0.0
    rate_bit_s: float = 0.0
    buffer_ms: float = 200.0


PERFECT = Impairment()


class Line:
    """One direction of a wire."""

    def __init__(self, impairment: Impairment, rng: Random) -> None:
        self.impairment = impairment
        self._rng = rng
        self._free_at = 0.0
        self._last_due = 0.0

    def handle_frame(self, length_bytes: int, now: float) -> tuple[float, ...]:
        """When a frame that came at `now` (seconds) leaves: not at all, once, or twice."""
        bad, rng = self.impairment, self._rng
        if bad.loss and rng.random() < bad.loss:
            return ()
        sent_at = now
        if bad.rate_bit_s:
            begins_at = max(now, self._free_at)
            if begins_at - now > bad.buffer_ms / 1e3:
                return ()
            sent_at = self._free_at = begins_at + length_bytes * 8 / bad.rate_bit_s
        due = sent_at + (bad.delay_ms + (rng.uniform(0, bad.jitter_ms) if bad.jitter_ms else 0.0)) / 1e3
        if bad.reorder and rng.random() < bad.reorder:
            due += bad.reorder_ms / 1e3
        else:
            due = self._last_due = max(due, self._last_due)
        if bad.duplicate and rng.random() < bad.duplicate:
            return (due, due)
        return (due,)
