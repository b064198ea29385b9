"""`python -m benchmarks.relay`: two machines directly, over the UDP relay and over the TLS relay, in one run.

Real daemons, one server with its relay, all on this machine's cores; the ways take turns. Prints medians, their ratios
to the direct path and the bars of issue 5; then a small flow beside a greedy one, and what idle clients cost.
"""

import json
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.netlab.datagrams import Stream
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.until import until

from benchmarks import flood, pings
from benchmarks.flows import Flows, Line
from warren.model.keys import ExchangeKeyPair

RUNS = 5
FLOW_S = 4.0
WAYS = ("direct", "UDP relay", "TLS relay")
CARRIAGES = {"UDP relay": "udp", "TLS relay": "websocket"}
CARRIED_S = 60.0
BARS = {"UDP relay": 0.5, "TLS relay": 0.25}  # of the direct path's throughput
ADDED_MAX_US = 150.0
SMALL_HZ = 625.0  # datagrams of 200 bytes: 1 Mbit/s
GREEDY_S = 5.0
RELAY_PORT = 3478
IDLE_CLIENTS, IDLE_MAX_MB = 5_000, 150.0
IDLE_FIRST_SOURCE, IDLE_SOURCES = 40, 200
IDLE_CONNECTED_S = 150.0
MOVED_S = 20.0
NO_UDP = (
    "table inet no_udp { chain out { type filter hook output priority 0; oifname eth0 meta l4proto udp drop; }; }\n"
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one way did in one run."""

    gbit_s: float
    rtt_us: float


def measure(left: Host, right: Host, address: str) -> Figures:
    """Pings on the idle way, then one TCP flow from left to right."""
    rtt_us = pings.median_us(left, address)
    return Figures(Flows(Line(left, right, address)).run(FLOW_S) * 8 / 1e9, rtt_us)


@dataclass(slots=True)
class Rig:
    """A server and machines on one Ethernet."""

    lab: Lab
    server: Server
    machines: dict[str, Machine] = field(default_factory=dict)

    @classmethod
    def start(cls, lab: Lab, names: str) -> "Rig":
        """Every machine has joined."""
        lan = lab.switch("lan")
        server = Server(lab.host("server", lan), lab.folder)
        server.url = server.url.replace("http:", "https:")
        server.start()
        rig, key = cls(lab, server), server.key("--reusable")
        for name in names:
            machine = rig.machines[name] = Machine(lab.host(name, lan), lab.folder)
            machine.up(server, key)
        return rig

    def move(self, way: str, *names: str) -> None:
        """Have these machines use that way between each other, and wait until they do."""
        forced = "--no-force-relay" if way == "direct" else "--force-relay"
        for name in names:
            machine = self.machines[name]
            machine.host.run(["nft", "delete", "table", "inet", "no_udp"], check=False)
            if way == "TLS relay":
                machine.host.nft(NO_UDP)
            machine.run("up", forced)
        wanted = "direct" if way == "direct" else "relay"
        for name in names:
            if carriage := CARRIAGES.get(way):
                self._until_carried(self.machines[name], carriage)
            for other in names:
                if other != name:
                    self._until_pinged(self.machines[name], other, wanted)

    def _until_carried(self, machine: Machine, carriage: str) -> None:
        """A machine goes back to UDP some time after it passes again; before, it would be TLS that is measured."""

        def over() -> set[str]:
            found = json.loads(machine.run("netcheck", "--json", check=False).stdout)
            return {relay["over"] for relay in found["relays"] if relay["home"]}

        until(lambda: over() == {carriage}, f"{machine.name} has its home relay over {carriage}", CARRIED_S)

    def _until_pinged(self, machine: Machine, other: str, wanted: str) -> None:
        until(lambda: machine.path_to(other).kind == wanted, f"{machine.name} reaches {other} by {wanted}", MOVED_S)
        ping = ("ping", other, "-c", "1", "--timeout", "2s")
        until(lambda: machine.run(*ping, check=False).returncode == 0, f"{other} answers {machine.name}", MOVED_S)

    def address(self, name: str) -> str:
        """Of a machine inside the network."""
        return self.machines[name].look().networks[0].me.addresses[0]

    def host(self, name: str) -> Host:
        """On which that machine is."""
        return self.machines[name].host


def throughput(rig: Rig) -> dict[str, list[Figures]]:
    """Each way in turn, `RUNS` times."""
    rows: dict[str, list[Figures]] = {way: [] for way in WAYS}
    for run in range(RUNS):
        print(f"run {run + 1} of {RUNS} …", flush=True)
        for way in WAYS:
            rig.move(way, "a", "b")
            rows[way].append(measure(rig.host("a"), rig.host("b"), rig.address("b")))
    return rows


def report(rows: dict[str, list[Figures]]) -> bool:
    """Print the table; whether every bar holds."""
    rates = {way: statistics.median(run.gbit_s for run in runs) for way, runs in rows.items()}
    trips = {way: statistics.median(run.rtt_us for run in runs) for way, runs in rows.items()}
    print(f"{'':12}{'TCP x1, Gbit/s':>16}{'of direct':>11}{'bar':>7}{'added round trip, µs':>23}{'bar':>6}")
    is_good = True
    for way in WAYS:
        ratio, added, bar = rates[way] / rates["direct"], trips[way] - trips["direct"], BARS.get(way)
        bars = f"{bar:7.2f}{added:23.0f}{ADDED_MAX_US:6.0f}" if bar is not None else f"{'':7}{added:23.0f}"
        print(f"{way:12}{rates[way]:16.2f}{ratio:11.2f}{bars}")
        is_good &= bar is None or ratio >= bar
    return is_good and trips["UDP relay"] - trips["direct"] <= ADDED_MAX_US


def fairness(rig: Rig) -> bool:
    """A flood from a to b over the relay, and 1 Mbit/s from c to d beside it; whether the small flow lost nothing."""
    rig.move("UDP relay", "a", "b")
    rig.move("UDP relay", "c", "d")
    greedy, small = (rig.host("a"), rig.host("b"), rig.address("b")), (rig.host("c"), rig.host("d"), rig.address("d"))
    with Stream(*small, rate_hz=SMALL_HZ) as stream:
        flooding = greedy[0].run([sys.executable, str(flood.__file__), greedy[2], str(GREEDY_S)]).stdout.strip()
    end = stream.stop()
    lost = end.lost + end.cut_off
    beside = f"{lost} of {end.sent} datagrams lost, silent for {end.longest_s * 1e3:.0f} ms at most"
    print(f"a greedy client offered {flooding}; 1 Mbit/s beside it: {beside}")
    return lost == 0


def idle(rig: Rig) -> bool:
    """Memory of the process that is the relay, with so many idle clients."""
    place = rig.server.data / "keys"
    (front,) = [pid for pid in rig.server.host.pids() if b"front" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    host = rig.lab.host("idlers", rig.server.host.interfaces["eth0"].switch)
    sources = [f"10.200.1.{number}" for number in range(IDLE_FIRST_SOURCE, IDLE_FIRST_SOURCE + IDLE_SOURCES)]
    host.ip_batch(*(f"addr add {source}/24 dev eth0" for source in sources))
    key = ExchangeKeyPair((place / "relay.key").read_bytes()).public.hex()
    before = rss_mb(front)
    words = [str(rig.server.host.ip), str(RELAY_PORT), key, str(place / "relay-grants.key"), str(IDLE_CLIENTS)]
    clients = host.start([sys.executable, "-m", "benchmarks.idle_clients", *words, *sources])
    clients.wait_for(f"connected {IDLE_CLIENTS}", IDLE_CONNECTED_S)
    after = rss_mb(front)
    clients.stop()
    print(f"{IDLE_CLIENTS} idle clients: {after:.0f} MB in all, {before:.0f} MB before (bar {IDLE_MAX_MB:.0f})")
    return after <= IDLE_MAX_MB


def rss_mb(pid: int) -> float:
    """What of a process is in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS:"))


def main() -> int:
    """Everything, or the parts that are named; 1 where a bar does not hold."""
    wanted = set(sys.argv[1:]) or {"throughput", "fairness", "idle"}
    with Lab() as lab:
        rig = Rig.start(lab, "abcd")
        is_good = report(throughput(rig)) if "throughput" in wanted else True
        is_good &= fairness(rig) if "fairness" in wanted else True
        is_good &= idle(rig) if "idle" in wanted else True
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
