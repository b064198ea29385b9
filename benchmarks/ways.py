"""The tunnels that take turns between two hosts of one lab: none, a stock wireguard-go, others that are configured like
it, Nebula, our engine with WireGuard's cipher, and with AES-256-GCM as between two nodes of ours. Inner MTU 1420.

A way is entered, measured and left; its processes are those of both hosts at that time, so that CPU seconds and memory
are the tunnel's and not the load's. Our engine runs in a Python program: another one of the same that makes no tunnel
runs beside them, so that what the program takes without the engine is known at every moment (pages are shared, and the
fewer share them the more of them each is charged).
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import TypeVar

from tests.interop.engine import Engine
from tests.interop.wireguard_go import WireguardGo
from tests.netlab.host import Host
from tests.netlab.lab import Lab

from benchmarks import nebula
from benchmarks.flows import Line
from benchmarks.rivals import LEFT_OUT, NEBULA, Rival, build, stock
from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair

MTU = 1420
LEFT, RIGHT = IPv4Interface("10.77.0.1/24"), IPv4Interface("10.77.0.2/24")
PLAIN = "no tunnel"
BASE = "wireguard-go"
OURS = WIREGUARD, AES = "warren", "warren, AES"
T = TypeVar("T")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_BARE = "import tests.interop.engine_program as program; print('there', flush=True); input()"


@dataclass(frozen=True, slots=True)
class Way:
    """How packets go from left to right, and who carries them."""

    left: Host
    right: Host
    address: IPv4Address
    back_address: IPv4Address
    pids: frozenset[int]
    port: int = 0
    """The right end's, of its UDP socket."""
    key: bytes = b""
    """Its public key."""
    bare_pid: int | None = None
    """A program like those in `pids`, but without a tunnel; None where a tunnel is all that they are."""

    @property
    def there(self) -> Line:
        """From left to right."""
        return Line(self.left, self.right, str(self.address))

    @property
    def back(self) -> Line:
        """From right to left."""
        return Line(self.right, self.left, str(self.back_address))

    def cpu_s(self) -> float:
        """CPU seconds that the tunnel's processes have used so far."""
        fields = [Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split() for pid in self.pids]
        return sum(int(field[11]) + int(field[12]) for field in fields) / _TICKS_A_SECOND

    def memory_mb(self) -> float:
        """PSS of the tunnel's processes, the mean of both ends, without what they would take without a tunnel."""
        bare_mb = _pss_mb(self.bare_pid) if self.bare_pid is not None else 0.0
        return sum(map(_pss_mb, self.pids)) / 2 - bare_mb


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3


@contextmanager
def _bare() -> Iterator[int]:
    """The engine's program without a tunnel: its pid."""
    with subprocess.Popen([sys.executable, "-c", _BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        yield child.pid
        child.communicate(b"\n")


class Ways:
    """All of them by name, in the order in which they take turns."""

    def __init__(self, lab: Lab, rivals: Sequence[Rival] = ()) -> None:
        """With those `rivals` that can be built; what cannot is printed."""
        self.lan = lab.switch()
        self._lab = lab
        self._left, self._right = lab.host("left", self.lan), lab.host("right", self.lan)
        self.all: dict[str, Callable[[], AbstractContextManager[Way]]] = {
            PLAIN: self._plain, BASE: partial(self._stock, stock()),
        }  # fmt: skip
        for rival in rivals:
            try:
                program = build(rival)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                print(f"left out: {rival.name}: {error}")
            else:
                self.all[rival.name] = partial(self._nebula if rival is NEBULA else self._stock, program)
        if rivals:
            print(f"left out: {LEFT_OUT}")
        self.all |= {WIREGUARD: self.engine, AES: partial(self.engine, "chooses-aes")}

    def in_turn(self, runs: int, measure: Callable[[Way], T]) -> dict[str, list[T]]:
        """What `measure` says of each way, so many times; the way that comes first is another one in each run."""
        seen: dict[str, list[T]] = {name: [] for name in self.all}
        names = list(self.all)
        for run in range(runs):
            for name in names[run % len(names) :] + names[: run % len(names)]:
                with self.all[name]() as way:
                    seen[name].append(measure(way))
        return seen

    def forge(self, sources: str) -> None:
        """What comes from these addresses is taken at the right end; answers to them end at the left one."""
        self._right.sysctls(*((f"net/ipv4/conf/{name}/rp_filter", "0") for name in ("all", "eth0")))
        self._right.ip_batch(f"route add {sources} via {self._left.ip}")

    def _way(
        self, address: IPv4Address, back_address: IPv4Address, port: int = 0, key: bytes = b"", bare: int | None = None
    ) -> Way:
        pids = frozenset(self._left.pids() | self._right.pids())
        return Way(self._left, self._right, address, back_address, pids, port, key, bare)

    @contextmanager
    def _plain(self) -> Iterator[Way]:
        yield self._way(self._right.ip, self._left.ip)

    @contextmanager
    def _stock(self, program: Path) -> Iterator[Way]:
        keys = ExchangeKeyPair(os.urandom(32)), ExchangeKeyPair(os.urandom(32))
        number, hosts = len(list(self._lab.folder.glob("*.log"))), (self._left, self._right)
        ends = [
            WireguardGo.start(program, host, f"wgo{number + side}", key.private_bytes().reveal(), 51820)
            for side, (host, key) in enumerate(zip(hosts, keys, strict=True))
        ]
        for end, address, peer, place in zip(ends, (LEFT, RIGHT), reversed(keys), reversed(hosts), strict=True):
            end.set_peer(peer.public, str(address.network), endpoint=(place.ip, 51820))
            end.up(address)
        try:
            yield self._way(RIGHT.ip, LEFT.ip, 51820, keys[1].public)
        finally:
            self._left.end()
            self._right.end()

    @contextmanager
    def _nebula(self, program: Path) -> Iterator[Way]:
        with tempfile.TemporaryDirectory() as folder:
            nebula.start(program, Path(folder) / "nebula", [(self._left, LEFT), (self._right, RIGHT)])
            try:
                yield self._way(RIGHT.ip, LEFT.ip, nebula.PORT)
            finally:
                self._left.end()
                self._right.end()

    @contextmanager
    def engine(self, transport: str = "wireguard", prepare: Callable[[Engine], None] | None = None) -> Iterator[Way]:
        """Our engine at both ends; `prepare` is done to each before it carries anything."""
        keys = ExchangeKeyPair(os.urandom(32)), ExchangeKeyPair(os.urandom(32))
        hosts = (self._left, self._right)
        with ExitStack() as stack:
            ends = [
                stack.enter_context(Engine(host, "bench%d", key.private_bytes().reveal(), mtu=MTU))
                for host, key in zip(hosts, keys, strict=True)
            ]
            places = (Endpoint(self._right.ip, ends[1].port), Endpoint(self._left.ip, ends[0].port))
            for end, address, peer, place in zip(ends, (LEFT, RIGHT), reversed(keys), places, strict=True):
                end.set_peer(peer.public, str(address.network), endpoint=str(place), transport=transport)
                end.up(address)
                if prepare is not None:
                    prepare(end)
            yield self._way(RIGHT.ip, LEFT.ip, ends[1].port, keys[1].public, stack.enter_context(_bare()))
