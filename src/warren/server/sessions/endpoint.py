"""`/node/v1`: from an ASGI WebSocket to a session.

Decides what of a handshake is refused before a session exists. Must not know the protocol. The front's header says
which of its connections this is; clients cannot set it, since the front strips it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from warren.limits import HTTP_DRAIN_S
from warren.log import Log
from warren.model.keys import SigningKeyPair
from warren.protocol.control.server_role import ServerSession
from warren.server.metrics import Metrics
from warren.server.serving import LINE_EXTENSION, NodeSocket, Receive, Scope, Send
from warren.server.sessions.admission import Admission
from warren.server.sessions.connection import Connection, Line
from warren.server.sessions.hub import Hub
from warren.trust.ed25519 import is_signed

PATH = "/node/v1"
CONNECTION_HEADER = b"x-warren-connection"
NUMBER_MAX_DIGITS = 20  # an unsigned 64-bit number

log = Log("sessions")


@dataclass(frozen=True, slots=True)
class NodeEndpoint:
    """The ASGI application of node sessions. `prove`: tell the front that a connection has proved a key."""

    admission: Admission
    hub: Hub
    metrics: Metrics
    server_key: SigningKeyPair
    now: Callable[[], float]
    prove: Callable[[int], None]
    _sessions: set[asyncio.Task[Any]] = field(default_factory=set, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket. Never raises for what a node does."""
        if scope["type"] != "websocket":
            await _refuse_http(send, 426, b"this path speaks WebSocket")
            return
        await receive()  # websocket.connect
        if self.hub.is_full:
            await _refuse_websocket(send, 503)
            return
        await send({"type": "websocket.accept"})
        socket: NodeSocket = scope["extensions"][LINE_EXTENSION]
        machine = ServerSession(
            server_key=self.server_key.public, sign=self.server_key.sign, verify=is_signed, now=self.now()
        )
        line = self._line(scope, socket, receive, send)
        if session := asyncio.current_task():
            self._sessions.add(session)
            session.add_done_callback(self._sessions.discard)
        try:
            await Connection(line, machine, self.admission, self.hub, self.metrics).run()
        except asyncio.CancelledError:  # by `drain`, or by uvicorn's own end: nobody is left to answer
            socket.abort()
        except Exception as error:  # noqa: BLE001 - the root of this connection's tasks: others live on
            log.bug("a session's task failed", error)
            socket.abort()

    async def drain(self) -> None:
        """The server stops: what sessions are in the middle of gets HTTP_DRAIN_S, then they go without an answer."""
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=HTTP_DRAIN_S)
        for session in list(self._sessions):
            session.cancel()

    def _line(self, scope: Scope, socket: NodeSocket, receive: Receive, send: Send) -> Line:
        number = _connection_number(scope)

        async def next_message() -> bytes | None:
            event = await receive()
            if event["type"] != "websocket.receive":
                return None
            data = event.get("bytes")
            return data if data is not None else b""  # text is no message of ours; an empty one is refused as such

        async def send_message(frame: bytes) -> None:
            await send({"type": "websocket.send", "bytes": frame})

        async def close() -> None:
            await send({"type": "websocket.close", "code": 1000})

        def proven() -> None:
            socket.lift_limit()
            if number is not None:
                self.prove(number)

        return Line(
            receive=next_message,
            ready=socket.writable.wait,
            send=send_message,
            close=close,
            abort=socket.abort,
            proven=proven,
        )


def _connection_number(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == CONNECTION_HEADER and value.isdigit() and len(value) <= NUMBER_MAX_DIGITS:
            return int(value)
    return None


async def _refuse_http(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"upgrade", b"websocket")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


async def _refuse_websocket(send: Send, status: int) -> None:
    await send({"type": "websocket.http.response.start", "status": status, "headers": [(b"retry-after", b"5")]})
    await send({"type": "websocket.http.response.body", "body": b""})
