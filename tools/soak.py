"""`make soak`: a server and machines in a lab, restarted and killed for as long as you like, and nothing may grow.

Each round does one thing to one machine or the server (chosen by a seed that is printed), then waits until every pair
of machines pings again. Memory, descriptors and threads of each program are compared with those after the warm-up.
"""

import argparse
import os
import random  # noqa: TID251 - the composition root of a program for developers
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path

from tests.netlab.lab import Lab, LabUnavailable
from tests.netlab.machines import Machine, Server
from tests.netlab.until import until

MACHINES = 3
HEAL_S = 10.0  # invariant I5 of the fault list: maps converge within it
MOST_GROWTH = 1.25  # of memory since the warm-up; allocators keep some slack
MOST_MORE = 8  # descriptors and threads that may come and go


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds."""

    pss_kib: int
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Read it from /proc."""
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        pss = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
        process = Path(f"/proc/{pid}")
        return cls(int(pss.split()[1]), len(list((process / "fd").iterdir())), len(list((process / "task").iterdir())))

    def outgrew(self, first: "Usage") -> bool:
        """Whether it holds more than it should after `first`."""
        return (
            self.pss_kib > first.pss_kib * MOST_GROWTH
            or self.descriptors > first.descriptors + MOST_MORE
            or self.threads > first.threads + MOST_MORE
        )


def pings(one: Machine, other: Machine) -> bool:
    """Whether one answered ping went through."""
    return one.run("ping", other.name, "-c", "1", check=False).returncode == 0


def all_ping(machines: list[Machine]) -> None:
    """Wait until every machine reaches every other by name."""
    for one, other in permutations(machines, 2):
        until(
            partial(pings, one, other),
            f"{one.name} pings {other.name}",
            HEAL_S,
        )


def kill_daemon(machine: Machine) -> None:
    """SIGKILL, then `warren up`."""
    pid = machine.daemon_pid()
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    machine.run("up")


def down_and_up(machine: Machine) -> None:
    """As a user would."""
    machine.run("down")
    machine.run("up")


def kill_server(server: Server) -> None:
    """SIGKILL, then the same command again."""
    if server.process is not None:
        server.process.kill()
    server.start()


def soak(lab: Lab, seconds: float, rng: random.Random) -> list[str]:
    """Run rounds until the time is up; what went wrong, in words."""
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    key = server.key("--reusable")
    machines = [Machine(lab.host(f"m{number}", lan), lab.folder) for number in range(MACHINES)]
    for machine in machines:
        machine.up(server, key)
    all_ping(machines)

    actions: list[tuple[str, Callable[[], None]]] = [("server killed", partial(kill_server, server))]
    for machine in machines[1:]:  # m0's daemon is never restarted: its growth is what is watched
        actions += [(f"{machine.name} killed", partial(kill_daemon, machine))]
        actions += [(f"{machine.name} down and up", partial(down_and_up, machine))]

    watched = machines[0].daemon_pid()
    if watched is None:
        return ["m0 has no daemon"]
    first, rounds, end = Usage.of(watched), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        name, action = rng.choice(actions)
        started = time.monotonic()
        action()
        all_ping(machines)
        rounds += 1
        usage = Usage.of(watched)
        print(f"round {rounds}: {name}; all ping after {time.monotonic() - started:.1f} s; m0 {usage}", flush=True)
        if rounds == len(actions):
            first = usage  # warmed up
    faults = [] if not Usage.of(watched).outgrew(first) else [f"m0 grew from {first} to {Usage.of(watched)}"]
    logs = [log for log in lab.folder.rglob("*.log") if "Traceback" in log.read_text(errors="replace")]
    return faults + [f"a traceback in {log.name}" for log in logs]


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
