"""`make bench`: one TCP flow through the engine beside a stock wireguard-go: speed, CPU, memory, round trips.

The engine carries with WireGuard's cipher, then with AES-256-GCM as two nodes of ours do where both are fast at it.

Both ends of each tunnel, sender and receiver share this machine's cores; the programs take turns on hosts of one lab.
Figures are medians; only the ratios of one run mean something. On a machine that is busy with something else a program
with many threads gets more of it than one with a single thread; CPU seconds a GB do not depend on that.
"""

import argparse
import re
import statistics
import sys
from dataclasses import astuple, dataclass

from tests.netlab.host import Host
from tests.netlab.lab import Lab

from benchmarks import pump
from benchmarks.ways import AES, BASE, Way, Ways

PORT = 5201
PINGS = 200
BARS = {"warren": 1.8, AES: 2.4}  # of wireguard-go's speed (issue 6)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one way did in one run; CPU and memory are the tunnel's. Memory: how much more the load took."""

    gbit_s: float
    rtt_us: float
    loaded_rtt_us: float
    cpu_s_gb: float
    more_mb: float


def _ping(host: Host, way: Way, place: int) -> float:
    """Round trip of many pings in µs: the mean of an idle path (place 1), or the least."""
    said = host.run(["ping", "-q", "-i", "0.002", "-c", str(PINGS), str(way.address)]).stdout
    found = re.search(r"= ([\d.]+)/([\d.]+)/", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[place + 1]) * 1e3


def measure(way: Way, flow_s: float) -> Figures:
    """Pings, one flow from left to right with pings beside it."""
    idle_us = _ping(way.left, way, 1)
    before_mb, before_s = way.memory_mb(), way.cpu_s()
    sink = way.right.start([sys.executable, str(pump.__file__), "sink", str(way.address), str(PORT)])
    sink.wait_for("ready")
    source = way.left.start([sys.executable, str(pump.__file__), "source", str(way.address), str(PORT), str(flow_s)])
    loaded_us = _ping(way.left, way, 1)
    source.wait(flow_s + 20.0)
    rate = float(sink.wait_for("rate", 10.0).split()[1])
    used_s = way.cpu_s() - before_s
    return Figures(rate * 8 / 1e9, idle_us, loaded_us, used_s / (rate * flow_s / 1e9), way.memory_mb() - before_mb)


def report(rows: dict[str, list[Figures]]) -> None:
    """A table of medians, and under it the ratios to wireguard-go."""
    medians = {
        name: Figures(*(statistics.median(column) for column in zip(*map(astuple, runs), strict=True)))
        for name, runs in rows.items()
    }
    plain, base = medians["no tunnel"], medians[BASE]
    print(f"{'':14}{'Gbit/s':>9}{'RTT µs':>9}{'loaded':>9}{'CPU s/GB':>10}{'more MB':>9}")
    for name, row in medians.items():
        print(
            f"{name:14}{row.gbit_s:9.2f}{row.rtt_us:9.0f}{row.loaded_rtt_us:9.0f}{row.cpu_s_gb:10.2f}{row.more_mb:9.1f}"
        )
    for name, must in BARS.items():
        ours = medians[name]
        added, base_added = ours.rtt_us - plain.rtt_us, base.rtt_us - plain.rtt_us
        print(
            f"{name} / wireguard-go: speed {ours.gbit_s / base.gbit_s:.2f} (must {must}), added round trip"
            f" {added / base_added:.2f}, loaded round trip {ours.loaded_rtt_us / base.loaded_rtt_us:.2f},"
            f" CPU {ours.cpu_s_gb / base.cpu_s_gb:.2f}"
        )


def main() -> int:
    """Run all in turn."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=4.0, help="length of a flow")
    chosen = arguments.parse_args()
    with Lab() as lab:
        ways = Ways(lab)
        rows: dict[str, list[Figures]] = {name: [] for name in ways.all}
        for _ in range(chosen.runs):
            for name, enter in ways.all.items():
                with enter() as way:
                    rows[name].append(measure(way, chosen.seconds))
    report(rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
