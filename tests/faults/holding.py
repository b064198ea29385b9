"""What a process holds, and what the daemons and servers of a case do: descriptors by what they lead to, threads but
for workers of pools, and tasks by a program's own word (`warren.inventory`). For I8, which is about them as much as
about the tests' own process.

Programs are found by the folder that their command names, whoever started them and in whichever host of a lab. Who was
there before a case may hold what it held; whoever began meanwhile, no more than a program of its kind has a use for.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tests.netlab.until import until
from tools.soaking import usage

SETTLE_S = 20.0  # for what a program lets go a moment after the fault
SPARE = 4  # sockets, tasks and threads: a session begun anew, a probe on its way; a database's connections
SOCKETS_MOST = 48  # of a daemon with two networks and a port mapper, of a server with a few nodes
OF_A_KIND_MOST = 8  # descriptors that lead to the same place: pipes to a front, SQLite's connections
THREADS_MOST = 8
TASKS_MOST = 80
SOCKET, DATABASE = "socket:[N]", "/warren.db"

Key = tuple[int, str]
"""A program: its pid, and since when it runs, since pids come again."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds: descriptors by what they lead to, and how many threads; a program that was asked told its
    tasks too."""

    descriptors: Counter[str]
    threads: int
    tasks: int = 0

    @classmethod
    def by(cls, pid: int | None = None) -> "Held":
        """Of a process, this one without a pid."""
        process = Path(f"/proc/{pid or os.getpid()}")
        links: Counter[str] = Counter()
        for descriptor in (process / "fd").iterdir():
            try:
                links[re.sub(r"\d{3,}", "N", str(descriptor.readlink()))] += 1
            except FileNotFoundError:
                continue  # the one that lists them
        return cls(links, len(list((process / "task").iterdir())))

    def more_than(self, before: "Held", spare_threads: int = 0) -> list[str]:
        """What it holds more than `before`; `spare_threads` of a pool that grows to its size once are no leak."""
        more = [f"{count} x {what}" for what, count in (self.descriptors - before.descriptors).items()]
        threads = self.threads - before.threads - spare_threads
        return more + ([f"{threads} threads"] if threads > 0 else [])

    def grown(self, before: "Held") -> list[str]:
        """What a program that goes on with its work holds more than `before`."""
        tasks = self.tasks - before.tasks - SPARE
        pooled = Counter(dict.fromkeys((what for what in self.descriptors if DATABASE in what), SPARE))
        usual = replace(before, descriptors=before.descriptors + pooled + Counter({SOCKET: SPARE}))
        return self.more_than(usual, SPARE) + ([f"{tasks} tasks"] if tasks > 0 else [])

    def too_much(self) -> list[str]:
        """What it holds more of than any of our programs has a use for in a case."""
        most = Counter({what: SOCKETS_MOST if what == SOCKET else OF_A_KIND_MOST for what in self.descriptors})
        return [
            *(f"{count} x {what}" for what, count in self.descriptors.items() if count > most[what]),
            *([f"{self.threads} threads"] if self.threads > THREADS_MOST else []),
            *([f"{self.tasks} tasks"] if self.tasks > TASKS_MOST else []),
        ]


def programs(folder: Path) -> dict[Key, Held]:
    """The daemons and servers whose command names a place beneath `folder`, a server's front with it, and what each
    holds."""
    found: dict[Key, Held] = {}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):  # it ended while we looked
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if {"daemon", "server"} & set(words[1:5]) and any(word.startswith(f"{folder}/") for word in words):
                    found |= _look(int(process.name))
    return found


def _look(pid: int) -> dict[Key, Held]:
    """Of a program and its children; nothing of one that is stopped or has ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    if fields[0] in "ZXTt":
        return {}
    by = Held.by(pid)
    said = usage.told(pid, Path(f"/proc/{pid}/fd/2").readlink()) if _can_tell(pid) else {}
    found = {(pid, fields[19]): replace(by, threads=by.threads - usage.pooled(said), tasks=said.get("tasks", 0))}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):
            found |= _look(int(child))
    return found


def _can_tell(pid: int) -> bool:
    """Whether SIGUSR1 is a question to it: a program that is only starting, or has no loop, it would end."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (caught,) = (line.split()[1] for line in status if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGUSR1 - 1) & 1)


def leaks(folder: Path, before: Mapping[Key, Held]) -> list[str]:
    """What the programs beneath `folder` hold more than `before`, or than any has a use for, when they had time to let
    go."""

    def found() -> list[str]:
        return [
            f"{what} held by {key[0]} ({' '.join(_command(key[0]))})"
            for key, held in programs(folder).items()
            for what in (held.grown(before[key]) if key in before else held.too_much())
        ]

    with suppress(TimeoutError):
        until(lambda: not found(), "all is let go", SETTLE_S)
    return found()


def _command(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[1:6]
    return []
