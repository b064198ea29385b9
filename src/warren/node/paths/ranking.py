"""Which of the paths to a peer is used.

Decides first by what a path can carry (`Grade`), then by round trip, with hysteresis: two ways through one switch
differ by noise, and every change may reorder packets. Must not know probes or clocks. The verdict says why, for status
and logs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from warren.model.addresses import Endpoint, Hop

BETTER_BY_RATIO = 0.75  # another path has to take less than this part of the current round trip
BETTER_BY_S = 0.002  # and save at least so much: below 2 ms the scheduler decides, not the network


class Grade(IntEnum):
    """What a path is good for, the best first."""

    DIRECT = 0
    RELAY = 1
    DIRECT_SMALL = 2
    """It answers, but packets of full size do not pass (or that is not known yet), or it died a moment ago."""
    RELAY_SMALL = 3
    DOUBTED = 4
    SILENT = 5
    """A relay's channel that does not answer: better than nowhere."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A path with its smoothed round trip in seconds, if that is known, and what it is good for."""

    endpoint: Hop
    rtt_s: float | None
    grade: Grade = Grade.DIRECT


@dataclass(frozen=True, slots=True)
class Choice:
    """The path to use and why it and not another."""

    sample: Sample
    reason: str


def choose(current: Hop | None, usable: Sequence[Sample]) -> Choice | None:
    """The path to use among those that are of use; None where none is."""
    if not usable:
        return None
    grade = min(sample.grade for sample in usable)
    held = next((sample for sample in usable if sample.endpoint == current), None)
    if held is not None and held.grade is Grade.DOUBTED and grade in {Grade.DOUBTED, Grade.SILENT}:
        return Choice(held, "nothing else answers")  # round trips of before say nothing
    best = min((sample for sample in usable if sample.grade is grade), key=_order)
    if held is None:
        reason = "the first that answered" if len(usable) == 1 else "the shortest round trip"
        return Choice(best, reason)
    if held.grade is not grade:
        return Choice(best, _better(best, held))
    if best.rtt_s is not None and held.rtt_s is not None and _is_shorter(best.rtt_s, held.rtt_s):
        return Choice(best, f"{best.rtt_s * 1000:.1f} ms instead of {held.rtt_s * 1000:.1f} ms")
    return Choice(held, "in use, and no other is clearly shorter")


def _is_shorter(rtt_s: float, than_s: float) -> bool:
    return rtt_s < than_s * BETTER_BY_RATIO and than_s - rtt_s >= BETTER_BY_S


def _better(best: Sample, held: Sample) -> str:
    if best.grade is Grade.DIRECT and not isinstance(held.endpoint, Endpoint):
        return f"it answers in {(best.rtt_s or 0.0) * 1000:.1f} ms"
    if held.grade in {Grade.DOUBTED, Grade.SILENT}:
        return f"no answer from {held.endpoint}" if isinstance(held.endpoint, Endpoint) else "the relay does not answer"
    if held.grade in {Grade.DIRECT_SMALL, Grade.RELAY_SMALL}:
        return "MTU hole: full packets do not pass"
    return "it carries full packets"


def _order(sample: Sample) -> tuple[float, int, tuple[int, ...]]:
    """By round trip; equal ones in a fixed order."""
    rtt_s = sample.rtt_s if sample.rtt_s is not None else float("inf")
    hop = sample.endpoint
    if isinstance(hop, Endpoint):
        return (rtt_s, 0, (hop.address.version, int(hop.address), hop.port))
    return (rtt_s, 1, (hop.relay, hop.channel))
