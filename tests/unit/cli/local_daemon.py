"""The daemon's real API shell with answers of the test's own, on a thread; and an ending server of raw bytes."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from warren.node.api.http import Handler, LocalApi
from warren.protocol.local.rights import Right

START_S = 10.0


@contextlib.contextmanager
def daemon(path: Path, routes: Mapping[tuple[str, str], Handler], right: Right = Right.ROOT) -> Iterator[None]:
    """Serve the routes on the socket until the block ends."""
    started, ending = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        api = LocalApi(path, routes, lambda _caller: right)
        await api.open()
        loops.append(asyncio.get_running_loop())
        started.set()
        await ending.wait()
        await api.close(within_s=1.0)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(START_S)
    try:
        yield
    finally:
        loops[0].call_soon_threadsafe(ending.set)
        thread.join(START_S)


@contextlib.contextmanager
def raw_server(path: Path, answer: bytes) -> Iterator[None]:
    """Answer each connection with these bytes, whatever it asks, and close."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(START_S)
