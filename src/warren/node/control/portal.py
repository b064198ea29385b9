"""Asks the server's `/health` without following anything, to see whether somebody else answers in its place.

Decides limits only: one request within the time given, PORTAL_ANSWER_MAX_BYTES of the answer, and while the server is
away one look in PORTAL_LOOK_S, so that the end of a sign-in is seen too. What an answer means is
`protocol.rest.portal`'s. The certificate is not checked: whoever shows a sign-in page has none, and nothing is sent.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable

import h11

from warren.limits import PORTAL_ANSWER_MAX_BYTES, PORTAL_LOOK_S
from warren.node.control.place import ServerPlace
from warren.protocol.rest.portal import HEALTH_PATH, is_portal

_READ_BYTES = 4096


async def look_for_portal(place: ServerPlace, within_s: float) -> bool | None:
    """Whether a sign-in page answers for the server; None where nobody answers at all, and where the way there is a
    proxy: what answers beside it is no sign-in page that stands in the way."""
    if place.proxy:
        return None
    try:
        async with asyncio.timeout(within_s):
            return await _look(place)
    except (OSError, TimeoutError, h11.ProtocolError, UnicodeError):
        return None


async def watch_portal(place: ServerPlace, is_away: Callable[[], bool], on_change: Callable[[bool], None]) -> None:
    """Look while the server is away, until cancelled; `on_change` hears of a sign-in page that comes or goes."""
    suspected = False
    while True:
        await asyncio.sleep(PORTAL_LOOK_S)
        if not is_away() and not suspected:
            continue
        found = await look_for_portal(place, PORTAL_LOOK_S) if is_away() else False
        if found is not None and found != suspected:
            suspected = found
            on_change(suspected)


async def _look(place: ServerPlace) -> bool | None:
    context = None
    if place.secure:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(place.host, place.port, ssl=context)
    try:
        connection = h11.Connection(h11.CLIENT)
        host = f"[{place.host}]" if ":" in place.host else place.host
        headers = [("Host", f"{host}:{place.port}"), ("Connection", "close")]
        request = connection.send(h11.Request(method="GET", target=HEALTH_PATH, headers=headers))
        writer.write((request or b"") + (connection.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        return await _read(place, connection, reader)
    finally:
        with contextlib.suppress(OSError):
            writer.close()


async def _read(place: ServerPlace, connection: h11.Connection, reader: asyncio.StreamReader) -> bool | None:
    answer: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            answer = event
        elif isinstance(event, h11.Data) and len(body) < PORTAL_ANSWER_MAX_BYTES:
            body += event.data
        elif not isinstance(event, h11.InformationalResponse):
            break
    if answer is None:
        return None
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
    return is_portal(
        place.host, answer.status_code, fields.get("location", ""), fields.get("content-type", ""), bytes(body)
    )
