"""`make bench`: TCP through the engine beside a stock wireguard-go: one flow, four, both ways; CPU, memory, latency.

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

from benchmarks import filtered, pump
from benchmarks.rivals import GOTATUN, NEBULA, NEWER_NEBULA_CPU, NEWER_NEBULA_SPEED, TAILSCALE
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
    four_gbit_s: float
    both_gbit_s: float


def _ping(host: Host, way: Way, place: int) -> float:
    """Round trip of many pings in µs: the mean of an idle path (place 1), or the least."""
    said = host.run(["ping", "-q", "-i", "0.002", "-c", str(PINGS), str(way.address)]).stdout
    found = re.search(r"= ([\d.]+)/([\d.]+)/", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[place + 1]) * 1e3


def measure(way: Way, flow_s: float) -> Figures:
    """Pings, one flow from left to right with pings beside it; four flows; one each way."""
    way.left.run(["ping", "-c1", "-W5", str(way.address)])  # a session stands before anything is measured
    idle_us = _ping(way.left, way, 1)
    before_mb, before_s = way.memory_mb(), way.cpu_s()
    flow = Flow(way, PORT, flow_s)
    loaded_us = _ping(way.left, way, 1)
    rate = flow.rate()
    used_s = way.cpu_s() - before_s
    more_mb = way.memory_mb() - before_mb
    four = [Flow(way, PORT + number, flow_s) for number in range(4)]
    four_rate = sum(one.rate() for one in four)
    both = Flow(way, PORT, flow_s), Flow(way, PORT + 1, flow_s, back=True)
    both_rate = sum(one.rate() for one in both)
    gbit = 8 / 1e9
    return Figures(
        rate * gbit, idle_us, loaded_us, used_s / (rate * flow_s / 1e9), more_mb, four_rate * gbit, both_rate * gbit
    )


def one_flow(way: Way, flow_s: float) -> tuple[float, float]:
    """Bytes a second of one flow from left to right, and CPU seconds of the tunnel's processes a GB."""
    before_s = way.cpu_s()
    rate = Flow(way, PORT, flow_s).rate()
    return rate, (way.cpu_s() - before_s) / (rate * flow_s / 1e9)


class Flow:
    """One TCP flow from left to right, or `back`; begins at once."""

    def __init__(self, way: Way, port: int, seconds: float, *, back: bool = False) -> None:
        source, sink = (way.right, way.left) if back else (way.left, way.right)
        address = str(way.back_address if back else way.address)
        self._sink = sink.start([sys.executable, str(pump.__file__), "sink", address, str(port)])
        self._sink.wait_for("ready")
        self._source = source.start([sys.executable, str(pump.__file__), "source", address, str(port), str(seconds)])
        self._seconds = seconds

    def rate(self) -> float:
        """Bytes a second at the sink, when it has ended."""
        self._source.wait(self._seconds + 20.0)
        return float(self._sink.wait_for("rate", 10.0).split()[1])


def report(rows: dict[str, list[Figures]]) -> None:
    """A table of medians, and under it the ratios to wireguard-go."""
    medians = {
        name: Figures(*(statistics.median(column) for column in zip(*map(astuple, runs), strict=True)))
        for name, runs in rows.items()
    }
    plain, base = medians["no tunnel"], medians[BASE]
    print(f"{'':14}{'Gbit/s':>9}{'4 flows':>9}{'2 ways':>9}{'RTT µs':>9}{'loaded':>9}{'CPU s/GB':>10}{'more MB':>9}")
    for name, row in medians.items():
        print(
            f"{name:14}{row.gbit_s:9.2f}{row.four_gbit_s:9.2f}{row.both_gbit_s:9.2f}{row.rtt_us:9.0f}{row.loaded_rtt_us:9.0f}{row.cpu_s_gb:10.2f}{row.more_mb:9.1f}"
        )
    for name, must in BARS.items():
        ours = medians[name]
        added, base_added = ours.rtt_us - plain.rtt_us, base.rtt_us - plain.rtt_us
        print(
            f"{name} / wireguard-go: speed {ours.gbit_s / base.gbit_s:.2f} (must {must}), added round trip"
            f" {added / base_added:.2f}, loaded round trip {ours.loaded_rtt_us / base.loaded_rtt_us:.2f},"
            f" CPU {ours.cpu_s_gb / base.cpu_s_gb:.2f}; four flows {ours.four_gbit_s / ours.gbit_s:.2f} of one (must"
            f" 0.95), both ways {ours.both_gbit_s / ours.gbit_s:.2f} (must 1.0)"
        )
        if GOTATUN.name in medians:
            their_added = medians[GOTATUN.name].rtt_us - plain.rtt_us
            print(f"{name} / {GOTATUN.name}: added round trip {added / their_added:.2f} (must 1.0)")
        if NEBULA.name in medians:
            theirs = medians[NEBULA.name]
            print(
                f"{name} / {NEBULA.name}: speed {ours.gbit_s / theirs.gbit_s:.2f},"
                f" CPU {ours.cpu_s_gb / theirs.cpu_s_gb:.2f}, loaded round trip"
                f" {ours.loaded_rtt_us / theirs.loaded_rtt_us:.2f}; one with offloads was left out (not to be built"
                f" here) and stands at {NEWER_NEBULA_SPEED} of wireguard-go's speed: speed"
                f" {ours.gbit_s / base.gbit_s / NEWER_NEBULA_SPEED:.2f} of that, CPU"
                f" {ours.cpu_s_gb / base.cpu_s_gb / NEWER_NEBULA_CPU:.2f}"
            )


def main() -> int:
    """Run all in turn."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=4.0, help="length of a flow")
    arguments.add_argument("--rivals", action="store_true", help="beside other programs too (built first: minutes)")
    arguments.add_argument("--filter", action="store_true", help="instead: what rules cost, beside nftables")
    chosen = arguments.parse_args()
    if chosen.filter:
        with Lab() as lab:
            filtered.rows(Ways(lab), lambda way: one_flow(way, chosen.seconds), chosen.runs)
        return 0
    with Lab() as lab:
        ways = Ways(lab, (TAILSCALE, GOTATUN, NEBULA) if chosen.rivals else ())
        rows: dict[str, list[Figures]] = {name: [] for name in ways.all}
        for _ in range(chosen.runs):
            for name, enter in ways.all.items():
                with enter() as way:
                    rows[name].append(measure(way, chosen.seconds))
    report(rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
