"""The daemon's API from outside: one call a connection over its unix socket.

Asks with HTTP/1.0, so an answer ends where the connection does and a stream is plain lines; that is also why there
is no HTTP library here: one would cost a third of `warren status`. Failures become WarrenError: DAEMON_UNREACHABLE
where nobody listens, TIMEOUT where nobody answers, and whatever problem the daemon tells."""

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import CLIENT_ANSWER_MAX_BYTES, DAEMON_POLL_S
from warren.protocol.local.stream import Broken, Line
from warren.protocol.rest.problem import Problem, error_of

Answer = TypeVar("Answer")
_PEER = struct.Struct("3i")  # pid, user, group (unix(7), SO_PEERCRED)
_HEAD_MAX_BYTES = 16 * 1024  # the daemon sends five short headers


class LocalClient:
    """Calls the daemon behind a socket. `timeout_s` is for each wait on the socket, not for a whole stream."""

    def __init__(self, path: Path, timeout_s: float = 30.0) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self.asked_pid = 0
        """The process that listened on the socket when it was last connected to; 0 before."""

    def get(self, path: str, kind: type[Answer]) -> Answer:
        """Return the answer to GET; raises WarrenError."""
        return self._whole("GET", path, None, kind)

    def post(self, path: str, body: msgspec.Struct | None, kind: type[Answer]) -> Answer:
        """Return the answer to POST; raises WarrenError."""
        return self._whole("POST", path, body, kind)

    def stream(self, path: str, body: msgspec.Struct, lines: Any) -> Iterator[Any]:
        """Yield the lines of a streamed answer to POST as the union `lines`; raises WarrenError, also for `Broken`."""
        decoder = msgspec.json.Decoder(lines)
        with self._ask("POST", path, body) as reader:
            self._head(reader)
            last: Line | None = None
            while raw := self._line(reader):
                last = _decoded(decoder.decode, raw)
                if isinstance(last, Broken):
                    raise error_of(last.problem)
                yield last
            if last is None:
                raise _cut()

    def is_there(self) -> bool:
        """Whether there is a socket, answering or not; raises WarrenError where this user may not look."""
        try:
            return self.path.exists()
        except OSError as error:
            raise self._unreachable(error) from error

    def is_answering(self) -> bool:
        """Whether somebody listens on the socket."""
        try:
            self._connect().close()
        except WarrenError:
            return False
        return True

    def _whole(self, method: str, path: str, body: msgspec.Struct | None, kind: type[Answer]) -> Answer:
        with self._ask(method, path, body) as reader:
            length = self._head(reader)
            data = self._read(reader, min(length, CLIENT_ANSWER_MAX_BYTES))
        if len(data) < length:
            raise _cut()
        answer: Answer = _decoded(lambda raw: msgspec.json.decode(raw, type=kind), data)
        return answer

    def _ask(self, method: str, path: str, body: msgspec.Struct | None) -> "_Reader":
        content = b"" if body is None else msgspec.json.encode(body)
        head = f"{method} {path} HTTP/1.0\r\nhost: localhost\r\ncontent-length: {len(content)}\r\n\r\n"
        connection = self._connect()
        try:
            connection.sendall(head.encode("ascii") + content)
        except OSError as error:
            connection.close()
            raise self._unreachable(error) from error
        return _Reader(connection)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._timeout_s)
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                connection.connect(str(self.path))
            except BlockingIOError as error:  # more callers at once than the kernel lets wait (unix(7), EAGAIN)
                if time.monotonic() > deadline:
                    connection.close()
                    raise self._late() from error
                time.sleep(DAEMON_POLL_S)
            except OSError as error:
                connection.close()
                raise self._unreachable(error) from error
            else:
                self.asked_pid = _listener(connection)
                return connection

    def _unreachable(self, error: OSError) -> WarrenError:
        if isinstance(error, PermissionError):
            return WarrenError(Code.FORBIDDEN, f"this user may not connect to {self.path}", "run it as root")
        return WarrenError(
            Code.DAEMON_UNREACHABLE,
            f"no daemon answers on {self.path}",
            "start it with: warren up, or name its --socket",
        )

    def _head(self, reader: "_Reader") -> int:
        """Read status and headers; return the content's length (or the most that is allowed). A problem is raised."""
        status = self._line(reader)
        parts = status.split(b" ", 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
            raise _cut()
        length = CLIENT_ANSWER_MAX_BYTES
        for _ in range(64):
            name, _, value = self._line(reader).partition(b":")
            if not name.strip():
                break
            if name.lower() == b"content-length" and value.strip().isdigit():
                # a number of thousands of digits is one that Python refuses to read
                length = int(value) if len(value) < 20 else CLIENT_ANSWER_MAX_BYTES + 1
        if length > CLIENT_ANSWER_MAX_BYTES:
            raise WarrenError(Code.TOO_LARGE, "the daemon's answer is larger than it may be")
        if parts[1] != b"200":
            raise error_of(_decoded(lambda raw: msgspec.json.decode(raw, type=Problem), self._read(reader, length)))
        return length

    def _line(self, reader: "_Reader") -> bytes:
        try:
            return reader.line()
        except TimeoutError as error:
            raise self._late() from error
        except OSError as error:
            raise _cut() from error

    def _read(self, reader: "_Reader", length: int) -> bytes:
        try:
            return reader.read(length)
        except TimeoutError as error:
            raise self._late() from error
        except OSError as error:
            raise _cut() from error

    def _late(self) -> WarrenError:
        return WarrenError(
            Code.TIMEOUT, f"the daemon did not answer within {self._timeout_s:g} s", "try again with a longer --timeout"
        )


def _listener(connection: socket.socket) -> int:
    pid: int = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[0]
    return pid


class _Reader:
    """The answer's bytes; closes the connection at the end of a `with`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._connection.close()

    def line(self) -> bytes:
        """Return the next line without its end; empty at the end of all."""
        return self._file.readline(CLIENT_ANSWER_MAX_BYTES).rstrip(b"\r\n")

    def read(self, length: int) -> bytes:
        """Return up to `length` bytes; fewer only where the answer ends."""
        return self._file.read(length)


def _decoded(decode: Any, raw: bytes) -> Any:
    try:
        return decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WarrenError(
            Code.MALFORMED, "the daemon's answer is not understood", "CLI and daemon should be of one version"
        ) from error


def _cut() -> WarrenError:
    return WarrenError(Code.DAEMON_UNREACHABLE, "the daemon went away before it answered", "see STATE/daemon.log")
