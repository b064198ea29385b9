"""F20: strangers and callers that send a byte a second: cut in time, others unharmed (readers: test_slow_readers)."""

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import figures
from tests.netlab.until import until
from tests.server.node import TestNode
from tests.server.running import RunningServer

from warren.client.local import LocalClient
from warren.limits import FRONT_HEAD_S, FRONT_UNPROVEN_S, LOCAL_REQUEST_MAX_S

SLACK_S = 3.0  # for a deadline on a loaded machine
MANY = 40
SPEAKERS = 12  # in turn: one member's record changes so often and no more
HEAR_AT_MOST = 2.0  # times what it took before, at the 99th percentile
TOO_SMALL_TO_MEASURE_S = 0.05

HEAD = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-filler: " + b"a" * 200
UPGRADE = (
    b"GET /node/v1 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def trickle(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], first: bytes, rest: bytes) -> float:
    """Send `first` at once and `rest` a byte a second, until the other side ends it; how long that took."""
    reader, writer = connection
    began = time.monotonic()
    writer.write(first)
    ended = asyncio.create_task(_until_end(reader))
    for place in range(len(rest)):
        try:
            writer.write(rest[place : place + 1])
            await writer.drain()
        except OSError:
            break
        done, _ = await asyncio.wait((ended,), timeout=1.0)
        if done:
            break
    await ended
    writer.transport.abort()
    return time.monotonic() - began


async def _until_end(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(4096):
            pass
    except OSError:
        return


async def hear(speaker: TestNode, listener: TestNode) -> float:
    """How long news of one node take to the other."""
    heard = len(listener.updates)
    began = time.monotonic()
    speaker.wireguard = os.urandom(32)
    assert (await speaker.publish(speaker.record())).code == ""
    await listener.until(lambda: len(listener.updates) > heard)
    return time.monotonic() - began


def worst(times: list[float]) -> float:
    """The 99th percentile."""
    return sorted(times)[int(len(times) * 0.99)]


@pytest.fixture
def idle_daemon(tmp_path: Path) -> Iterator[Path]:
    """A daemon that is in no network; its socket."""
    socket = tmp_path / "run" / "s"
    words = [sys.executable, "-m", "warren", "daemon", "--state", str(tmp_path / "state"), "--socket", str(socket)]
    with (tmp_path / "daemon.log").open("wb") as log, subprocess.Popen(words, stderr=log) as process:
        until(LocalClient(socket).is_answering, "the daemon answers")
        yield socket
        process.terminate()
        process.wait(60)


async def test_slow_strangers_and_callers_are_cut_and_others_are_served_as_before(
    server: RunningServer, idle_daemon: Path
) -> None:
    """At once, since all of it is waiting."""
    async with asyncio.TaskGroup() as group:
        group.create_task(slow_strangers(server))
        group.create_task(slow_callers(idle_daemon))


async def slow_strangers(server: RunningServer) -> None:
    """Of the server: heads and messages at a byte a second, while nodes exchange news."""
    await asyncio.to_thread(server.start)
    key = server.create_key(reusable=True)
    async with contextlib.AsyncExitStack() as stack:
        speakers = [await stack.enter_async_context(TestNode(server.node_url)) for _ in range(SPEAKERS)]
        listener = await stack.enter_async_context(TestNode(server.node_url))
        for number, speaker in enumerate(speakers):
            assert await speaker.join(key, f"speaker{number}") is None
        assert await listener.join(key, "listener") is None
        turns = itertools.cycle(speakers)
        before = [await hear(next(turns), listener) for _ in range(40)]
        slow = [
            asyncio.create_task(trickle(await asyncio.open_connection("127.0.0.1", server.port), *words))
            for words in [(b"", HEAD), (UPGRADE % server.port, b"\x82\xfe\x0f\xff" + b"a" * 200)] * MANY
        ]
        during = []
        while not all(task.done() for task in slow):
            during.append(await hear(next(turns), listener))
            await asyncio.sleep(0.05)
        lived = [await task for task in slow]
    figures.note("F20: a head at a byte a second was cut after", max(lived[::2]), FRONT_HEAD_S + SLACK_S)
    figures.note(
        "F20: a stranger's message at a byte a second was cut after", max(lived[1::2]), FRONT_UNPROVEN_S + SLACK_S
    )
    bound = max(worst(before), TOO_SMALL_TO_MEASURE_S) * HEAR_AT_MOST
    figures.note(f"F20: p99 of news beside {2 * MANY} slow ones (before: {worst(before):.3f} s)", worst(during), bound)


async def slow_callers(idle_daemon: Path) -> None:
    """Of the daemon's socket."""
    words = b"GET /v1/status HTTP/1.1\r\nhost: localhost\r\nx-filler: " + b"a" * 100
    slow = [
        asyncio.create_task(trickle(await asyncio.open_unix_connection(str(idle_daemon)), b"", words))
        for _ in range(figures.times(20, 40))
    ]
    slowest = figures.Slowest("F20: an answer of the daemon beside slow callers", 0.5)
    while not all(task.done() for task in slow):
        with slowest.measure():
            assert await asyncio.to_thread(LocalClient(idle_daemon).is_answering)
        await asyncio.sleep(0.2)
    figures.note(
        "F20: a slow call to the daemon was cut after", max([await one for one in slow]), LOCAL_REQUEST_MAX_S + SLACK_S
    )
    slowest.close()
