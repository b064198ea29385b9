"""Whether this machine, or this program, stood still: what four readings of its clocks say. Pure.

Decides between three kinds. *Slept*: the boot clock went on and the monotonic one did not (suspend, clock_gettime(2)).
*Stopped*: the program was due long ago and nobody called it (SIGSTOP, a frozen machine, a virtual one that was paused
with its clocks). *Moved*: the wall clock jumped against the boot clock, as after a restored snapshot, or because
somebody set it; nothing follows from that for sessions, but looking costs little. For all of them the world went on:
NAT mappings are forgotten, sessions closed, keys too old.
"""

from dataclasses import dataclass

from warren.limits import PAUSE_LATE_S, PAUSE_MIN_S, WALL_JUMP_MIN_S


@dataclass(frozen=True, slots=True)
class Clocks:
    """The three clocks of one moment, seconds."""

    monotonic: float
    boot: float
    wall: float


@dataclass(frozen=True, slots=True)
class Pause:
    """`lasted_s` is how long the world went on without us; `kind` says how it was seen."""

    lasted_s: float
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} for {self.lasted_s:.0f} s"


def pause(before: Clocks, after: Clocks, due_s: float) -> Pause | None:
    """What happened between two readings that were to be `due_s` apart; None for the usual course of things."""
    elapsed_s = after.monotonic - before.monotonic
    slept_s = (after.boot - before.boot) - elapsed_s
    if slept_s >= PAUSE_MIN_S:
        return Pause(slept_s, "slept")
    if elapsed_s - due_s >= PAUSE_LATE_S:
        return Pause(elapsed_s - due_s, "stopped")
    jumped_s = (after.wall - before.wall) - (after.boot - before.boot)
    if abs(jumped_s) >= WALL_JUMP_MIN_S:
        return Pause(max(jumped_s, 0.0), "moved its clock")
    return None
