"""Stands where a hostile relay would: between clients and relay, records all that it carries and does as told with it.

`python meddler.py PORT RELAY RELAY_PORT RECORD MODE` forwards UDP; the file RECORD gets every datagram, the file MODE
holds `carry`, `alter` (a byte in the middle of every payload is another, where neither the relay's tag nor WireGuard's
header is) or `repeat` (every payload comes three times). Runs on a host of the lab with the standard library alone.
"""

import asyncio
import sys
from pathlib import Path
from typing import cast

DATA = 0xD8  # first byte of a relay's data frame
HEADER = 20
EDGE = 16  # how much of a payload's ends the relay's tag covers


class Upstream(asyncio.DatagramProtocol):
    """Answers of the relay, to one client."""

    def __init__(self, meddler: "Meddler", client: tuple[str, int]) -> None:
        self.meddler, self.client = meddler, client

    def datagram_received(self, data: bytes, _addr: object) -> None:
        for one in self.meddler.meddle(data):
            self.meddler.transport.sendto(one, self.client)


class Meddler(asyncio.DatagramProtocol):
    """The clients' side; a socket towards the relay for each client."""

    transport: asyncio.DatagramTransport

    def __init__(self, relay: tuple[str, int], record: Path, mode: Path) -> None:
        self.relay, self.mode = relay, mode
        self.record = record.open("ab", buffering=0)
        self.upstream: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self.waiting: dict[tuple[str, int], list[bytes]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr not in self.upstream:
            self.waiting.setdefault(addr, []).append(data)
            if len(self.waiting[addr]) == 1:
                task = asyncio.get_running_loop().create_task(self.open(addr))
                task.add_done_callback(lambda done: done.result())
            return
        for one in self.meddle(data):
            self.upstream[addr].sendto(one)

    async def open(self, client: tuple[str, int]) -> None:
        """A socket for this client."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Upstream(self, client), remote_addr=self.relay)
        self.upstream[client] = transport
        for data in self.waiting.pop(client):
            for one in self.meddle(data):
                transport.sendto(one)

    def meddle(self, data: bytes) -> list[bytes]:
        """Record it, and what becomes of it."""
        self.record.write(data)
        mode = self.mode.read_text().strip()
        if data[0] != DATA or len(data) < HEADER + 2 * EDGE + 1 or mode == "carry":
            return [data]
        if mode == "repeat":
            return [data] * 3
        altered = bytearray(data)
        altered[HEADER + EDGE] = (altered[HEADER + EDGE] + 1) % 256  # a payload passes here twice
        return [bytes(altered)]


async def main() -> None:
    """Serve for ever."""
    port, relay, relay_port, record, mode = sys.argv[1:]
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(
        lambda: Meddler((relay, int(relay_port)), Path(record), Path(mode)),
        local_addr=("0.0.0.0", int(port)),  # noqa: S104 - a host of the lab
    )
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
