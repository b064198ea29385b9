"""What a program holds, from outside and by its own word, and whether that is more than it was.

Memory, descriptors and threads come from proc(5); memory without what is mapped from files, since a program's share of
its libraries grows when another program that has them ends. Tasks come from the line that a program of ours writes on
SIGUSR1 (`warren.inventory`), which a program without Python's loop, the front, does not: it has none. So do the workers
of its pools, which are started as they are needed: up to the bound of their pool (`warren.running`) they are no growth,
and any more count like every other thread.
"""

import json
import os
import signal
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from tests.netlab.until import until

from warren.running import POOLS

MOST_CREEP_KIB = 1024  # what one more arena of an allocator takes
MOST_CREEP = 1  # descriptor, thread, task
PARTED_KIB = 8  # that is remembered of each machine that left: its removal and floors keep it out for good
TELL_S = 10.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds; `threads` but for workers of pools within their bounds; `parted`: how many machines have
    left the network by then."""

    memory_kib: int
    descriptors: int
    threads: int
    tasks: int = 0
    parted: int = 0

    def crept(self, before: "Usage") -> bool:
        """Whether this median is more than the one `before`, and than what has to be kept of who left in between."""
        kept = PARTED_KIB * (self.parted - before.parted)
        return (
            self.memory_kib > before.memory_kib + MOST_CREEP_KIB + kept
            or self.descriptors > before.descriptors + MOST_CREEP
            or self.threads > before.threads + MOST_CREEP
            or self.tasks > before.tasks + MOST_CREEP
        )


def middle(looks: Sequence[Usage]) -> Usage:
    """The median of each figure."""
    return Usage(*(int(statistics.median(column)) for column in zip(*map(astuple, looks), strict=True)))


def usage(pid: int, log: Path | None = None, parted: int = 0) -> Usage:
    """Read it; with the log that the process writes, its tasks too. FileNotFoundError where it has ended."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = next(line for line in rollup.splitlines() if line.startswith("Pss_Anon:"))
    process = Path(f"/proc/{pid}")
    said = told(pid, log) if log is not None else {}
    return Usage(
        int(own.split()[1]),
        len(list((process / "fd").iterdir())),
        len(list((process / "task").iterdir())) - pooled(said),
        said.get("tasks", 0),
        parted,
    )


def pooled(said: Mapping[str, int]) -> int:
    """How many threads are workers of pools, by what the program told, as far as their bounds go."""
    return sum(min(said.get(pool, 0), most) for pool, most in POOLS.items())


def told(pid: int, log: Path) -> dict[str, int]:
    """The figures of a line that it is asked for."""
    before = len(_lines(log))
    os.kill(pid, signal.SIGUSR1)
    lines = until(lambda: found if len(found := _lines(log)) != before else [], "it says what it holds", TELL_S)
    return {name: int(said) for name, said in json.loads(lines[-1]).items() if said.isdecimal()}


def _lines(log: Path) -> list[str]:
    """Where it says what it holds, in whole lines: the last one may be half written. The log may be cut between two
    looks, when it has its maximum."""
    whole, _, _ = log.read_text(errors="replace").rpartition("\n")
    return [line for line in whole.splitlines() if '"event": "holds"' in line]
