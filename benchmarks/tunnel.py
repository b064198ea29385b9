"""`make bench`: one TCP flow and the added round trip through the engine, beside a stock wireguard-go.

Both ends of each tunnel, sender and receiver share this machine's cores; the two programs take turns on hosts of one
lab, inner MTU 1420. Figures are medians; only the ratios of one run mean something.
"""

import os
import re
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from tests.interop import wireguard_go
from tests.interop.engine import Engine
from tests.interop.wireguard_go import WireguardGo
from tests.netlab.host import Host
from tests.netlab.lab import Lab

from benchmarks import pump
from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair

RUNS = 5
FLOW_S = 4.0
PINGS = 200
PORT = 5201
MTU = 1420
LEFT, RIGHT = IPv4Interface("10.77.0.1/24"), IPv4Interface("10.77.0.2/24")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one way between two hosts did in one run."""

    gbit_s: float
    rtt_us: float


def measure(left: Host, right: Host, address: IPv4Address) -> Figures:
    """One flow from left to right, then pings."""
    sink = right.start([sys.executable, str(pump.__file__), "sink", str(address), str(PORT)])
    sink.wait_for("ready")
    left.run([sys.executable, str(pump.__file__), "source", str(address), str(PORT), str(FLOW_S)])
    rate = float(sink.wait_for("rate", 10.0).split()[1])
    pings = left.run(["ping", "-q", "-i", "0.002", "-c", str(PINGS), str(address)]).stdout
    found = re.search(r"= [\d.]+/([\d.]+)/", pings)
    if found is None:
        raise RuntimeError(pings)
    return Figures(rate * 8 / 1e9, float(found[1]) * 1e3)


@contextmanager
def wireguard_go_pair(lab: Lab, left: Host, right: Host) -> Iterator[None]:
    """A stock wireguard-go at each end."""
    program = wireguard_go.build()
    keys = ExchangeKeyPair(os.urandom(32)), ExchangeKeyPair(os.urandom(32))
    number = len(list(lab.folder.glob("*.log")))
    ends = [
        WireguardGo.start(program, host, f"wgo{number + side}", key.private_bytes().reveal(), 51820)
        for side, (host, key) in enumerate(zip((left, right), keys, strict=True))
    ]
    for end, address, peer, place in zip(ends, (LEFT, RIGHT), reversed(keys), (right.ip, left.ip), strict=True):
        end.set_peer(peer.public, str(address.network), endpoint=(place, 51820))
        end.up(address)
    try:
        yield
    finally:
        left.end()
        right.end()


@contextmanager
def engine_pair(left: Host, right: Host) -> Iterator[None]:
    """Our engine at each end."""
    keys = ExchangeKeyPair(os.urandom(32)), ExchangeKeyPair(os.urandom(32))
    with ExitStack() as stack:
        ends = [
            stack.enter_context(Engine(host, "bench%d", key.private_bytes().reveal(), mtu=MTU))
            for host, key in zip((left, right), keys, strict=True)
        ]
        places = (Endpoint(right.ip, ends[1].port), Endpoint(left.ip, ends[0].port))
        for end, address, peer, place in zip(ends, (LEFT, RIGHT), reversed(keys), places, strict=True):
            end.set_peer(peer.public, str(address.network), endpoint=str(place))
            end.up(address)
        yield


def report(rows: dict[str, list[Figures]]) -> None:
    """A table with medians and the ratios to wireguard-go."""
    medians = {
        name: Figures(statistics.median(r.gbit_s for r in runs), statistics.median(r.rtt_us for r in runs))
        for name, runs in rows.items()
    }
    base, plain = medians["wireguard-go"], medians["no tunnel"]
    print(f"{'':14}{'TCP x1, Gbit/s':>16}{'ratio':>8}{'added round trip, µs':>24}{'ratio':>8}")
    for name, row in medians.items():
        added, base_added = row.rtt_us - plain.rtt_us, base.rtt_us - plain.rtt_us
        print(f"{name:14}{row.gbit_s:16.2f}{row.gbit_s / base.gbit_s:8.2f}{added:24.0f}{added / base_added:8.2f}")


def main() -> int:
    """Run all in turn, `RUNS` times."""
    rows: dict[str, list[Figures]] = {"no tunnel": [], "wireguard-go": [], "warren": []}
    with Lab() as lab:
        lan = lab.switch()
        left, right = lab.host("left", lan), lab.host("right", lan)
        for run in range(RUNS):
            print(f"run {run + 1} of {RUNS} …", flush=True)
            rows["no tunnel"].append(measure(left, right, right.ip))
            with wireguard_go_pair(lab, left, right):
                rows["wireguard-go"].append(measure(left, right, RIGHT.ip))
            with engine_pair(left, right):
                rows["warren"].append(measure(left, right, RIGHT.ip))
    report(rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
