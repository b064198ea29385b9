"""The WebSocket that a node opens, as a server sees it: no compression asked for or taken, frames bounded (rule 38)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from warren.errors import Code
from warren.limits import SESSION_FROM_SERVER_MAX_BYTES
from warren.node.control.connection import UnreachableError, open_connection
from warren.node.control.place import ServerPlace, parse_server
from warren.protocol.control.events import Closed

HEADER = "Sec-WebSocket-Extensions"
PATIENCE_S = 10.0


class Offering:
    """A server that would compress, keeps the requests and the connections, and says what it is told to say."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.extensions: list[list[str]] = []
        self.forced = ""  # agreed to though nobody asked
        self.frame = b""
        self.close_code: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ServerPlace]:
        async with serve(
            self._handle,
            "127.0.0.1",
            0,
            compression="deflate",
            process_request=self._keep,
            process_response=self._agree,
        ) as listening:
            yield parse_server(f"http://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}")

    def _keep(self, _socket: ServerConnection, request: Request) -> None:
        self.requests.append(request)

    def _agree(self, _socket: ServerConnection, _request: Request, response: Response) -> Response:
        if self.forced:
            response.headers[HEADER] = self.forced
        return response

    async def _handle(self, socket: ServerConnection) -> None:
        self.extensions.append([str(one.name) for one in socket.protocol.extensions])
        try:
            await socket.recv()  # its hello
            await socket.send(self.frame)
            await socket.recv()
        except ConnectionClosed:
            self.close_code.set_result(socket.close_code)


async def test_a_node_asks_for_no_compression_though_the_server_has_it() -> None:
    server = Offering()
    async with asyncio.timeout(PATIENCE_S), server.serving() as place:
        connection = await open_connection(place)
        connection.abort()
    assert [request.headers.get_all(HEADER) for request in server.requests] == [[]]
    assert server.extensions in ([], [[]])


async def test_compression_that_nobody_asked_for_is_refused() -> None:
    server = Offering()
    server.forced = "permessage-deflate"
    async with asyncio.timeout(PATIENCE_S), server.serving() as place:
        with pytest.raises(UnreachableError):
            await open_connection(place)
    assert len(server.requests) == 1


async def test_a_frame_over_the_limit_ends_the_session_before_it_is_parsed() -> None:
    server = Offering()
    server.frame = bytes(SESSION_FROM_SERVER_MAX_BYTES + 1)
    async with asyncio.timeout(PATIENCE_S), server.serving() as place:
        connection = await open_connection(place)
        event = await connection.event()
        assert isinstance(event, Closed)
        assert event.code == Code.SERVER_UNREACHABLE
        assert await server.close_code == 1009  # RFC 6455, 7.4.1: too big
        connection.abort()
