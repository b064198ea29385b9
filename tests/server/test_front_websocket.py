"""WebSockets through the front: the handshake, the bytes, and who waits for whom."""

import asyncio
import contextlib
import hashlib
import resource
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.server.front_rig import HOST, PATIENCE_S, UPGRADE, Rig, Web, running_front, running_web, until
from websockets.asyncio.client import ClientConnection, connect

from warren.server.front import FrontLimits

SHORT_S = 0.4
PROVEN_S = 2.0  # in which this program says which one is proven
FLOOD_BYTES = 64 * 1024 * 1024
KERNEL_BYTES = 24 * 1024 * 1024  # far above what the kernel keeps in four sockets, far below the flood


def node(rig: Rig, path: str = "/node/v1") -> connect:
    """A WebSocket client as nodes are, to the front."""
    host, port = rig.place()
    return connect(f"ws://{HOST}{path}", host=host, port=port, max_size=None, proxy=None)


async def number_of(socket: ClientConnection) -> int:
    """The connection's number, which the application sends first."""
    async with asyncio.timeout(PATIENCE_S):
        return int(await socket.recv())


@contextlib.asynccontextmanager
async def raw_web(
    path: Path, talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
) -> AsyncIterator[None]:
    """A web part that agrees to every upgrade, then talks as it is told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_unix_server(serve, path, limit=64 * 1024)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


async def settled(value: Callable[[], int]) -> int:
    """Wait until a number stopped growing."""
    last = -1
    async with asyncio.timeout(PATIENCE_S):
        while last != (last := value()) or last == 0:  # noqa: ASYNC110 - what stands still fires no event
            await asyncio.sleep(0.3)
    return last


async def test_messages_pass_both_ways_and_compression_is_never_agreed(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        async with node(rig) as socket:
            rig.process.prove(await number_of(socket))
            assert socket.response is not None
            assert "Sec-WebSocket-Extensions" not in socket.response.headers
            for message in (b"", b"x", bytes(range(256)) * 4096):
                await socket.send(message)
                assert await socket.recv() == message
        await rig.until("connections_open", 0, most=0)
        counters = await rig.process.stats()
        assert counters["upgrades"] == 1
        assert counters["bytes_in"] > 1024 * 1024
        assert counters["bytes_out"] > 1024 * 1024


async def test_what_the_web_part_says_with_its_handshake_is_not_lost(tmp_path: Path) -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(5) == b"early"
        writer.write(b"got it")

    async with raw_web(tmp_path / "web.sock", listen), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        await wire.send(f"GET /node/v1 HTTP/1.1\r\nHost: {HOST}\r\n{UPGRADE}\r\nearly")
        answer = await wire.answer(bodiless=True)
        assert (answer.status, answer.headers["upgrade"], answer.headers["connection"]) == (101, "websocket", "upgrade")
        assert await wire.ended() == b"hellogot it"


async def test_an_upgraded_connection_that_proves_nothing_is_closed_and_a_proven_one_stays(tmp_path: Path) -> None:
    async with (
        running_web(tmp_path / "web.sock", Web()),
        running_front(tmp_path / "web.sock", FrontLimits(unproven_s=PROVEN_S)) as rig,
        node(rig) as stranger,
        node(rig) as member,
    ):
        rig.process.prove(await number_of(member))
        await number_of(stranger)
        async with asyncio.timeout(PATIENCE_S):
            await stranger.wait_closed()
        await member.send(b"still here")
        assert await member.recv() == b"still here"
        assert await rig.until("closed_unproven", 1) == 1
        assert await rig.until("connections_open", 1, most=1) == 1


async def test_a_client_that_does_not_read_holds_up_the_web_part_and_loses_nothing(tmp_path: Path) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        block = bytes(range(256)) * 256
        while sent < FLOOD_BYTES:
            writer.write(block)
            await writer.drain()
            sent += len(block)

    async with raw_web(tmp_path / "web.sock", flood), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect(receive_bytes=64 * 1024)
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a reader's transport has it
        await wire.send(f"GET /node/v1 HTTP/1.1\r\nHost: {HOST}\r\n{UPGRADE}\r\n")
        rig.process.prove(1)
        assert await settled(lambda: sent) < KERNEL_BYTES
        assert resident_bytes(rig) < 100 * 1024 * 1024
        wire.writer.transport.resume_reading()  # type: ignore[attr-defined]  # a reader's transport has it
        assert (await wire.answer(bodiless=True)).status == 101
        assert await wire.reader.readexactly(5) == b"hello"
        digest, count = hashlib.sha256(), 0
        async with asyncio.timeout(100):
            while block := await wire.reader.read(1024 * 1024):
                digest.update(block)
                count += len(block)
        assert count == FLOOD_BYTES
        assert digest.digest() == hashlib.sha256(bytes(range(256)) * (FLOOD_BYTES // 256)).digest()


async def test_a_web_part_that_does_not_read_holds_up_the_client_and_loses_nothing(tmp_path: Path) -> None:
    go_on, digest, count = asyncio.Event(), hashlib.sha256(), 0

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        await go_on.wait()
        while block := await reader.read(1024 * 1024):
            digest.update(block)
            count += len(block)

    async with raw_web(tmp_path / "web.sock", listen), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        await wire.send(f"GET /node/v1 HTTP/1.1\r\nHost: {HOST}\r\n{UPGRADE}\r\n")
        assert (await wire.answer(bodiless=True)).status == 101
        rig.process.prove(1)
        sent = 0

        async def flood() -> None:
            nonlocal sent
            block = bytes(range(256)) * 256
            while sent < FLOOD_BYTES:
                wire.writer.write(block)
                await wire.writer.drain()
                sent += len(block)
            wire.writer.write_eof()

        flooding = asyncio.create_task(flood())
        assert await settled(lambda: sent) < KERNEL_BYTES
        go_on.set()
        async with asyncio.timeout(100):
            await flooding
            assert await wire.ended() == b"hello"
        assert count == FLOOD_BYTES
        assert digest.digest() == hashlib.sha256(bytes(range(256)) * (FLOOD_BYTES // 256)).digest()


async def test_a_reader_that_takes_nothing_is_closed(tmp_path: Path) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(bytes(64 * 1024))
            await writer.drain()

    async with (
        raw_web(tmp_path / "web.sock", flood),
        running_front(tmp_path / "web.sock", FrontLimits(stall_s=SHORT_S)) as rig,
    ):
        wire = await rig.connect(receive_bytes=4096)
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a reader's transport has it
        await wire.send(f"GET /node/v1 HTTP/1.1\r\nHost: {HOST}\r\n{UPGRADE}\r\n")
        rig.process.prove(1)
        assert await rig.until("closed_stalled", 1) == 1
        assert await rig.until("connections_open", 0, most=0) == 0


async def test_when_the_front_stops_the_web_parts_goodbye_still_passes(tmp_path: Path) -> None:
    leave = asyncio.Event()

    async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await leave.wait()
        writer.write(b" and goodbye")

    async with raw_web(tmp_path / "web.sock", goodbye), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        await wire.send(f"GET /node/v1 HTTP/1.1\r\nHost: {HOST}\r\n{UPGRADE}\r\n")
        assert (await wire.answer(bodiless=True)).status == 101
        rig.process.prove(1)
        stopping = asyncio.create_task(rig.process.stop())
        await until(lambda: refuses(rig.place()))
        leave.set()
        assert await wire.ended() == b"hello and goodbye"
        await stopping


async def test_a_declined_upgrade_is_an_ordinary_answer(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        assert (await wire.get("/refused", extra=UPGRADE)).status == 403
        assert await wire.ended() == b""


async def test_an_idle_node_costs_a_few_kibibytes(tmp_path: Path) -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    many = 400
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8 * many)), hard))
    async with (
        raw_web(tmp_path / "web.sock", wait),
        running_front(tmp_path / "web.sock", FrontLimits(unproven_an_address_max=2 * many)) as rig,
    ):

        async def join(count: int) -> None:
            for _ in range(count):
                wire = await rig.connect()
                await wire.send(f"GET /node/v1 HTTP/1.1\r\nHost: {HOST}\r\n{UPGRADE}\r\n")
                assert (await wire.answer(bodiless=True)).status == 101
                rig.process.prove(len(rig.wires))

        await join(100)  # what the first ones need once is not counted
        before = resident_bytes(rig)
        await join(many)
        await rig.until("connections_unproven", 0, most=0)
        assert (resident_bytes(rig) - before) / many < 12 * 1024


def refuses(place: tuple[str, int]) -> bool:
    """Whether nobody listens there any more."""
    try:
        socket.create_connection(place, timeout=PATIENCE_S).close()
    except ConnectionRefusedError:
        return True
    return False


def resident_bytes(rig: Rig) -> int:
    """What the front's process holds in memory."""
    pages = Path(f"/proc/{rig.pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()
