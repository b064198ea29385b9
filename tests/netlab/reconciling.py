"""A program for tests: the reconciler with the real host and the real engine, killed where the test says.

    python -m tests.netlab.reconciling STATE up [SIDE NUMBER]    comes up, prints, waits; undoes all on SIGTERM
    python -m tests.netlab.reconciling STATE undo                undoes what an earlier one left
    python -m tests.netlab.reconciling STATE watch               prints a line for each burst of changes

With SIDE (`before` or `after`) and NUMBER it kills itself, as kill -9 does, at that change of the host.
"""

# ruff: noqa: T201 - it answers by printing

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.unit.node.maps import network, peer

from warren.model.ids import NetworkId
from warren.model.keys import ExchangeKeyPair
from warren.node.dataplane.interface import StampWindow, TunnelSpec
from warren.node.dataplane.userspace import UserspaceDataplane
from warren.node.host.facts import HostItem
from warren.node.host.linux.host import LinuxHost, epoch
from warren.node.host.linux.watch import host_changes
from warren.node.journal import Journal
from warren.node.reconcile import Outcome, Reconciler
from warren.node.storage import Store

MAPS = [
    network(peers=[peer("db", "100.96.0.7", "fd77:7272:656e::7"), peer("cam", "100.96.0.9", allowed=False)]),
    network("club", prefixes=["100.97.0.0/16"], own=["100.97.0.2"]),
]


class KillingHost(LinuxHost):
    """Dies at the `number`th change, on that side of it."""

    def __init__(self, side: str, number: int) -> None:
        self._side = side
        self._left = number

    async def put(self, item: HostItem) -> None:
        self._die("before")
        await super().put(item)
        self._die("after")

    async def raise_link(self, name: str, mtu: int) -> None:
        self._die("before")
        await super().raise_link(name, mtu)
        self._die("after")

    def _die(self, side: str) -> None:
        if side == self._side:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)


def reconciler(state: Path, host: LinuxHost) -> Reconciler:
    journal = Journal(Store(state, lambda damage: print("damage", damage)), epoch())
    return Reconciler(host, UserspaceDataplane(), journal, _spec)


def _spec(_: NetworkId) -> TunnelSpec:
    return TunnelSpec((ExchangeKeyPair(bytes(31) + b"\1"),), 0, StampWindow(0, 2**31))


def show(outcome: Outcome) -> None:
    for failure in outcome.failures:
        print("failure", failure.error)
    print("settled" if not outcome.failures else "failed", len(outcome.made), flush=True)


async def up(state: Path, host: LinuxHost) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    own = reconciler(state, host)
    show(await own.reconcile(MAPS))
    await ending.wait()
    show(await own.undo())


async def watch() -> None:
    changes = host_changes()
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    print("watching", flush=True)
    while True:
        await waiting
        print("changed", flush=True)
        waiting = asyncio.ensure_future(anext(changes))


async def main(state: Path, verb: str, side: str = "", number: str = "0") -> None:
    match verb:
        case "up":
            await up(state, KillingHost(side, int(number)))
        case "undo":
            show(await reconciler(state, LinuxHost()).undo())
        case "watch":
            await watch()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
