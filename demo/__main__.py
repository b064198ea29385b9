"""`make demo`: a server, two machines that join with a key and ping each other by name, and a clean end.

Every line shown with `$` is a command that runs for real on a host of the lab. Ends 0 only if all of it worked.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.netlab.lab import Host, Lab, LabUnavailable

WARREN = Path(sys.executable).with_name("warren")
MORE_MACHINES = 9  # beside the one that is shown: the time to the first ping is the median of ten
READY_S = 20.0
MOST_SHOWN_CHARS = 60  # a key is longer, and of no interest
MOST_MEDIAN_S = 1.5


class Machine:
    """A host of the lab with a daemon of its own; state and socket are named, because all hosts share one disk."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self._folder = folder / host.name
        self.flags = ["--socket", str(self._folder / "warren.sock")]
        self.state = ["--state", str(self._folder / "state")]

    def warren(self, *words: str, show: bool = True, check: bool = True) -> str:
        """Run a command of the program here; print it and its answer as a user sees them."""
        if show:
            shown = (word if len(word) < MOST_SHOWN_CHARS else f"{word[:12]}…" for word in words)
            print(f"\n{self.host.name}$ warren {' '.join(shown)}")
        own = self.state if words[0] == "up" else []
        done = self.host.run([WARREN, *words, *own, *self.flags], check=check)
        if show:
            print(done.stdout, end="", flush=True)
        return done.stdout


def join_and_ping(machine: Machine, url: str, key: str, *, show: bool) -> float:
    """Seconds from `warren up` to the first answered ping of `a`, both commands and the daemon's start included."""
    started = time.monotonic()
    machine.warren("up", "--server", url, "--auth-key", key, "--hostname", machine.host.name, show=show)
    machine.warren("ping", "a", "-c", "1", show=show)
    return time.monotonic() - started


def tour(lab: Lab) -> bool:
    """Run it all; true if the median of the joins is as quick as promised."""
    lan = lab.switch("lan")
    hosts = {name: lab.host(name, lan) for name in ("server", "a", "b")}
    hosts |= {name: lab.host(name, lan) for name in (f"b{number}" for number in range(2, MORE_MACHINES + 2))}
    before = {name: host.snapshot() for name, host in hosts.items() if name in {"a", "b"}}

    data, url = lab.folder / "server", f"http://{hosts['server'].ip}:8443"
    print(f"server$ warren server --data DIR --url {url}")
    server = hosts["server"].start([WARREN, "server", "--data", data, "--url", url, "--listen", ":8443"])
    server.wait_for("ready", READY_S)

    print("\nserver$ warren key create --server DIR --reusable")
    key = hosts["server"].run([WARREN, "key", "create", "--server", data, "--reusable"]).stdout.strip()
    print(key)

    a = Machine(hosts["a"], lab.folder)
    a.warren("up", "--server", url, "--auth-key", key, "--hostname", "a")
    b = Machine(hosts["b"], lab.folder)
    took_s = [join_and_ping(b, url, key, show=True)]
    a.warren("ping", "b")
    a.warren("status")

    print(f"\n{MORE_MACHINES} more machines, to see how long the way to a first ping is …", flush=True)
    for number in range(2, MORE_MACHINES + 2):
        machine = Machine(hosts[f"b{number}"], lab.folder)
        took_s.append(join_and_ping(machine, url, key, show=False))
        machine.warren("down", show=False)

    b.warren("down")
    a.warren("down")
    left = [line for name, snapshot in before.items() for line in snapshot.difference(hosts[name].snapshot())] + [
        f"a process on {name}" for name in before if hosts[name].pids()
    ]
    print("left behind on a and b:", "\n".join(left) or "nothing")

    median_s = statistics.median(took_s)
    print(
        f"\nfrom `warren up` on the second machine to its first answered ping: {median_s:.2f} s"
        f" (median of {len(took_s)}; {min(took_s):.2f} to {max(took_s):.2f})"
    )
    return not left and median_s < MOST_MEDIAN_S


def main() -> int:
    """Run the tour in a lab; the exit code says whether it went as promised."""
    try:
        with Lab() as lab:
            return 0 if tour(lab) else 1
    except LabUnavailable as error:
        print(f"the demo needs network namespaces: {error}", file=sys.stderr)
    except (RuntimeError, TimeoutError, subprocess.TimeoutExpired) as error:
        print(f"the demo failed: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
