"""The shell of the local API: HTTP/1.1 (RFC 9112, by h11) on a unix socket, one request a connection.

Decides framing, limits and deadlines: at most LOCAL_CONNECTIONS_MAX at once, fewer of who may
only read (a user without rights shuts nobody out), head and body bounded, the request whole
within LOCAL_REQUEST_MAX_S, an answer that nobody reads cut after LOCAL_WRITE_MAX_S. Every request is checked against
the table of `protocol.local.rights` with the kernel's word for who calls. A request with `Origin` or a browser's fetch
headers is refused: no web page has business here. Must not know what a method does: handlers get a `Request` and a
`Reply` and raise WarrenError, which becomes a problem (before the stream) or the stream's last line.
"""

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import h11
import msgspec

from warren.errors import Code, WarrenError
from warren.limits import (
    LOCAL_BODY_MAX_BYTES,
    LOCAL_CONNECTIONS_MAX,
    LOCAL_HEAD_MAX_BYTES,
    LOCAL_READERS_A_USER_MAX,
    LOCAL_READERS_MAX,
    LOCAL_REQUEST_MAX_S,
    LOCAL_WRITE_MAX_S,
)
from warren.log import Log
from warren.node.api.caller import Caller, caller_of
from warren.protocol.local.rights import NEEDED, Right
from warren.protocol.local.stream import Broken, Line
from warren.protocol.rest.problem import MEDIA_TYPE, problem_of

T = TypeVar("T", bound=msgspec.Struct)

_FROM_BROWSERS = frozenset({b"origin", b"sec-fetch-site", b"sec-fetch-mode"})
_HOSTS = frozenset({b"localhost", b"warren", b"local"})
_READ_BYTES = 16 * 1024

log = Log("api")


