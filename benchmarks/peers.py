"""What ten thousand peers cost one engine: the time to configure them in one call, and the memory.

Needs the right to make a TUN. CPU milliseconds of the process stand beside those of the clock, which other programs
lengthen.
"""

import os
import statistics
import time
from ipaddress import IPv4Network
from pathlib import Path

from benchmarks.musts import Musts
from warren.engine.events import PeerNumber
from warren.engine.tunnel import PeerSetting, Tunnel
from warren.model.keys import ExchangeKeyPair

PEERS = 10_000
RUNS = 5


def _memory_mb() -> float:
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3


def _settings() -> list[PeerSetting]:
    """Keys need not be anyone's: most points of the curve and its twist are as good."""
    return [
        PeerSetting(
            PeerNumber(number),
            (os.urandom(32),),
            (IPv4Network((0x64400000 + number, 32)),),
            is_open=True,
        )
        for number in range(1, PEERS + 1)
    ]


def main() -> int:
    """Medians of a few runs; 1 where a must is missed."""
    times_ms, cpu_ms, memory_mb = [], [], []
    for _ in range(RUNS):
        settings = _settings()
        keys = [ExchangeKeyPair(os.urandom(32))]
        with Tunnel("peers%d", mtu=1400, port=0, keys=keys, stamp_floor_s=0, stamp_ceiling_s=2**40) as tunnel:
            before_mb, began, began_cpu = _memory_mb(), time.monotonic(), time.process_time()
            tunnel.set_peers(settings)
            times_ms.append((time.monotonic() - began) * 1e3)
            cpu_ms.append((time.process_time() - began_cpu) * 1e3)
            memory_mb.append(_memory_mb() - before_mb)
    # The first run's is the whole: later ones reuse what the allocator kept.
    musts = Musts()
    musts.at_most(f"{PEERS:,} peers: ms ({statistics.median(cpu_ms):.0f} of CPU)", statistics.median(times_ms), 200)
    musts.at_most(f"{PEERS:,} peers: MB more", memory_mb[0], 30)
    return musts.code


if __name__ == "__main__":
    raise SystemExit(main())
