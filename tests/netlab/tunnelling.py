"""A program for tests: one network's tunnel between two hosts, by the reconciler and the engine, without a server.

    python -m tests.netlab.tunnelling STATE NAME OTHER ENDPOINT open|shut

NAME and OTHER are `a` or `b`; the keys, addresses and ports follow from them. It prints what the tunnel tells, pings
inside the session until it hears a pong, and gives the counters on SIGTERM.
"""

# ruff: noqa: T201 - it answers by printing

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from tests.unit.node.maps import network, peer

from warren.errors import WarrenError
from warren.model.addresses import parse_endpoint
from warren.model.ids import NetworkId
from warren.model.keys import ExchangeKeyPair
from warren.node.dataplane.interface import PongReceived, StampWindow, Tunnel, TunnelSpec
from warren.node.dataplane.userspace import UserspaceDataplane
from warren.node.host.linux.host import LinuxHost, epoch
from warren.node.journal import Journal
from warren.node.netmap import NetworkMap, Peer
from warren.node.reconcile import Reconciler
from warren.node.storage import Store

PORT = 51820
ADDRESSES = {"a": ("100.96.0.2", "fd77:7272:656e::2"), "b": ("100.96.0.3", "fd77:7272:656e::3")}
PING_EVERY_S = 0.1
TOKEN = 0x1122334455667788


def keys(name: str) -> ExchangeKeyPair:
    """Of a host of this test; nobody else has them."""
    return ExchangeKeyPair(name.encode() * 32)


def map_of(name: str, other: str, *, allowed: bool) -> NetworkMap:
    """The network as `name` sees it."""
    shown = peer(other, *ADDRESSES[other], allowed=allowed)
    fields = {field: getattr(shown, field) for field in Peer.__slots__} | {"wireguard_keys": (keys(other).public,)}
    return network(own=ADDRESSES[name], peers=[Peer(**fields)])


async def tell(tunnel: Tunnel, answered: asyncio.Event) -> None:
    async for event in tunnel.events():
        print(type(event).__name__, flush=True)
        if isinstance(event, PongReceived) and event.token == TOKEN:
            answered.set()


async def main(state: Path, name: str, other: str, endpoint: str, gate: str) -> None:
    def spec(_: NetworkId) -> TunnelSpec:
        return TunnelSpec((keys(name),), PORT, StampWindow(0, 2**31), port_fixed=True)

    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    journal = Journal(Store(state, lambda damage: print("damage", damage)), epoch())
    reconciler = Reconciler(LinuxHost(), UserspaceDataplane(), journal, spec)
    shown = map_of(name, other, allowed=gate == "open")
    outcome = await reconciler.reconcile([shown])
    assert not outcome.failures, outcome.failures
    tunnel, identity = reconciler.tunnels[shown.network], shown.peers[0].identity
    tunnel.set_endpoint(identity, parse_endpoint(endpoint))
    answered = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tell(tunnel, answered))
        print("up", tunnel.port, flush=True)
        while not ending.is_set():
            if not answered.is_set():
                with contextlib.suppress(WarrenError):  # its link was deleted, and it is told next
                    tunnel.ping(identity, TOKEN)
            await asyncio.wait([asyncio.ensure_future(ending.wait())], timeout=PING_EVERY_S)
        with contextlib.suppress(WarrenError):
            print(tunnel.stats(identity), tunnel.counters(), flush=True)
        await reconciler.undo()
    print("down", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