@dataclass(frozen=True, slots=True)
class Request:
    """A call that the table allows: who makes it, with which right, and its body."""

    caller: Caller
    right: Right
    body: bytes

    def decode(self, kind: type[T]) -> T:
        """The body as `kind`; WarrenError INVALID_ARGUMENT says which field is wrong."""
        try:
            return msgspec.json.decode(self.body or b"{}", type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise WarrenError(Code.INVALID_ARGUMENT, f"the request is malformed: {error}") from error


class Reply:
    """The one answer to a request: `result` once, or any number of `line` and then the end."""

    def __init__(self, connection: h11.Connection, writer: asyncio.StreamWriter) -> None:
        self._connection = connection
        self._writer = writer
        self.is_streaming = False
        self.is_done = False

    async def result(self, value: msgspec.Struct) -> None:
        """Answer with one JSON object."""
        await self._whole(200, b"application/json", msgspec.json.encode(value))

    async def line(self, value: Line) -> None:
        """Send the next line of a streamed answer."""
        if not self.is_streaming:
            self.is_streaming = True
            head = [(b"content-type", b"application/x-ndjson"), *_ALWAYS]
            self._put(h11.Response(status_code=200, headers=head))
        self._put(h11.Data(data=msgspec.json.encode(value) + b"\n"))
        await self._drain()

    async def refuse(self, error: WarrenError, status: int | None = None) -> None:
        """Answer with the problem, as a whole answer or as the stream's last line."""
        problem = problem_of(error)
        if self.is_streaming:
            await self.line(Broken(problem=problem))
            return
        status = status or problem.status
        problem = msgspec.structs.replace(problem, status=status)
        await self._whole(status, MEDIA_TYPE.encode(), msgspec.json.encode(problem))

    async def end(self) -> None:
        """End a streamed answer."""
        if self.is_streaming and not self.is_done:
            self.is_done = True
            self._put(h11.EndOfMessage())
            await self._drain()

    async def _whole(self, status: int, media_type: bytes, body: bytes) -> None:
        length = str(len(body)).encode()
        head = [(b"content-type", media_type), (b"content-length", length), *_ALWAYS]
        self.is_done = True
        self._put(h11.Response(status_code=status, headers=head))
        self._put(h11.Data(data=body))
        self._put(h11.EndOfMessage())
        await self._drain()

    def _put(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        data = self._connection.send(event)
        if data:
            self._writer.write(data)

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(LOCAL_WRITE_MAX_S):
                await self._writer.drain()
        except (ConnectionError, TimeoutError) as error:
            raise CallerGoneError from error


_ALWAYS = [
    (b"connection", b"close"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
]

Handler = Callable[[Request, Reply], Awaitable[None]]
Routes = Mapping[tuple[str, str], Handler]
"""(HTTP method, path) -> what answers it."""


class LocalApi:
    """Listens on the socket and answers; `open` binds, `close` takes the socket's file away."""

    def __init__(self, path: Path, routes: Routes, right_of: Callable[[Caller], Right]) -> None:
        self.path = path
        self._routes = routes
        self._right_of = right_of
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], Caller] = {}

    async def open(self) -> None:
        """Bind and listen; WarrenError INVALID_CONFIG where the folder or name cannot be used."""
        try:
            listener = _bind(self.path)
            self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=LOCAL_HEAD_MAX_BYTES)
        except OSError as error:
            raise WarrenError(
                Code.INVALID_CONFIG,
                f"cannot listen on {self.path}: {error.strerror or error}",
                "give another --socket",
            ) from error

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way."""
        return not self._connections

    def end_calls(self, *, but: "asyncio.Task[object] | None") -> None:
        """Take no more calls, and end those that are under way but one (of who asked for the end)."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            if task is not but:
                task.cancel()

    async def close(self, within_s: float) -> None:
        """Remove the socket's file, let the calls that are left end within the time."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        if self._connections:
            _, late = await asyncio.wait(self._connections, timeout=within_s)
            for task in late:
                task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        try:
            caller = caller_of(writer.get_extra_info("socket"))
        except OSError:
            writer.transport.abort()
            return
        if task is None or not self._has_room_for(caller):
            writer.transport.abort()
            return
        self._connections[task] = caller
        try:
            await self._serve(caller, reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()  # we end; nobody awaits this task, and Python 3.11 logs one that ends as cancelled
        except Exception as error:  # noqa: BLE001 - a task root: a bug is logged, the daemon stays
            if not _is_the_callers(error):
                log.bug("a call failed", error)
            writer.transport.abort()
        finally:
            self._connections.pop(task, None)
            writer.close()

    def _has_room_for(self, caller: Caller) -> bool:
        if len(self._connections) >= LOCAL_CONNECTIONS_MAX:
            return False
        if self._right_of(caller) > Right.READER:
            return True
        readers = [one.uid for one in self._connections.values() if self._right_of(one) <= Right.READER]
        return len(readers) < LOCAL_READERS_MAX and readers.count(caller.uid) < LOCAL_READERS_A_USER_MAX

    async def _serve(self, caller: Caller, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LOCAL_HEAD_MAX_BYTES)
        reply = Reply(connection, writer)
        try:
            async with asyncio.timeout(LOCAL_REQUEST_MAX_S):
                head, body = await _receive(connection, reader)
        except h11.RemoteProtocolError as error:
            await reply.refuse(WarrenError(Code.MALFORMED, f"not a request: {error}"), error.error_status_hint)
            return
        except WarrenError as error:
            await reply.refuse(error)
            return
        if head is None:
            return
        await self._answer(head, Request(caller, self._right_of(caller), body), reply, reader)

    async def _answer(self, head: h11.Request, request: Request, reply: Reply, reader: asyncio.StreamReader) -> None:
        try:
            handler = self._find(head, request)
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(_until_gone(reader))
                await handler(request, reply)
                watch.cancel()
        except* WarrenError as group_error:
            error = _first(group_error)
            await reply.refuse(error)
        except* CallerGoneError:
            reply.is_done = True
        await reply.end()

    def _find(self, head: h11.Request, request: Request) -> Handler:
        headers = {name: value for name, value in head.headers}  # noqa: C416 - h11's headers are no plain mapping
        if not _FROM_BROWSERS.isdisjoint(headers) or headers.get(b"host", b"localhost") not in _HOSTS:
            raise WarrenError(Code.FORBIDDEN, "this socket is for programs of this machine, not for web pages")
        method, path = head.method.decode("ascii", "replace"), head.target.decode("ascii", "replace")
        handler, needed = self._routes.get((method, path)), NEEDED.get((method, path))
        if handler is None or needed is None:
            raise WarrenError(Code.NOT_FOUND, "this daemon has no such method", "CLI and daemon of one version?")
        if request.right < needed:
            raise WarrenError(
                Code.FORBIDDEN,
                f"this needs the right '{needed.name.lower()}', and you have '{request.right.name.lower()}'",
                "run it as root, or let root name you with `warren up --operator USER`",
            )
        return handler


def _is_the_callers(error: Exception) -> bool:
    """Whether the caller went away, does not read or speaks no HTTP: its own loss, and no bug of ours."""
    if isinstance(error, ExceptionGroup):
        return error.split((CallerGoneError, h11.ProtocolError))[1] is None
    return isinstance(error, OSError | CallerGoneError | h11.ProtocolError)


class CallerGoneError(Exception):
    """The other end closed while its call was under way: nobody waits for the answer."""


async def _until_gone(reader: asyncio.StreamReader) -> None:
    # one request a connection: whatever comes now is the end, or noise that is skipped up to a bound
    with contextlib.suppress(OSError):  # a caller that was killed with an answer unread resets the connection
        for _ in range(LOCAL_HEAD_MAX_BYTES // 64):
            if not await reader.read(_READ_BYTES):
                break
    raise CallerGoneError


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request | None, bytes]:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LOCAL_BODY_MAX_BYTES:
                raise WarrenError(Code.TOO_LARGE, f"a request has at most {LOCAL_BODY_MAX_BYTES} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return head, bytes(body)
        else:
            return None, b""  # closed before or within the request


def _first(group: BaseExceptionGroup[WarrenError]) -> WarrenError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, WarrenError) else WarrenError(Code.INTERNAL, "the call failed")


def _bind(path: Path) -> socket.socket:
    """A listening socket that everyone on the machine may connect to, in a folder that only its owner may change."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)  # whatever the umask: everyone may ask for the status
    if path.parent.stat().st_mode & stat.S_IWOTH and not path.parent.stat().st_mode & stat.S_ISVTX:
        raise OSError(0, f"everyone may change the folder {path.parent}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        if path.is_socket():
            path.unlink()  # the folder's lock says that no other daemon of this state lives; see daemon.py
        listener.bind(os.fspath(path))
        path.chmod(0o666)
        listener.setblocking(False)  # noqa: FBT003 - the name of the method says what is set
    except OSError:
        listener.close()
        raise
    return listener
