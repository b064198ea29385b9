"""64-byte UDP packets a second that arrive, through the engine beside a stock wireguard-go.

The source sends as fast as it can, so that the tunnel has more than it can carry; what counts is what the sink gets in
a time of its own, around which the source sends too.
"""

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path

from tests.netlab.lab import Lab

from benchmarks.musts import Musts
from benchmarks.rivals import ALL
from benchmarks.ways import BASE, OURS, Way, Ways

PORT = 5202
AROUND_S = 1.0  # that the source sends beyond the time in which the sink counts
SPEED = 3.0  # of wireguard-go's
_SOURCE = Path(__file__).with_name("flood.c")


def build(folder: Path) -> Path:
    """The program that sends and counts, by the C compiler that Rust links with."""
    program = folder / "flood"
    subprocess.run(["cc", "-O2", "-Wall", "-o", str(program), str(_SOURCE)], check=True, timeout=60)
    return program


def measure(way: Way, program: Path, seconds: float) -> float:
    """Packets a second at the sink."""
    way.left.run(["ping", "-c1", "-W5", str(way.address)])
    sink = way.right.start([program, "sink", str(PORT), str(seconds)])
    sink.wait_for("ready")
    way.left.run([program, "source", str(way.address), str(PORT), str(seconds + AROUND_S)])
    return int(sink.wait_for("count", seconds + 10.0).split()[1]) / seconds


def main() -> int:
    """Run all in turn; 1 where a must is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=2.0, help="how long the sink counts")
    arguments.add_argument("--rivals", action="store_true", help="beside other programs too (built first: minutes)")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, Lab() as lab:
        program, ways = build(Path(folder)), Ways(lab, ALL if chosen.rivals else ())
        rows = ways.in_turn(chosen.runs, lambda way: measure(way, program, chosen.seconds))
    medians = {name: statistics.median(runs) for name, runs in rows.items()}
    for name, rate in medians.items():
        print(f"{name:14}{rate / 1e3:9.0f} thousand a second{rate / medians[BASE]:8.2f}")
    musts = Musts()
    for name in OURS:
        musts.at_least(f"{name}: 64-byte packets / {BASE}", medians[name] / medians[BASE], SPEED)
    return musts.code


if __name__ == "__main__":
    raise SystemExit(main())
