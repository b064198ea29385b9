"""One HTTP request to a gateway, and nothing a stranger could do with its answer (RFC 9112, framing by h11).

Decides the limits: the connection goes to the gateway's own address whatever its description says, the answer has
PORTMAP_HTTP_MAX_BYTES at most and PORTMAP_ANSWER_MAX_S to arrive, and a redirect is an answer like any other, so it is
never followed. Must not know what is asked.
"""

import asyncio
from collections.abc import Iterator

import h11

from warren.limits import PORTMAP_ANSWER_MAX_S, PORTMAP_HTTP_MAX_BYTES
from warren.node.paths.portmap.client import Gateway, HttpAnswer, HttpRequest

_READ_BYTES = 16 * 1024


async def fetch(gateway: Gateway, request: HttpRequest) -> HttpAnswer | None:
    """The answer; None where none came in time, or one that is no HTTP or too long."""
    try:
        async with asyncio.timeout(PORTMAP_ANSWER_MAX_S):
            return await _fetch(gateway, request)
    except (OSError, TimeoutError, h11.ProtocolError, UnicodeError):
        return None


async def _fetch(gateway: Gateway, request: HttpRequest) -> HttpAnswer | None:
    address, source = _text(gateway, gateway.address), str(gateway.source)
    reader, writer = await asyncio.open_connection(address, request.port, local_addr=(source, 0), limit=_READ_BYTES)
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_READ_BYTES)
        writer.write(b"".join(_said(connection, gateway, request)))
        await writer.drain()
        return await _read(connection, reader)
    finally:
        writer.close()


def _said(connection: h11.Connection, gateway: Gateway, request: HttpRequest) -> Iterator[bytes]:
    host = f"[{gateway.address}]" if gateway.address.version == 6 else str(gateway.address)
    headers = [("Host", f"{host}:{request.port}"), ("Connection", "close")]
    if request.action:
        headers += [
            ("Content-Type", 'text/xml; charset="utf-8"'),
            ("SOAPACTION", request.action),
            ("Content-Length", str(len(request.body))),
        ]
    method = "POST" if request.action else "GET"
    yield connection.send(h11.Request(method=method, target=request.path, headers=headers)) or b""
    if request.body:
        yield connection.send(h11.Data(data=request.body)) or b""
    yield connection.send(h11.EndOfMessage()) or b""


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> HttpAnswer | None:
    status, body = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > PORTMAP_HTTP_MAX_BYTES:
                return None
        elif isinstance(event, h11.EndOfMessage):
            return HttpAnswer(status, bytes(body))
        elif not isinstance(event, h11.InformationalResponse):
            return None  # closed, or paused by a switch of protocols that nobody asked for


def _text(gateway: Gateway, address: object) -> str:
    return f"{address}%{gateway.scope}" if str(address).startswith("fe80") else str(address)
