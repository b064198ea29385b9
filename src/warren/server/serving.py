"""uvicorn on unix sockets (and one TCP port for metrics), as this server needs it.

Decides socket modes, that an idle server wakes up for nothing, and what a stranger's WebSocket message may weigh. Must
not know routes. uvicorn has no deadline for receiving a request: the front has (SECURITY.md rule 19); behind the admin
socket sits the owner of the data folder only.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from warren.errors import Code, WarrenError
from warren.limits import HTTP_DRAIN_S, REQUEST_HEAD_MAX_BYTES, SESSION_FROM_NODE_MAX_BYTES, UNPROVEN_MAX_BYTES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LINE_EXTENSION = "warren.line"
"""Where a WebSocket's scope holds its `NodeSocket`."""


class NodeSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose first messages may be small only, and that can be dropped without waiting for its reader."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limit(UNPROVEN_MAX_BYTES)

    def lift_limit(self) -> None:
        """The node has proved a key: its messages may have the protocol's full size."""
        self._limit(SESSION_FROM_NODE_MAX_BYTES)

    def abort(self) -> None:
        """Drop the connection; what waits to be sent is lost."""
        self.transport.abort()

    async def run_asgi(self) -> None:
        """Run the application, with this socket where it finds it."""
        self.scope["extensions"][LINE_EXTENSION] = self  # type: ignore[assignment]
        await super().run_asgi()

    def _limit(self, message_bytes: int) -> None:
        self.conn.max_message_size = message_bytes
        self.conn.max_fragment_size = message_bytes


class RequestParser(h11.Connection):
    """A parser whose refusals end with what was refused.

    h11 raises a refusal from a frame that holds it: a cycle, which keeps every frame up to the event loop, and in them
    what a stranger sent, until garbage is looked for.
    """

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As h11's. Raises h11.RemoteProtocolError."""
        try:
            return super().next_event()
        except h11.RemoteProtocolError as error:
            raise error.with_traceback(None)  # noqa: B904 - it is the same one


class RequestSocket(H11Protocol):
    """An HTTP connection with that parser."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = RequestParser(h11.SERVER, REQUEST_HEAD_MAX_BYTES)


class Listener:
    """One application on one bound socket."""

    def __init__(self, application: Application, bound: socket.socket) -> None:
        config = uvicorn.Config(
            application,
            http=RequestSocket,
            ws=NodeSocket,
            ws_per_message_deflate=False,  # SECURITY.md rule 38
            ws_ping_interval=None,  # the session's own pings find dead lines, on both sides
            ws_ping_timeout=None,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=round(HTTP_DRAIN_S),
        )
        config.load()
        self._bound = bound
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)

    async def start(self) -> None:
        """Accept connections from here on. uvicorn's own main loop, a poll every 0.1 s, is not needed."""
        await self._server.startup(sockets=[self._bound])

    async def stop(self) -> None:
        """Stop accepting, let requests end within HTTP_DRAIN_S, close everything."""
        async with asyncio.timeout(HTTP_DRAIN_S * 2):
            await self._server.shutdown(sockets=[self._bound])


def bind_unix(path: Path) -> socket.socket:
    """A listening unix socket that its owner alone may connect to. Raises WarrenError LISTEN_FAILED.

    The caller holds the data folder's lock, so a socket file that is there belongs to a server that is gone.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            bound.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        bound.close()
        raise WarrenError(
            Code.LISTEN_FAILED,
            f"{path} cannot be bound: {error.strerror or error}",
            "choose a --data folder with a shorter path",
        ) from error
    return bound


def bind_tcp(host: str, port: int) -> socket.socket:
    """A TCP socket for --metrics-listen. Raises WarrenError LISTEN_FAILED."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise WarrenError(
            Code.LISTEN_FAILED, f"{host}:{port} cannot be bound: {error.strerror}", "choose another --metrics-listen"
        ) from error
