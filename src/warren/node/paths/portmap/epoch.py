"""Whether a gateway lost its mappings, by the clock that it tells with every answer (RFC 6887, 8.5; RFC 6886, 3.6).

Its epoch counts seconds since it lost them last. If it went back, or moved by clearly more or less than our own clock
did, the gateway is another one or began anew. Pure.
"""

from dataclasses import dataclass

_SLACK_S = 2.0  # RFC 6887, 8.5: rounding and a delayed answer
_DRIFT = 16.0  # and clocks that differ by one part in sixteen


@dataclass(slots=True)
class Epoch:
    """One gateway's; nothing is known of it before the first answer."""

    _server_s: float | None = None
    _at: float = 0.0

    def observe(self, epoch_s: int, now: float) -> bool:
        """Take the epoch of an answer; True if the gateway has lost its state since the last."""
        before_s, at = self._server_s, self._at
        self._server_s, self._at = float(epoch_s), now
        if before_s is None:
            return False
        if epoch_s + 1 < before_s:
            return True
        ours_s, theirs_s = now - at, epoch_s - before_s
        return ours_s + _SLACK_S < theirs_s - theirs_s / _DRIFT or theirs_s + _SLACK_S < ours_s - ours_s / _DRIFT
