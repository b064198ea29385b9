"""64-byte UDP packets a second that arrive, through the engine beside a stock wireguard-go.

The source sends as fast as it can, so that the tunnel has more than it can carry; what counts is what the sink gets.
"""

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path

from tests.netlab.lab import Lab

from benchmarks.ways import BASE, Way, Ways

PORT = 5202
_SOURCE = Path(__file__).with_name("flood.c")


def build(folder: Path) -> Path:
    """The program that sends and counts, by the C compiler that Rust links with."""
    program = folder / "flood"
    subprocess.run(["cc", "-O2", "-Wall", "-o", str(program), str(_SOURCE)], check=True, timeout=60)
    return program


def measure(way: Way, program: Path, seconds: float) -> float:
    """Packets a second at the sink."""
    way.left.run(["ping", "-c1", "-W5", str(way.address)])
    sink = way.right.start([program, "sink", str(PORT), str(seconds + 0.5)])
    sink.wait_for("ready")
    way.left.run([program, "source", str(way.address), str(PORT), str(seconds)])
    return int(sink.wait_for("count", seconds + 10.0).split()[1]) / seconds


def main() -> int:
    """Run all in turn."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=2.0, help="length of a flood")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, Lab() as lab:
        program, ways = build(Path(folder)), Ways(lab)
        rows: dict[str, list[float]] = {name: [] for name in ways.all}
        for _ in range(chosen.runs):
            for name, enter in ways.all.items():
                with enter() as way:
                    rows[name].append(measure(way, program, chosen.seconds))
    medians = {name: statistics.median(runs) for name, runs in rows.items()}
    for name, rate in medians.items():
        print(f"{name:14}{rate / 1e3:9.0f} thousand a second{rate / medians[BASE]:8.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
