"""Which of the paths that answered is used.

Decides by round trip, with hysteresis: two ways through one switch differ by noise, and every change may reorder
packets. Must not know probes or clocks. The verdict says why, for status and logs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from warren.model.addresses import Endpoint

BETTER_BY_RATIO = 0.75  # another path has to take less than this part of the current round trip
BETTER_BY_S = 0.002  # and save at least so much: below 2 ms the scheduler decides, not the network


@dataclass(frozen=True, slots=True)
class Sample:
    """A path that answers, with its smoothed round trip in seconds."""

    endpoint: Endpoint
    rtt_s: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The path to use and why it and not another."""

    sample: Sample
    reason: str


def choose(current: Endpoint | None, answering: Sequence[Sample]) -> Choice | None:
    """The path to use among those that answer; None where none does."""
    if not answering:
        return None
    best = min(answering, key=lambda sample: (sample.rtt_s, sample.endpoint))
    held = next((sample for sample in answering if sample.endpoint == current), None)
    if held is None:
        reason = "the first that answered" if len(answering) == 1 else "the shortest round trip"
        return Choice(best, reason)
    if best.rtt_s < held.rtt_s * BETTER_BY_RATIO and held.rtt_s - best.rtt_s >= BETTER_BY_S:
        return Choice(best, f"{best.rtt_s * 1000:.1f} ms instead of {held.rtt_s * 1000:.1f} ms")
    return Choice(held, "in use, and no other is clearly shorter")
