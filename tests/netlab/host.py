"""A host of the lab: a network namespace with interfaces on switches, in which programs run."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path
from typing import TYPE_CHECKING

from tests.netlab import offloads, snapshot
from tests.netlab.capture import Capture
from tests.netlab.handing import open_udp
from tests.netlab.keeper import Keeper
from tests.netlab.process import Process
from tests.netlab.switch import Switch

if TYPE_CHECKING:
    from tests.netlab.wire import Wire

RUN_S = 60.0  # a command that takes longer is started, not run
END_S = 5.0  # for what still runs at the lab's end: nobody asks any more how it ended


@dataclass(frozen=True, slots=True)
class Interface:
    """One end of a veth on this host; the other is a port of the switch."""

    name: str
    switch: Switch
    v4: IPv4Interface
    v6: IPv6Interface


class Host:
    """Made by `Lab.host`; dies with the lab."""

    def __init__(self, keeper: Keeper, namespace: str, name: str, folder: Path) -> None:
        self.name = name
        self.namespace = namespace
        self.folder = folder
        self.interfaces: dict[str, Interface] = {}
        self.resolver: Path | None = None  # what its programs see as /etc/resolv.conf, instead of this machine's
        self._keeper = keeper
        self._processes: list[Process] = []
        self._sockets: list[socket.socket] = []
        keeper.run("ip", "netns", "add", namespace)
        # addresses are usable at once, and nobody in the lab announces routers
        self.sysctls(("net/ipv6/conf/default/accept_dad", "0"), ("net/ipv6/conf/default/accept_ra", "0"))
        self.ip_batch("link set lo up")

    # --- addresses -------------------------------------------------------------------------------------------------

    @property
    def ip(self) -> IPv4Address:
        """The IPv4 address of the first interface."""
        return next(iter(self.interfaces.values())).v4.ip

    @property
    def ip6(self) -> IPv6Address:
        """The IPv6 address of the first interface."""
        return next(iter(self.interfaces.values())).v6.ip

    def attach(self, switch: Switch, *, offload: bool = True, wire: "Wire | None" = None) -> Interface:
        """Plug a new interface (`eth0`, `eth1`, ...) into a switch, with its next addresses and its gateway.

        Where a `wire` is between the two, the interface has no offloads: frames have to be whole on it.
        """
        name = f"eth{len(self.interfaces)}"
        v4, v6 = switch.next_addresses()
        interface = Interface(name, switch, v4, v6)
        if wire is None:
            switch.plug(self.namespace, name)
        else:
            wire.lay(switch, self.namespace, name)
        self.interfaces[name] = interface
        # a wire forgets nothing: a cut-and-joined link keeps its v6 addresses, as network managers see to
        self.sysctl(f"net/ipv6/conf/{name}/keep_addr_on_down", "1")
        self.ip_batch(f"addr add {v4} dev {name}", f"addr add {v6} dev {name} nodad", f"link set {name} up")
        if not offload or wire is not None:
            self.run([sys.executable, "-I", "-S", str(offloads.__file__), name])
        switch.add_member(self, interface)
        return interface

    def link_down(self, interface: str = "eth0") -> None:
        """As if the cable were pulled at this host: its routes over it go."""
        self.ip_batch(f"link set {interface} down")

    def link_up(self, interface: str = "eth0") -> None:
        """The cable is back, and so are the routes of the switch."""
        self.ip_batch(f"link set {interface} up")
        self.interfaces[interface].switch.restore_routes(self)

    def ip_batch(self, *lines: str) -> None:
        """Several `ip` commands (without the word `ip`) in this host's namespace, in one process."""
        self._keeper.run("ip", "-n", self.namespace, "-batch", "-", stdin="\n".join(lines) + "\n")

    def sysctl(self, name: str, value: str) -> None:
        """Set one, by its path under /proc/sys."""
        self.sysctls((name, value))

    def sysctls(self, *settings: tuple[str, str]) -> None:
        """Set several, in their order."""
        script = 'while [ $# -gt 0 ]; do echo "$2" >"/proc/sys/$1" || exit 1; shift 2; done'
        self.run(["sh", "-c", script, "sh", *(word for setting in settings for word in setting)])

    def udp(self, *places: tuple[str, int]) -> list[socket.socket]:
        """UDP sockets of this host for the test to speak through, not blocking; closed with the lab at the latest."""
        opened = open_udp(self.enter(), *places)
        self._sockets += opened
        return opened

    def nft(self, rules: str) -> None:
        """Load a ruleset beside what is loaded already, in one batch."""
        self.run(["nft", "-f", "-"], stdin=rules)

    # --- programs --------------------------------------------------------------------------------------------------

    def enter(self) -> list[str]:
        """The words that put a command into this host; for programs that start their own."""
        folder = os.getcwd()  # noqa: PTH109 - the string goes to another program
        words = [*self._keeper.enter(), "env", "-C", folder, "ip", "netns", "exec", self.namespace]
        if self.resolver is None:
            return words
        # `ip netns exec` gives each program a mount namespace of its own
        return [*words, "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(self.resolver)]

    def run(
        self, argv: Sequence[str | Path], *, stdin: str = "", check: bool = True, timeout_s: float = RUN_S,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run a command to its end; RuntimeError with all it said if it fails and `check` is on."""
        words = [str(word) for word in argv]
        done = subprocess.run(
            [*self.enter(), *words], input=stdin, capture_output=True, text=True, timeout=timeout_s,
            env=env, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(words)} gave {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> Process:
        """Start a program that goes on; it is killed with the lab at the latest."""
        words = [str(word) for word in argv]
        log = self.folder / f"{self.name}-{len(self._processes)}-{Path(words[0]).name}.log"
        process = Process([*self.enter(), *words], log, env=env, title=f"{words[0]} on {self.name}")
        self._processes.append(process)
        return process

    def pids(self) -> set[int]:
        """Of every process in this host, however it was started (a daemon that detached itself too)."""
        return {int(word) for word in self._keeper.run("ip", "netns", "pids", self.namespace).split()}

    def end(self) -> None:
        """Stop what `start` started, close what `udp` opened."""
        for one in self._sockets:
            one.close()
        for process in self._processes:
            process.signal(signal.SIGTERM)
        for process in self._processes:
            process.stop(END_S)

    # --- looking ---------------------------------------------------------------------------------------------------

    def capture(self, interface: str = "eth0") -> Capture:
        """A capture to use as a context manager; its pcap file stays in the lab's folder while the lab lives."""
        number = len(list(self.folder.glob(f"{self.name}-{interface}-*.pcap")))
        return Capture(self.enter(), interface, self.folder / f"{self.name}-{interface}-{number}.pcap")

    def snapshot(self) -> snapshot.Snapshot:
        """Links, addresses, routes, rules, nftables, sysctls and resolv.conf, to compare with a later one."""
        return snapshot.take(lambda argv: self.run(argv).stdout)
