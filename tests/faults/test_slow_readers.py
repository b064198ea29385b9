"""F20, the readers' half: nodes that stop reading harm nobody. Each costs the server little, is dropped in time, and is
told all that it missed by one map when it is back.
"""

import asyncio
import itertools
import os
import socket
import time
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults import figures
from tests.faults.lying import memory_kib
from tests.faults.test_slow_peers import HEAR_AT_MOST, SPEAKERS, TOO_SMALL_TO_MEASURE_S, hear, worst
from tests.server.node import TestNode
from tests.server.running import RunningServer
from websockets.asyncio.client import ClientConnection, connect

from warren.limits import SESSION_FROM_SERVER_MAX_BYTES, SIGNALS_PER_S
from warren.trust.documents import Kind

READERS = figures.times(5, 20)
FLOODERS = figures.times(2, 5)  # as many as one server carries signals of beside its other work
DROPPED_S = 30.0  # who takes no byte for so long
EACH_MIB = 1.0  # what the server may hold for one of them, its front with it
FILL_S = 15.0  # until the kernel's buffers are full, before which a reader that reads nothing is as good as any
LOOKS = 20
HEAR_EVERY_S = 0.2  # a member's record changes so often and no more


class StuckNode(TestNode):
    """A node that stops reading its socket, and whose kernel takes little for it."""

    async def _connect(self) -> ClientConnection:
        parts = urlsplit(self.url)
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.connect((parts.hostname, parts.port))
        return await connect(self.url, sock=small, compression=None, max_size=SESSION_FROM_SERVER_MAX_BYTES, proxy=None)

    def stall(self) -> None:
        """Read no byte from here on."""
        assert self._socket is not None
        self._socket.transport.pause_reading()

    async def disconnect(self) -> None:
        """Without a goodbye, which it would not read."""
        if self._socket is not None:
            self._socket.transport.abort()
        await super().disconnect()


async def flood(flooder: TestNode, readers: list[StuckNode]) -> None:
    """As many signals as a session may send, to these, until cancelled."""
    while True:
        for reader in readers:
            await flooder.signal(reader.identity, os.urandom(4000))
        await asyncio.sleep(len(readers) / SIGNALS_PER_S)  # a rate, no wait for anything


def held_mib(server: RunningServer) -> float:
    """What the server and its front hold."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return sum(memory_kib(pid) for pid in (server.pid, *map(int, children))) / 1024


async def test_readers_that_take_nothing_are_dropped_and_others_are_unharmed(server: RunningServer) -> None:
    await asyncio.to_thread(server.start)
    key = server.create_key(reusable=True)
    stuck = [StuckNode(server.node_url) for _ in range(READERS)]
    flooders = [TestNode(server.node_url) for _ in range(FLOODERS)]
    speakers, well = [TestNode(server.node_url) for _ in range(SPEAKERS)], TestNode(server.node_url)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for number, node in enumerate([well, *stuck, *flooders, *speakers]):
            await stack.enter_async_context(node)
            assert await node.join(key, f"n{number}") is None
        floods = [group.create_task(flood(one, stuck[number::FLOODERS])) for number, one in enumerate(flooders)]
        turns = itertools.cycle(speakers)
        before = [await hear(next(turns), well) for _ in range(LOOKS)]  # beside readers that read all of it
        held = held_mib(server)
        for one in stuck:
            one.stall()
        began, during, most, gone = time.monotonic(), list[float](), 0.0, dict[str, float]()
        names = [f"n{number + 1}" for number in range(READERS)]
        while len(gone) < READERS:
            assert time.monotonic() - began < DROPPED_S + 60, "they were never dropped"
            during.append(await hear(next(turns), well))
            most = max(most, held_mib(server) - held)
            await asyncio.sleep(HEAR_EVERY_S)  # a rate, no wait for anything
            online = {name for name, one in (await asyncio.to_thread(server.members)).items() if one.online}
            assert "n0" in online
            gone |= {name: time.monotonic() - began for name in names if name not in gone and name not in online}
        for task in floods:
            task.cancel()
        bound = max(worst(before), TOO_SMALL_TO_MEASURE_S) * HEAR_AT_MOST
        figures.note(f"F20: p99 of news beside {READERS} that read nothing (before: {worst(before):.3f} s)",
                     worst(during), bound)  # fmt: skip
        figures.note("F20: memory for each that reads nothing", most / READERS, EACH_MIB, "MiB")
        figures.note("F20: the last that reads nothing was dropped after", max(gone.values()),
                     DROPPED_S + FILL_S)  # fmt: skip
        newest = Kind.RECORD, speakers[0].identity
        for one in stuck:
            missed = one.documents[newest]
            assert await one.resume() is None
            assert one.updates[0].full
            assert one.documents[newest] == well.documents[newest] != missed
            assert sum(update.full for update in one.updates) == 1
