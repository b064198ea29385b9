"""How many times a case runs, and what it measured beside its bound; pytest prints the figures at its end.

`WARREN_FAULTS=full` runs the counts that close an issue, with a new seed each time; `WARREN_FAULTS_SEED` repeats a run.
Without it the seed is always the same: what CI finds, the one who made the change finds too.

The short counts run beside each other, so a case there may take BESIDE_OTHERS times what it may take alone, and more
where more programs want a core than that (`beside_others`); the bound itself is for the full count (`make soak`) and
for `WARREN_FAULTS=bounds` (`make bounds`), one case at a time.
"""

import os
import random  # noqa: TID251 - the composition root of the faults: cases get `rng` as an argument
import time
from collections.abc import Iterator
from contextlib import contextmanager

MODE = os.environ.get("WARREN_FAULTS") or "short"
FULL = MODE == "full"
SEED = int(os.environ.get("WARREN_FAULTS_SEED") or (time.time_ns() % 2**32 if FULL else 1))

BESIDE_OTHERS = 1.0 if MODE in {"bounds", "full"} else 2.5  # up to four cases share two cores
CROWD_MAX = 12.0  # beyond that a machine is no place for figures

lines: list[str] = []


if MODE not in {"short", "bounds", "full"}:
    raise RuntimeError("WARREN_FAULTS is one of short, bounds and full")


def times(short: int, full: int) -> int:
    """How often: `short` in CI, `full` to close an issue."""
    return full if FULL else short


def new_rng(case: str) -> random.Random:
    """Random numbers of one case, which the seed that was printed repeats."""
    return random.Random(f"{SEED}/{case}")  # noqa: S311 - choices, not secrets


def beside_others() -> float:
    """How many times longer than alone something may take: by how many programs there were for each core of late."""
    if BESIDE_OTHERS == 1.0:
        return 1.0
    return min(max(BESIDE_OTHERS, 1.5 * os.getloadavg()[0] / (os.cpu_count() or 1)), CROWD_MAX)


def note(what: str, value: float, bound: float, unit: str = "s") -> None:
    """Print a figure beside its bound; AssertionError where it is over it (seconds: and over what others cost it)."""
    lines.append(f"{what}: {value:.3g} {unit} (bound {bound:g})")
    times = beside_others() if unit == "s" else 1.0
    assert value <= bound * times, f"{lines[-1]}, {times:.1f} times that beside others"


def tell(what: str) -> None:
    """Print how often something was done, or what else the figures need to be understood."""
    lines.append(what)


@contextmanager
def within(bound_s: float, what: str) -> Iterator[None]:
    """The block takes at most `bound_s`; what it took is printed."""
    began = time.monotonic()
    yield
    note(what, time.monotonic() - began, bound_s)


class Slowest:
    """The worst of many measurements, printed once."""

    def __init__(self, what: str, bound_s: float) -> None:
        self._what = what
        self._bound_s = bound_s
        self.all: list[float] = []

    @contextmanager
    def measure(self) -> Iterator[None]:
        """One more."""
        began = time.monotonic()
        yield
        self.all.append(time.monotonic() - began)

    def close(self) -> None:
        """Print; AssertionError where the worst is over the bound."""
        middle = sorted(self.all)[len(self.all) // 2]
        note(f"{self._what}, slowest of {len(self.all)} (median {middle:.3g} s)", max(self.all), self._bound_s)
