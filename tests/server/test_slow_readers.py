"""A node that reads nothing harms nobody: it is dropped, the others hear in time."""

import asyncio
import itertools
import os
import socket
import time
from urllib.parse import urlsplit

from tests.faults import figures
from tests.server.node import TestNode
from tests.server.running import RunningServer, wait_until
from websockets.asyncio.client import ClientConnection, connect

from warren.limits import SESSION_FROM_SERVER_MAX_BYTES, SESSION_WRITE_MAX_S


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


def memory_kib(pid: int) -> int:
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123  # a line of the kernel's, read once
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


async def test_a_reader_that_takes_nothing_is_dropped_and_others_are_unharmed(server: RunningServer) -> None:
    key = server.create_key(reusable=True)
    async with (
        StuckNode(server.node_url) as stuck,
        TestNode(server.node_url) as flooder,
        TestNode(server.node_url) as well,
    ):
        for name, node in (("stuck", stuck), ("flooder", flooder), ("well", well)):
            assert await node.join(key, name) is None
        before = memory_kib(server.pid)
        stuck.stall()
        deadline = time.monotonic() + SESSION_WRITE_MAX_S + 60
        slowest = 0.0
        for turn in itertools.count():
            if not server.members()["stuck"].online:
                break
            assert time.monotonic() < deadline, "the stuck node was never dropped"
            for _ in range(20):
                await flooder.signal(stuck.identity, os.urandom(4000))
            await asyncio.sleep(0.3)
            if turn % 6:  # a member's record does not change as often as signals come
                continue
            began = time.monotonic()
            heard = len(well.updates)
            flooder.wireguard = os.urandom(32)
            assert (await flooder.publish(flooder.record())).code == ""
            await well.until(lambda heard=heard: len(well.updates) > heard)  # type: ignore[misc]
            slowest = max(slowest, time.monotonic() - began)
        figures.note("F20: news beside a node that reads nothing", slowest, 2.0)
        assert memory_kib(server.pid) - before < 16 * 1024
        assert server.members()["well"].online
    wait_until(lambda: not any(member.online for member in server.members().values()))
