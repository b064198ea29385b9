"""The world of the soak, and all that may happen to it: churn, kicks, rules, traffic, restarts, kills, bad input.

A server and machines on a LAN. `m0` is never restarted and the server is not killed once it is watched: they are what
must not grow. The others are killed, go down and up, or come as guests and leave.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import cycle, permutations

from benchmarks.flows import Flows, Line
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.until import until

MACHINES = 3
PATIENCE_S = 120.0  # a machine that others use too may be slow; what took longer than it should is told at the end
NOISE_S = 3.0
FLOW_S = 2.0
EVERYBODY = {"from": ["*"], "to": ["*"]}
POLICIES = ([EVERYBODY], [EVERYBODY, {"from": ["tag:web"], "to": ["*"], "protocols": ["tcp"], "ports": ["443"]}])
"""They let the same packets pass here; each is signed, told, taken and compiled anew."""
NOISE_RATE = 1000  # bad datagrams a second: what grows by them does so at any rate

Action = Callable[[], None]


class World:
    """A server and machines that reach each other, a guest, and a host that makes noise."""

    def __init__(self, lab: Lab) -> None:
        lan = lab.switch("lan")
        self.server = Server(lab.host("server", lan), lab.folder)
        secret = lab.folder / "turn-secret"
        secret.write_text(secrets.token_hex(32))
        self.server.flags = ("--turn-secret", f"file:{secret}")
        self.server.start()
        self.key = self.server.key("--reusable", "--expires", "7d")  # guests come until the soak's last round
        self.machines = [Machine(lab.host(f"m{number}", lan), lab.folder) for number in range(MACHINES)]
        self.guest = Machine(lab.host("guest", lan), lab.folder)
        self.noise: Host = lab.host("noise", lan)
        self.snapshots = [machine.host.snapshot() for machine in self.machines]
        self._seed = 0
        self._policies = cycle(POLICIES)
        self.parted = 0  # machines that left for good
        for machine in self.machines:
            machine.up(self.server, self.key)
        self.all_ping()

    def all_ping(self) -> None:
        """Wait until every machine reaches every other by name."""
        for one, other in permutations(self.machines, 2):
            until(partial(_pings, one, other), f"{one.name} pings {other.name}", PATIENCE_S)

    def churn(self) -> list[tuple[str, Action]]:
        """What happens to machines and ports, by name."""
        actions: list[tuple[str, Action]] = [
            ("a guest comes and leaves", partial(self._receive_guest, is_kicked=False)),
            ("a guest comes and is kicked", partial(self._receive_guest, is_kicked=True)),
            ("another policy", self._set_policy),
            ("a flow", self._flow),
        ]
        for machine in self.machines[1:]:
            actions += [(f"{machine.name} killed", partial(_kill_daemon, machine))]
            actions += [(f"{machine.name} down and up", partial(_down_and_up, machine))]
        first, admin = self.machines[0], str(self.server.data / "admin.sock")
        (endpoints,) = first.state.glob("networks/*/endpoints.json")
        port = endpoints.read_text().split('"port":')[1].split(",")[0]
        here, there = str(first.host.ip), str(self.server.host.ip)
        return [
            *actions,
            ("bad input: m0's tunnel", partial(self._noise, self.noise, "udp", here, port)),
            ("bad input: the relay's port", partial(self._noise, self.noise, "udp", there, "3478")),
            ("bad input: TURN by TCP", partial(self._noise, self.noise, "turn", there, "3478")),
            ("bad input: the public port", partial(self._noise, self.noise, "stream", there, "8443")),
            ("bad input: m0's socket", partial(self._noise, first.host, "stream", "unix", str(first.socket))),
            ("bad input: the admin's socket", partial(self._noise, self.server.host, "stream", "unix", admin)),
        ]  # fmt: skip

    def kill_server(self) -> None:
        """SIGKILL, then the same command again."""
        if self.server.process is not None:
            self.server.process.kill()
        self.server.start()

    def end(self) -> list[str]:
        """All go down; what differs on their hosts from what was there before the first `up`."""
        for machine in self.machines:
            machine.run("down")
        left = []
        for machine, before in zip(self.machines, self.snapshots, strict=True):
            left += [f"left on {machine.name}: {line}" for line in before.difference(machine.host.snapshot())]
        return left

    def _receive_guest(self, *, is_kicked: bool) -> None:
        first = self.machines[0]
        self.guest.up(self.server, self.key)
        until(partial(_pings, first, self.guest), "m0 pings the guest", PATIENCE_S)
        if is_kicked:
            self._ask_server("member", "kick", self.guest.name, "--keep-key", "--yes")
        else:
            self.guest.run("leave", "--yes")
        until(
            lambda: "guest" not in {peer["name"] for peer in first.status()["peers"]}, "m0 forgot the guest", PATIENCE_S
        )
        self.parted += 1
        if is_kicked:
            until(partial(_ran, self.guest, "leave", "--yes"), "who was kicked forgets the network", PATIENCE_S)

    def _set_policy(self) -> None:
        file = self.server.data.with_name("policy.json")
        file.write_text(json.dumps({"version": 1, "rules": next(self._policies)}))
        self._ask_server("policy", "set", str(file))

    def _flow(self) -> None:
        """What m0 has open and sends while others send to it."""
        source, sink = self.machines[0], self.machines[1]
        address = sink.status()["self"]["addresses"][0]
        Flows(Line(source.host, sink.host, address)).run(FLOW_S)

    def _ask_server(self, *words: str) -> None:
        self.server.host.run([WARREN, *words, "--server", self.server.data])

    def _noise(self, where: Host, mode: str, host: str, place: str) -> None:
        self._seed += 1
        words = [mode, host, place, str(NOISE_S), *([str(NOISE_RATE)] if mode == "udp" else []), str(self._seed)]
        where.run([sys.executable, "-m", "tests.faults.noise", *words], timeout_s=NOISE_S + 60.0)


def _pings(one: Machine, other: Machine) -> bool:
    return _ran(one, "ping", other.name, "-c", "1")


def _ran(machine: Machine, *words: str) -> bool:
    with suppress(subprocess.TimeoutExpired):
        return machine.run(*words, check=False).returncode == 0
    return False


def _kill_daemon(machine: Machine) -> None:
    pid = machine.daemon_pid()
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    until(partial(_ran, machine, "up"), f"{machine.name} is up", PATIENCE_S)


def _down_and_up(machine: Machine) -> None:
    until(partial(_ran, machine, "down"), f"{machine.name} is down", PATIENCE_S)
    until(partial(_ran, machine, "up"), f"{machine.name} is up", PATIENCE_S)
