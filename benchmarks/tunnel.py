"""TCP through the engine beside a stock wireguard-go: one flow, four, both ways; CPU, memory, latency.

The engine carries with WireGuard's cipher, then with AES-256-GCM as two nodes of ours do where both are fast at it.

Both ends of each tunnel, sender and receiver share this machine's cores; the programs take turns on hosts of one lab.
Figures are medians; only the ratios of one run mean something. On a machine that is busy with something else a program
with many threads gets more of it than one with a single thread; CPU seconds a GB do not depend on that.
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass

from tests.netlab.lab import Lab

from benchmarks import filtered, pings
from benchmarks.flows import Flows
from benchmarks.musts import Musts
from benchmarks.rivals import ALL, GOTATUN, NEBULA, NEWER_NEBULA_CPU, NEWER_NEBULA_SPEED
from benchmarks.ways import AES, BASE, PLAIN, WIREGUARD, Way, Ways

SPEED = {WIREGUARD: 1.8, AES: 2.4}  # of wireguard-go's
GBIT = 8 / 1e9
LOOK_S = 0.1  # between looks at the memory
PINGED_S = 3.0  # how long the flow counts beside which pings run: they begin and end in it


@dataclass(frozen=True, slots=True)
class Figures:
    """What one way did in one run; CPU and memory are the tunnel's."""

    gbit_s: float
    four_gbit_s: float
    both_gbit_s: float
    rtt_us: float
    loaded_rtt_us: float
    cpu_s_gb: float
    idle_mb: float
    loaded_mb: float


def measure(way: Way, flow_s: float) -> Figures:
    """Idle, one flow from left to right, pings beside another, four flows, one each way."""
    way.left.run(["ping", "-c1", "-W5", str(way.address)])  # a session stands before anything is measured
    rtt_us, idle_mb = pings.median_us(way.left, str(way.address)), way.memory_mb()
    rate, cpu_s_gb, loaded_mb = one_flow(way, flow_s)
    loaded_rtt_us = _loaded_rtt_us(way)
    four, both = Flows(*[way.there] * 4).run(flow_s), Flows(way.there, way.back).run(flow_s)
    return Figures(rate * GBIT, four * GBIT, both * GBIT, rtt_us, loaded_rtt_us, cpu_s_gb, idle_mb, loaded_mb)


def one_flow(way: Way, flow_s: float) -> tuple[float, float, float]:
    """Bytes a second from left to right, CPU seconds of the tunnel's processes a GB, their memory at its highest."""
    flows = Flows(way.there)
    flows.begin(flow_s)
    before_s, most_mb = way.cpu_s(), 0.0
    while left_s := flows.left_s():
        most_mb = max(most_mb, way.memory_mb())
        time.sleep(min(LOOK_S, left_s))
    used_s, rate = way.cpu_s() - before_s, flows.bytes_s()
    return rate, used_s / (rate * flow_s / 1e9), most_mb


def _loaded_rtt_us(way: Way) -> float:
    flows = Flows(way.there)
    flows.begin(PINGED_S)
    median_us = pings.median_us(way.left, str(way.address))
    if not flows.left_s():
        print("(pings outlasted their flow: this machine is too busy for a loaded round trip)", flush=True)
    flows.bytes_s()
    return median_us


def medians(rows: Mapping[str, list[Figures]]) -> dict[str, Figures]:
    """Of each way's runs, column by column."""
    return {
        name: Figures(*(statistics.median(column) for column in zip(*map(astuple, runs), strict=True)))
        for name, runs in rows.items()
    }


def table(rows: Mapping[str, Figures]) -> None:
    """A line a way."""
    titles = ("Gbit/s", "4 flows", "2 ways", "RTT µs", "loaded", "CPU s/GB", "idle MB", "load MB")
    places = (2, 2, 2, 0, 0, 2, 1, 1)
    print(f"{'':14}" + "".join(f"{title:>9}" for title in titles))
    for name, row in rows.items():
        figures = zip(astuple(row), places, strict=True)
        print(f"{name:14}" + "".join(f"{value:9.{digits}f}" for value, digits in figures))


def judge(rows: Mapping[str, Figures], musts: Musts) -> None:
    """Issue 6's table, lines 1, 3 and 4: what our engine does beside the others in this run."""
    plain, base = rows[PLAIN], rows[BASE]
    for name, speed in SPEED.items():
        ours = rows[name]
        musts.at_least(f"{name}: speed / {BASE}", ours.gbit_s / base.gbit_s, speed)
        musts.at_least(f"{name}: four flows / one", ours.four_gbit_s / ours.gbit_s, 0.95)
        musts.at_least(f"{name}: both ways / one", ours.both_gbit_s / ours.gbit_s, 1.0)
        if GOTATUN.name in rows:
            ratio = (ours.rtt_us - plain.rtt_us) / (rows[GOTATUN.name].rtt_us - plain.rtt_us)
            musts.at_most(f"{name}: added round trip / {GOTATUN.name}", ratio, 1.0)
        musts.at_most(f"{name}: loaded round trip / {BASE}", ours.loaded_rtt_us / base.loaded_rtt_us, 1.0)
        musts.at_most(f"{name}: CPU a GB / {BASE}", ours.cpu_s_gb / base.cpu_s_gb, 0.5)
        musts.at_most(f"{name}: MB of memory under load", ours.loaded_mb, 20.0)
        if NEBULA.name in rows:
            theirs = rows[NEBULA.name]
            print(
                f"{name} / {NEBULA.name}: speed {ours.gbit_s / theirs.gbit_s:.2f},"
                f" CPU {ours.cpu_s_gb / theirs.cpu_s_gb:.2f}, loaded round trip"
                f" {ours.loaded_rtt_us / theirs.loaded_rtt_us:.2f}; one with offloads was left out (not to be built"
                f" here) and stands at {NEWER_NEBULA_SPEED} of wireguard-go's speed: speed"
                f" {ours.gbit_s / base.gbit_s / NEWER_NEBULA_SPEED:.2f} of that, CPU"
                f" {ours.cpu_s_gb / base.cpu_s_gb / NEWER_NEBULA_CPU:.2f}"
            )


def main() -> int:
    """Run all in turn; 1 where a must is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=4.0, help="how long a flow counts")
    arguments.add_argument("--rivals", action="store_true", help="beside other programs too (built first: minutes)")
    arguments.add_argument("--filter", action="store_true", help="instead: what rules cost, beside nftables")
    chosen = arguments.parse_args()
    if chosen.filter:
        with Lab() as lab:
            filtered.rows(Ways(lab), lambda way: one_flow(way, chosen.seconds)[:2], chosen.runs)
        return 0
    with Lab() as lab:
        rows = Ways(lab, ALL if chosen.rivals else ()).in_turn(chosen.runs, lambda way: measure(way, chosen.seconds))
    table(of_all := medians(rows))
    judge(of_all, musts := Musts())
    return musts.code


if __name__ == "__main__":
    raise SystemExit(main())
