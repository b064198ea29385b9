"""A real front process before a real uvicorn, and sockets to try it with: what the tests of the front stand on."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from warren.server.front import FrontLimits, FrontProcess, FrontSettings

HOST = "vpn.test"
AS_SHIPPED = FrontLimits()
UPGRADE = (
    "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
PATIENCE_S = 60.0  # no wait of a test is longer; the machine may be busy with other tests

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something outside this program holds; there is no event to wait for."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


async def stand_still(pid: int) -> None:
    """Stop a process with SIGSTOP. A thread of it that runs at this moment goes on for a while and would answer."""
    os.kill(pid, signal.SIGSTOP)
    threads = Path(f"/proc/{pid}/task")
    await until(lambda: all("State:\tT" in (one / "status").read_text() for one in threads.iterdir()))


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The stable code of a problem."""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(json.loads(self.body)["code"])

    @property
    def echoed(self) -> dict[str, Any]:
        """What the web part saw."""
        seen: dict[str, Any] = json.loads(self.body)
        return seen


@dataclass(slots=True)
class Wire:
    """One client connection, in raw bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, text: str | bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(text.encode("latin-1") if isinstance(text, str) else text)
        async with asyncio.timeout(PATIENCE_S):
            await self.writer.drain()

    async def answer(self, *, bodiless: bool = False) -> Answer:
        """Read one answer. Raises IncompleteReadError where the connection ends without one."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = b"" if bodiless else await self._body(headers)
        return Answer(int(status.split(" ")[1]), headers, body)

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers.get("content-length", 0)))
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()
        return body

    async def get(self, path: str = "/", *, host: str = HOST, extra: str = "") -> Answer:
        """Send a plain request and read its answer."""
        await self.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n")
        return await self.answer()

    async def ended(self) -> bytes:
        """Wait until the front closed the connection; return what it said before."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def close(self) -> None:
        """End our side."""
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


@dataclass(slots=True)
class Web:
    """An ASGI application that says what it saw, and remembers it."""

    seen: list[str] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request or WebSocket."""
        self.seen.append(scope["path"])
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"] == "/wait":
            released = asyncio.create_task(self.release.wait())
            gone = asyncio.ensure_future(receive())
            done, rest = await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
            for task in rest:
                task.cancel()
            if gone in done:
                self.cancelled.set()
                return
        if scope["path"] == "/large":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(64):
                await send({"type": "http.response.body", "body": bytes(64 * 1024), "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        seen = {
            "method": scope["method"],
            "target": scope["raw_path"].decode()
            + ("?" + scope["query_string"].decode() if scope["query_string"] else ""),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
            "body": len(body),
        }
        answer = json.dumps(seen).encode()
        headers = [(b"content-length", str(len(answer)).encode()), (b"keep-alive", b"9"), (b"x-answer", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    @staticmethod
    async def _websocket(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        if scope["path"] == "/refused":
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        await send({"type": "websocket.send", "bytes": headers["x-warren-connection"].encode()})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "bytes": message["bytes"]})


@dataclass(slots=True)
class Rig:
    """A front that runs, and its clients."""

    process: FrontProcess
    addresses: tuple[str, ...]
    wires: list[Wire] = field(default_factory=list)

    def place(self, index: int = 0) -> tuple[str, int]:
        """Where it listens."""
        host, _, port = self.addresses[index].rpartition(":")
        return host.strip("[]"), int(port)

    async def connect(self, *, tls: ssl.SSLContext | None = None, receive_bytes: int = 0, source: str = "") -> Wire:
        """Open a client connection; `receive_bytes` makes a small receive buffer, `source` is where it is from."""
        raw = socket.socket(socket.AF_INET6 if ":" in self.place()[0] else socket.AF_INET)
        raw.setblocking(False)  # noqa: FBT003 - socket's own signature
        if receive_bytes:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if source:
            raw.bind((source, 0))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.get_running_loop().sock_connect(raw, self.place())
                reader, writer = await asyncio.open_connection(
                    sock=raw, ssl=tls, server_hostname=HOST if tls else None, limit=4 * 1024 * 1024
                )
        except OSError:
            raw.close()
            raise
        wire = Wire(reader, writer)
        self.wires.append(wire)
        return wire

    @property
    def pid(self) -> int:
        """The process id of the front that runs."""
        assert self.process._child is not None
        return self.process._child._process.pid

    async def until(self, name: str, least: int, *, most: int | None = None) -> int:
        """Wait until a counter of the front is within bounds, and return it."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                value = (await self.process.stats())[name]
                if value >= least and (most is None or value <= most):
                    return value
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running_front(
    web_socket: Path,
    limits: FrontLimits = AS_SHIPPED,
    *,
    certificate: tuple[Path, Path] | None = None,
    listen: str = "127.0.0.1:0",
) -> AsyncIterator[Rig]:
    """Run a front before the socket; `certificate` are the paths of chain and key."""
    settings = FrontSettings(
        listen=(listen,),
        hosts=(HOST,),
        web_socket=str(web_socket),
        certificate=str(certificate[0]) if certificate else "",
        private_key=str(certificate[1]) if certificate else "",
        limits=limits,
    )
    process = FrontProcess(settings)
    rig = Rig(process, await process.start())
    async with asyncio.TaskGroup() as group:
        group.create_task(process.run())
        try:
            yield rig
        finally:
            for wire in rig.wires:
                await wire.close()
            await process.stop()


@contextlib.asynccontextmanager
async def running_web(path: Path, web: Web) -> AsyncIterator[Web]:
    """Run the application on uvicorn behind a unix socket, as the server runs its own."""
    config = uvicorn.Config(
        web,
        uds=str(path),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        try:
            await until(lambda: server.started or serving.done())
            yield web
        finally:
            web.release.set()
            server.should_exit = True
