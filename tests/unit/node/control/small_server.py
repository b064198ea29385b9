"""A server of a few lines, to be wrong in the ways that a node has to notice. The protocol's own machine speaks."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from tests.unit.trust.founding import Network
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from warren.errors import Code
from warren.node.control.place import ServerPlace, parse_server
from warren.protocol.control.events import Greeted, JoinWanted, LeaveWanted, RecordPublished, ResumeWanted, SignalWanted
from warren.protocol.control.messages import MapUpdate
from warren.protocol.control.server_role import ServerSession
from warren.trust.ed25519 import is_signed


class SmallServer:
    """Admits everybody unless told otherwise; keeps what it was sent."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.key = network.key("server")
        self.place: ServerPlace = parse_server("http://127.0.0.1:1")
        self.refusal: Code | None = None
        self.http_status: int | None = None
        self.http_requests = 0
        self.http_headers = Headers({"Retry-After": "7"})
        self.maps: list[MapUpdate] = []
        self.greetings: list[Greeted] = []
        self.joins: list[JoinWanted] = []
        self.resumes: list[bytes] = []
        self.published: list[bytes] = []
        self.signals: list[tuple[bytes, bytes]] = []
        self.sessions: list[ServerSession] = []
        self.changed = asyncio.Event()
        self._sockets: list[ServerConnection] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["SmallServer"]:
        async with serve(self._handle, "127.0.0.1", 0, process_request=self._http, compression=None) as listening:
            port = next(iter(listening.sockets)).getsockname()[1]
            self.place = parse_server(f"http://127.0.0.1:{port}")
            yield self

    async def until(self, condition: Callable[[], object], within_s: float = 5.0) -> None:
        """Wait for something that a node does here."""
        async with asyncio.timeout(within_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def drop(self) -> None:
        """Cut every connection without a word."""
        for socket in self._sockets:
            socket.transport.abort()

    async def say(self, frame: bytes) -> None:
        """Send a frame of the test's to every node, and end the sessions that it ends."""
        for socket in self._sockets:
            with contextlib.suppress(ConnectionClosed):
                await socket.send(frame)

    def _http(self, _socket: ServerConnection, _request: Request) -> Response | None:
        self.http_requests += 1
        if self.http_status is None:
            return None
        return Response(self.http_status, HTTPStatus(self.http_status).phrase, self.http_headers, b"")

    async def _handle(self, socket: ServerConnection) -> None:
        session = ServerSession(server_key=self.key.public, sign=self.key.sign, verify=is_signed, now=time.monotonic())
        self.sessions.append(session)
        self._sockets.append(socket)
        try:
            async for frame in socket:
                assert isinstance(frame, bytes)
                session.handle_bytes(frame, time.monotonic())
                while (event := session.poll_event()) is not None:
                    self._answer(session, event)
                while (out := session.poll_transmit()) is not None:
                    await socket.send(out)
                self.changed.set()
                if session.is_closed:
                    break
        except ConnectionClosed:
            return

    def _answer(self, session: ServerSession, event: object) -> None:
        now = time.monotonic()
        match event:
            case Greeted():
                self.greetings.append(event)
                session.challenge(
                    network=self.network.id, genesis=self.network.genesis_bytes, nonce=os.urandom(32), now=now
                )
            case ResumeWanted():
                self.resumes.append(event.identity)
                self._admit(session, now)
            case JoinWanted():
                self.joins.append(event)
                self._admit(session, now)
            case RecordPublished():
                self.published.append(event.document)
                session.done(event.id)
            case LeaveWanted():
                session.failed(event.id, Code.BUSY, "not now", "do something")
            case SignalWanted():
                self.signals.append((event.to, event.sealed))
            case _:
                pass

    def _admit(self, session: ServerSession, now: float) -> None:
        if self.refusal is not None:
            session.refuse(self.refusal, "refused by the test", fix="do something")
            return
        session.admit(self.network.member("me").raw, now)
        waiting = list(self.maps)
        session.stream(lambda told: waiting.pop(0) if waiting and told >= 0 else None)
