"""`make soak`: a server and machines in a lab, with churn, restarts and bad input. Nothing grows, everything heals.

Each round does one thing (chosen by a seed that is printed), then waits until every pair of machines pings again. In
the first quarter the server is killed too; from then on it lives, and it and its front are watched as `m0` is from the
beginning: the medians of memory, descriptors, threads and tasks in the last quarter of its rounds are compared with
those in the second, half the time before; the first is for warming up. No log may hold an ERROR or a traceback, and
after `down` each host is what it was.
"""

import argparse
import random  # noqa: TID251 - the composition root of a program for developers
import sys
import time
from pathlib import Path

from tests.faults.invariants import broken_lines, open_files
from tests.netlab.lab import Lab, LabUnavailable

from tools.soaking.usage import Usage, middle, usage
from tools.soaking.world import World

HEAL_S = 10.0  # invariant I5 of the fault list: maps converge within it
FEWEST_ROUNDS = 40
"""Some of each action; fewer say nothing of growth."""


class Watch:
    """What one program held after its warm-up, and holds."""

    def __init__(self, name: str, pid: int, log: Path | None) -> None:
        self.name, self._pid, self._log = name, pid, log
        self._seen: list[Usage] = []

    def look(self, parted: int) -> Usage:
        """Once a round, when so many machines have left."""
        self._seen.append(usage(self._pid, self._log, parted))
        return self._seen[-1]

    def faults(self) -> list[str]:
        """Whether it grew, in words."""
        if len(self._seen) < FEWEST_ROUNDS:
            return [f"{self.name} was seen for {len(self._seen)} rounds only, which says nothing of growth"]
        quarter = len(self._seen) // 4
        before, after = middle(self._seen[quarter : 2 * quarter]), middle(self._seen[-quarter:])
        print(f"{self.name}: {before} in the second quarter of its rounds, {after} in the last (medians)", flush=True)
        return [f"{self.name} grew from {before} to {after}"] if after.crept(before) else []


def soak(lab: Lab, seconds: float, rng: random.Random) -> list[str]:
    """Run rounds until the time is up; what went wrong, in words."""
    world, began = World(lab), time.monotonic()
    first = world.machines[0]
    daemon = first.daemon_pid()
    if daemon is None:
        return ["m0 has no daemon"]
    watches = [Watch("m0", daemon, first.state / "daemon.log")]
    churn, rounds = world.churn(), 0
    heals: list[float] = []
    while (passed := time.monotonic() - began) < seconds:
        if passed >= seconds / 4 and len(watches) == 1:
            watches += _watches_of_server(world)
        name, action = rng.choice([*churn, *([("server killed", world.kill_server)] * (len(watches) == 1))])
        started = time.monotonic()
        action()
        acted = time.monotonic()
        world.all_ping()
        heals.append(time.monotonic() - acted)
        rounds += 1
        held = ", ".join(f"{watch.name} {watch.look(world.parted)}" for watch in watches)
        times = f"{acted - started:.1f} s, all ping {heals[-1]:.1f} s later"
        print(f"round {rounds}: {name}: {times}; {held}", flush=True)
    slow = sum(heal > HEAL_S for heal in heals)
    print(f"{rounds} rounds; all pinged within {max(heals, default=0.0):.1f} s, {slow} times over {HEAL_S:.0f} s")
    faults = [fault for watch in watches for fault in watch.faults()]
    faults += [f"{slow} of {rounds} rounds took more than {HEAL_S} s to heal"] if slow else []
    faults += [f"not private: {path}" for path in open_files(lab.folder)]
    faults += world.end()
    return faults + [f"in a log: {line}" for line in broken_lines(lab.folder)]


def _watches_of_server(world: World) -> list[Watch]:
    process = world.server.process
    if process is None:
        raise RuntimeError("the world has no server")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    fronts = [Watch("front", int(pid), None) for pid in children]
    return [Watch("server", process.pid, process.log), *fronts]


def main() -> int:
    """Soak; the exit code says whether all held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    try:
        with Lab() as lab:
            faults = soak(lab, options.seconds, random.Random(options.seed))  # noqa: S311 - choices, not secrets
    except LabUnavailable as error:
        faults = [str(error)]
    print("\n".join(faults) or "nothing grew, everything healed", file=sys.stderr if faults else sys.stdout)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
