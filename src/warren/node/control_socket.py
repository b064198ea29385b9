"""WireGuard's control socket of a link: `wg show` and `wg set` find it by the link's name.

Decides who is answered and how much is read: the socket is its user's alone (0600), a request and the time for it are
bounded. What a device is and does is the caller's; where it may only be looked at, a `set` is refused with EPERM. The
protocol is `wire/uapi.py`.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from warren.errors import Code, WarrenError
from warren.limits import UAPI_LINE_MAX_BYTES, UAPI_REQUEST_MAX_BYTES, UAPI_REQUEST_S
from warren.log import Log
from warren.wire.uapi import GET, SET, DeviceChange, DeviceState, UapiError, parse_set, show_device, show_errno

FOLDER = Path("/run/wireguard")  # where `wg` looks
# How a connection ends; cancelled with the socket: asyncio's streams log an error about a handler that says so itself.
ENDINGS = (ConnectionError, TimeoutError, asyncio.CancelledError)

log = Log("wg")

Get = Callable[[], DeviceState]
Change = Callable[[DeviceChange], None]


@contextlib.asynccontextmanager
async def serve(link: str, get: Get, change: Change | None) -> AsyncIterator[Path]:
    """Answer on the link's socket until the end; its path. `change` None: it may only be looked at.

    WarrenError CONFLICT where another program answers there, OSError where the folder cannot be written.
    """
    path = FOLDER / f"{link}.sock"
    listening = _bind(path)
    answering: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            answering.add(task)
            task.add_done_callback(answering.discard)
        with contextlib.closing(writer), contextlib.suppress(*ENDINGS):
            await _answer(reader, writer, get, change)

    server = await asyncio.start_unix_server(answer, sock=listening, limit=UAPI_LINE_MAX_BYTES)
    try:
        yield path
    finally:
        server.close()
        path.unlink(missing_ok=True)
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)


def clear(prefix: str) -> None:
    """Take away the sockets of links `prefix` and a number that nobody answers on: what a killed daemon left."""
    for path in FOLDER.glob(f"{prefix}*.sock"):
        with contextlib.suppress(OSError):  # another's that we may not look at
            if path.stem.removeprefix(prefix).isdecimal() and path.is_socket() and not _has_owner(path):
                path.unlink()


def _bind(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _has_owner(path):
        raise WarrenError(
            Code.CONFLICT, f"another program answers for {path.stem}", "choose another name, or end it first"
        )
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(str(path))
        path.chmod(0o600)  # before anyone is listened to
    except OSError:
        listening.close()
        raise
    return listening


def _has_owner(path: Path) -> bool:
    """Whether somebody listens there; at once, also where they hang and their queue of connections is full."""
    with socket.socket(socket.AF_UNIX) as other:
        other.settimeout(0.0)
        try:
            other.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except BlockingIOError:
            return True
        return True


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, get: Get, change: Change | None) -> None:
    """Requests of one connection, one after the other."""
    while True:
        async with asyncio.timeout(UAPI_REQUEST_S):
            try:
                first, rest = await _read(reader)
            except UapiError as error:
                writer.write(f"{show_errno(error.errno)}\n\n".encode())
                await writer.drain()
                return  # where the next request begins is anybody's guess
            if not first:
                return
            writer.write("".join(f"{line}\n" for line in _lines(first, rest, get, change)).encode() + b"\n")
            await writer.drain()


def _lines(first: str, rest: list[str], get: Get, change: Change | None) -> list[str]:
    try:
        if first == GET:
            return [*show_device(get()), show_errno(0)]
        if first != SET:
            return [show_errno(errno.EPROTO)]
        if change is None:
            return [show_errno(errno.EPERM)]
        change(parse_set(rest))
    except UapiError as error:
        log.warning("a configuration was refused", reason=str(error))
        return [show_errno(error.errno)]
    return [show_errno(0)]


async def _read(reader: asyncio.StreamReader) -> tuple[str, list[str]]:
    """A request: its first line, and those up to the empty one. All empty at the end of the connection."""
    lines: list[str] = []
    total = 0
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            raise UapiError(errno.EPROTO, "a line that is too long") from None
        total += len(line)
        if total > UAPI_REQUEST_MAX_BYTES:
            raise UapiError(errno.E2BIG, "a request that is too long")
        if line == b"\n":
            return (lines[0], lines[1:]) if lines else ("", [])
        if not line.endswith(b"\n"):
            if lines or line:
                raise UapiError(errno.EPROTO, "a request that ends within")
            return "", []
        try:
            lines.append(line[:-1].decode("ascii"))
        except UnicodeDecodeError:
            raise UapiError(errno.EPROTO, "a line that is no text") from None
