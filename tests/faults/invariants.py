"""What holds after every fault (I3, I8, I9 of the fault list; I7 is the snapshot that a case with hosts compares).

Looks at files, logs and processes from outside, so that no program has to be asked whether it is well.
"""

import os
import re
import stat
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

BROKEN = re.compile(r'Traceback \(most recent|"level": ?"(error|critical)"|\bpanicked at\b|\bERROR\b')
PRIVATE_FOLDERS = ("state", "keys", "networks")
OPEN_BY_NATURE = {"lock"}  # who may not read the folder does not see it; it holds a pid
SETTLE_S = 5.0  # for what a program lets go a moment after the fault


def broken_lines(folder: Path, allowed: Collection[str] = ()) -> list[str]:
    """Lines of logs beneath `folder` that tell of a bug; those with one of `allowed` in them are expected."""
    found = []
    for log in sorted(folder.rglob("*.log")):
        if log.is_file():
            lines = log.read_text(errors="replace").splitlines()
            bad = [line for line in lines if BROKEN.search(line) and not any(text in line for text in allowed)]
            found += [f"{log.name}: {line[:2000]}" for line in bad]
    return found


def open_files(folder: Path) -> list[str]:
    """Files and folders of state, keys and databases that others than their owner may read."""
    found = []
    for path in _private(folder):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & 0o077:
            found.append(f"{path.relative_to(folder)}: {stat.S_IMODE(mode):o}")
    return found


def _private(folder: Path) -> Iterator[Path]:
    for inner in folder.rglob("*"):
        if inner.name in PRIVATE_FOLDERS and inner.is_dir():
            yield inner
            yield from inner.rglob("*")


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds: descriptors by what they lead to, and how many threads."""

    descriptors: Counter[str]
    threads: int

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


def children() -> set[int]:
    """Processes that this one started and that have not been waited for."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def links() -> set[str]:
    """Network links of this process's own namespace, where no case may leave any."""
    return {path.name for path in Path("/sys/class/net").iterdir()}
