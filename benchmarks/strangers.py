"""What strangers' floods leave of a running flow, and whether a member still gets in, beside a stock wireguard-go.

Two floods from forged sources: initiations whose MAC1 is right (whoever knows the public key can make them; each is
made for itself, none twice in a run), and malformed datagrams. The same flood to a port where nobody listens is what a
machine has to bear in any case; the figure is what of that flow is left when it goes to the tunnel's port. All ends
share this machine's cores, the flood's too; where the sender could not keep its rate, the run says so.
"""

import argparse
import hashlib
import math
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.netlab.host import Host
from tests.netlab.lab import Lab

from benchmarks.flows import Flows
from benchmarks.musts import Musts
from benchmarks.ways import BASE, Way, Ways

RECORD_BYTES = 148  # an initiation's, and all others' too
NOWHERE = 9
FORGED = "198.18.0.0/15"  # for measurements (RFC 2544)
WARM_UP_S = 0.3  # of a flood, before anything is looked at
AROUND_S = 3.0  # of a flood, before and behind a flow's own time
CONNECT_MAX_S = 5.0
_SOURCE = Path(__file__).with_name("strangers.c")


@dataclass(frozen=True, slots=True)
class Flood:
    """So many a second; `must`: the share of the flow that is to be left."""

    name: str
    a_second: int
    must: float


INITIATIONS = Flood("initiations", 50_000, 0.8)
MALFORMED = Flood("malformed", 100_000, 0.9)


def initiations(key: bytes, count: int) -> Iterator[bytes]:
    """Message 1 with noise inside and the right MAC1 (paper, 5.4.4) for this public key."""
    mac1_key = hashlib.blake2s(b"mac1----" + key).digest()
    for _ in range(count):
        body = b"\1\0\0\0" + os.urandom(112)
        yield body + hashlib.blake2s(body, key=mac1_key, digest_size=16).digest() + bytes(16)


def malformed(count: int) -> Iterator[bytes]:
    """Noise; types 2, 3 and 5 in a length that they do not have; data of no session; a wrong MAC1."""
    heads = (b"", b"\2\0\0\0", b"\3\0\0\0", b"\5\0\0\0", b"\4\0\0\0", b"\1\0\0\0")
    for number in range(count):
        head = heads[number % len(heads)]
        yield head + os.urandom(RECORD_BYTES - len(head))


class Strangers:
    """A host that floods."""

    def __init__(self, host: Host, folder: Path) -> None:
        self._host, self._folder = host, folder
        self._program = folder / "strangers"
        words = ["cc", "-O2", "-Wall", "-o", str(self._program), str(_SOURCE)]
        subprocess.run(words, check=True, timeout=60)

    def write(self, flood: Flood, key: bytes, seconds: float) -> Path:
        """What is to be sent in that time."""
        count = int(flood.a_second * seconds)
        records = initiations(key, count) if flood is INITIATIONS else malformed(count)
        file = self._folder / flood.name
        file.write_bytes(b"".join(records))
        return file

    @contextmanager
    def flooding(self, flood: Flood, file: Path, way: Way, port: int) -> Iterator[None]:
        """In full from the entry to the exit; says so where it could not keep its rate, or sent something twice."""
        where = [str(way.right.ip), str(port), str(flood.a_second)]
        process = self._host.start([str(self._program), str(file), str(RECORD_BYTES), *where])
        time.sleep(WARM_UP_S)
        yield
        process.signal(signal.SIGTERM)
        _, sent, seconds = process.wait_for("sent").split()
        rate, again = int(sent) / float(seconds), int(sent) - file.stat().st_size // RECORD_BYTES
        if rate < 0.9 * flood.a_second or again > 0:
            print(f"(only {rate:,.0f} a second of {flood.name} left the sender, or {max(0, again):,} of them twice)")


def _flows_gbit_s(way: Way, strangers: Strangers, flood: Flood, seconds: float) -> tuple[float, float]:
    """A flow amid the flood to a port where nobody listens, and amid the same to the tunnel's."""
    file = strangers.write(flood, way.key, seconds + AROUND_S)

    def one(port: int) -> float:
        flows = Flows(way.there)
        with strangers.flooding(flood, file, way, port):
            flows.begin(seconds)
            time.sleep(flows.left_s())
        return flows.bytes_s() * 8 / 1e9

    return one(NOWHERE), one(way.port)


def _connect_s(way: Way, strangers: Strangers, file: Path) -> float:
    """From the first packet of a member to its first answer, amid the initiations; no session was there before."""
    with strangers.flooding(INITIATIONS, file, way, way.port):
        began = time.monotonic()
        return time.monotonic() - began if _is_answered(way) else math.inf


def _is_answered(way: Way) -> bool:
    """One ping, which waits for its session."""
    words = ["ping", "-c1", "-W", str(CONNECT_MAX_S), str(way.address)]
    return way.left.run(words, check=False).returncode == 0


def main() -> int:
    """Run all in turn; 1 where a must is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=3.0, help="how long a flow counts")
    chosen = arguments.parse_args()
    names = (BASE, "warren")
    left = {(name, flood.name): list[float]() for name in names for flood in (INITIATIONS, MALFORMED)}
    connects = {name: list[float]() for name in names}
    with tempfile.TemporaryDirectory() as folder, Lab() as lab:
        ways = Ways(lab)
        strangers = Strangers(lab.host("strangers", ways.lan), Path(folder))
        ways.forge(FORGED)
        for _ in range(chosen.runs):
            for name in names:
                with ways.all[name]() as way:
                    file = strangers.write(INITIATIONS, way.key, AROUND_S + CONNECT_MAX_S)
                    connects[name].append(_connect_s(way, strangers, file))
                with ways.all[name]() as way:
                    _is_answered(way)
                    for flood in (INITIATIONS, MALFORMED):
                        rates = _flows_gbit_s(way, strangers, flood, chosen.seconds)
                        print(f"{name:14}{flood.name:14}{rates[0]:6.2f} -> {rates[1]:.2f} Gbit/s", flush=True)
                        left[name, flood.name].append(rates[1] / rates[0])
    musts = Musts()
    for flood in (INITIATIONS, MALFORMED):
        base, ours = (statistics.median(left[name, flood.name]) for name in names)
        claim = f"{flood.a_second:,} {flood.name} a second leave of the flow ({BASE}: {base:.2f})"
        musts.at_least(claim, ours, flood.must)
    base, ours = (max(connects[name]) for name in names)
    musts.at_most(f"a member's first answer amid the initiations, the slowest, in s ({BASE}: {base:.2f})", ours, 3.0)
    return musts.code


if __name__ == "__main__":
    raise SystemExit(main())
