"""What a program holds, from outside and by its own word, and whether that is more than it was.

Memory, descriptors and threads come from proc(5); tasks from the line that a program of ours writes on SIGUSR1
(`warren.inventory`), which a program without Python's loop, the front, does not: it has none.
"""

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.netlab.until import until

MOST_GROWTH = 1.25  # of memory since the warm-up; allocators keep some slack
MOST_MORE = 8  # descriptors, threads and tasks that may come and go
TELL_S = 10.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds."""

    pss_kib: int
    descriptors: int
    threads: int
    tasks: int = 0

    def outgrew(self, first: "Usage") -> bool:
        """Whether it holds more than it should after `first`."""
        return (
            self.pss_kib > first.pss_kib * MOST_GROWTH
            or self.descriptors > first.descriptors + MOST_MORE
            or self.threads > first.threads + MOST_MORE
            or self.tasks > first.tasks + MOST_MORE
        )


def usage(pid: int, log: Path | None = None) -> Usage:
    """Read it; with the log that the process writes, its tasks too. FileNotFoundError where it has ended."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    pss = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
    process = Path(f"/proc/{pid}")
    return Usage(
        int(pss.split()[1]),
        len(list((process / "fd").iterdir())),
        len(list((process / "task").iterdir())),
        _tasks(pid, log) if log is not None else 0,
    )


def _tasks(pid: int, log: Path) -> int:
    told = len(_lines(log))
    os.kill(pid, signal.SIGUSR1)
    lines = until(lambda: found if len(found := _lines(log)) != told else [], "it says what it holds", TELL_S)
    return int(json.loads(lines[-1])["tasks"])


def _lines(log: Path) -> list[str]:
    """Where it says what it holds, in whole lines: the last one may be half written. The log may be cut between two
    looks, when it has its maximum."""
    whole, _, _ = log.read_text(errors="replace").rpartition("\n")
    return [line for line in whole.splitlines() if '"event": "holds"' in line]
