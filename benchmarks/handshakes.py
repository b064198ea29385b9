"""How many handshakes a second one core answers: the median of a few runs of the engine's example, by core time.

The must is that of a Xeon of 2.5 GHz.
"""

import statistics
import subprocess

from benchmarks.musts import Musts

RUNS = 5
EXAMPLE = ("cargo", "run", "--release", "--quiet", "-p", "warren-io", "--example", "handshakes")


def main() -> int:
    """Each run's line, then the median; 1 where the must is missed."""
    lines = [subprocess.check_output(EXAMPLE, text=True).strip() for _ in range(RUNS)]
    print(*lines, sep="\n")
    musts = Musts()
    musts.at_least(
        "handshakes a second as responder", statistics.median(float(line.split()[0]) for line in lines), 4000
    )
    return musts.code


if __name__ == "__main__":
    raise SystemExit(main())
