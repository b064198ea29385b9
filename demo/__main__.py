"""`make demo`: a server, two machines that join with a key and ping each other by name, and a clean end.

Every line shown with `$` is a command that runs for real on a host of the lab. Ends 0 only if all of it worked.
"""

import statistics
import subprocess
import sys
import time

from tests.netlab.lab import Lab, LabUnavailable
from tests.netlab.machines import Machine, Server

MORE_MACHINES = 9  # beside the one that is shown: the time to the first ping is the median of ten
MOST_SHOWN_CHARS = 60  # a key is longer, and of no interest
PROMISED_S = 1.5  # said, but not judged: a busy machine is slow without being wrong


def show(machine: Machine, *words: str) -> None:
    """Run a command of the program and print both as a user sees them."""
    shown = (word if len(word) < MOST_SHOWN_CHARS else f"{word[:12]}…" for word in words)
    print(f"\n{machine.name}$ warren {' '.join(shown)}", flush=True)
    print(machine.run(*words).stdout, end="", flush=True)


def joining(machine: Machine, server: Server, key: str) -> list[str]:
    """The words of a join."""
    return ["up", "--server", server.url, "--auth-key", key, "--hostname", machine.name]


def tour(lab: Lab) -> bool:
    """Run it all; true if nothing stayed behind."""
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    a, b, *more = (
        Machine(lab.host(name, lan), lab.folder)
        for name in ("a", "b", *(f"b{number}" for number in range(2, MORE_MACHINES + 2)))
    )
    before = {machine: machine.host.snapshot() for machine in (a, b)}

    print(f"server$ warren server --data DIR --url {server.url}", flush=True)
    server.start()
    print("\nserver$ warren key create --server DIR --reusable")
    key = server.key("--reusable")
    print(key)

    show(a, *joining(a, server, key))
    started = time.monotonic()
    show(b, *joining(b, server, key))
    show(b, "ping", "a", "-c", "1")
    took_s = [time.monotonic() - started]
    show(a, "ping", "b")
    show(a, "status")

    print(f"\n{MORE_MACHINES} more machines, to see how long the way to a first ping is …", flush=True)
    for machine in more:
        started = time.monotonic()
        machine.run(*joining(machine, server, key))
        machine.run("ping", "a", "-c", "1")
        took_s.append(time.monotonic() - started)
        machine.run("down")

    show(b, "down")
    show(a, "down")
    left = [line for machine, snapshot in before.items() for line in snapshot.difference(machine.host.snapshot())]
    left += [f"process {pid} on {machine.name}" for machine in before for pid in machine.host.pids()]
    print("left behind on a and b:", "\n".join(left) or "nothing")

    median_s = statistics.median(took_s)
    print(
        f"\nfrom `warren up` on the second machine to its first answered ping: {median_s:.2f} s"
        f" (median of {len(took_s)}; {min(took_s):.2f} to {max(took_s):.2f})"
    )
    if median_s >= PROMISED_S:
        print(f"slower than the {PROMISED_S} s that an idle machine with two cores keeps")
    return not left


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
