"""A server's `/api/v1` from outside: over the admin socket of its data folder, or over its URL.

Whoever may connect to the socket is an admin (the folder is 0700, the socket 0600), so it needs no token. Failures
become WarrenError: SERVER_UNREACHABLE where nobody listens, else what the server's problem says.

Decides when a request is sent again: where its answer was lost on the way, because the server ended or was started
anew, and for a few seconds. What makes something or uses something up carries an `Idempotency-Key`, so the server does
it once however often it comes."""

import contextlib
import http.client
import secrets
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from warren.client.credentials import token_for
from warren.errors import Code, WarrenError
from warren.limits import (
    CLIENT_AGAIN_S,
    CLIENT_ANSWER_MAX_BYTES,
    CLIENT_LOOK_EVERY_S,
    CLIENT_PAGES_MAX,
    PAGE_MAX,
)
from warren.model.keys import Secret
from warren.protocol.rest.paging import Page
from warren.protocol.rest.problem import Problem, error_of

Answer = TypeVar("Answer")
PageAnswer = TypeVar("PageAnswer", bound=Page)
API = "/api/v1"
ADMIN_SOCKET = "admin.sock"
SYSTEM_DATA = Path("/var/lib/warren-server")
_LOST = (ConnectionError, http.client.RemoteDisconnected, http.client.IncompleteRead, FileNotFoundError)
"""What an answer that was lost looks like, and a server that is just being started anew."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class RestClient:
    """Calls one server. `where` is a URL or a data folder; empty: the server of this machine. `token`: instead of
    the one that the user has for this URL."""

    def __init__(self, where: str = "", timeout_s: float = 30.0, *, token: Secret[str] | None = None) -> None:
        self._timeout_s = timeout_s
        self._token = token
        self._url = where if where.startswith(("http://", "https://")) else ""
        self._socket = (Path(where) if where else SYSTEM_DATA) / ADMIN_SOCKET
        self._is_named = bool(where)

    @property
    def is_there(self) -> bool:
        """Whether there is a socket to connect to; of a URL nobody knows before."""
        return bool(self._url) or self._socket.exists()

    @property
    def name(self) -> str:
        """The server acted on, for people: its URL or its data folder."""
        return self._url or str(self._socket.parent)

    def get(self, *path: str, kind: type[Answer], query: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to GET; the path is given in segments, which are quoted here, as the query is."""
        return self._call("GET", path, None, kind, query)

    def pages(self, *path: str, kind: type[PageAnswer], query: Mapping[str, str] | None = None) -> Iterator[PageAnswer]:
        """Every page of a list, from the first to the last. Raises WarrenError TOO_LARGE for a list without end."""
        asked = {"limit": str(PAGE_MAX)} | dict(query or {})
        for _ in range(CLIENT_PAGES_MAX):
            page = self.get(*path, kind=kind, query=asked)
            yield page
            if page.next is None:
                return
            asked["cursor"] = page.next
        raise WarrenError(Code.TOO_LARGE, f"{self.name} lists more than {CLIENT_PAGES_MAX} pages")

    def post(
        self, *path: str, body: msgspec.Struct, kind: type[Answer], query: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to POST."""
        return self._call("POST", path, body, kind, query)

    def patch(self, *path: str, body: msgspec.Struct, kind: type[Answer]) -> Answer:
        """Return the answer to PATCH."""
        return self._call("PATCH", path, body, kind)

    def put(self, *path: str, body: msgspec.Struct, kind: type[Answer]) -> Answer:
        """Return the answer to PUT."""
        return self._call("PUT", path, body, kind)

    def delete(
        self, *path: str, kind: type[Answer] | None = None, query: Mapping[str, str] | None = None
    ) -> Answer | None:
        """Return the answer to DELETE, None where the server says nothing."""
        if kind is None:
            self._call("DELETE", path, None, msgspec.Raw, query)
            return None
        return self._call("DELETE", path, None, kind, query)

    def _call(
        self,
        method: str,
        path: tuple[str, ...],
        body: msgspec.Struct | None,
        kind: type[Answer],
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        target = "/".join((API, *(quote(segment, safe="") for segment in path))) + (
            f"?{urlencode(query)}" if query else ""
        )
        content = None if body is None else msgspec.json.encode(body)
        headers = {"accept": "application/json"} | ({} if content is None else {"content-type": "application/json"})
        token = self._token or (token_for(self._url) if self._url else None)
        if token is not None:
            headers["authorization"] = f"Bearer {token.reveal()}"
        if method in {"POST", "DELETE"}:
            headers["idempotency-key"] = secrets.token_urlsafe(24)
        status, data = self._ask(method, target, content, headers)
        return read_answer(self.name, status, data, kind)

    def _ask(self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body; asked again where the answer was lost. Raises WarrenError as `_unreachable` says."""
        deadline, is_lost = time.monotonic() + min(CLIENT_AGAIN_S, self._timeout_s), False
        while True:
            with self._connection() as connection:
                try:
                    connection.connect()
                    is_lost = True  # from here on the server may have done it
                    return _exchanged(connection, method, target, content, headers)
                except (OSError, http.client.HTTPException) as error:
                    if not is_lost or not isinstance(error, _LOST) or time.monotonic() >= deadline:
                        raise self._unreachable(error) from error
            time.sleep(CLIENT_LOOK_EVERY_S)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    def _open(self) -> http.client.HTTPConnection:
        if not self._url:
            return _UnixConnection(self._socket, self._timeout_s)
        try:
            parts = urlsplit(self._url)
            host, port = parts.hostname or "", parts.port
            host.encode("idna")  # as the socket will do it; an address in brackets passes too
        except ValueError as error:
            raise WarrenError(Code.INVALID_ARGUMENT, f"{self._url} is no URL") from error
        if not host:
            raise WarrenError(Code.INVALID_ARGUMENT, f"{self._url} names no host")
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=ssl.create_default_context())

    def _unreachable(self, error: Exception) -> WarrenError:
        if isinstance(error, PermissionError):
            return WarrenError(
                Code.FORBIDDEN, f"this user may not connect to {self._socket}", "run it as the server's user or root"
            )
        if isinstance(error, TimeoutError):
            return WarrenError(Code.TIMEOUT, f"{self.name} did not answer within {self._timeout_s:g} s")
        if self._is_named:
            text, fix = self._why(error)
            return WarrenError(Code.SERVER_UNREACHABLE, text, fix)
        return WarrenError(
            Code.SERVER_UNREACHABLE,
            f"no server answers on this machine, at {self.name}",
            "name the one that is meant: --server https://vpn.example.org, or its data folder here",
        )

    def _why(self, error: Exception) -> tuple[str, str]:
        """Why nobody answers where this server was named, and what to do."""
        match error:
            case ssl.SSLCertVerificationError():
                return (
                    f"the certificate of {self.name} is not to be trusted: {error.verify_message}",
                    "one made by `--tls auto` is for nodes: give the server another (--tls), or name its data folder",
                )
            case ssl.SSLError():
                return f"what answers at {self.name} does not speak TLS as it should", "is it its http:// URL, or port?"
            case socket.gaierror():
                return f"no address of {urlsplit(self._url).hostname} is known", "is the name right, and is DNS up?"
            case http.client.HTTPException() | ConnectionError() if self._url and not _is_refused(error):
                scheme = "http" if self._url.startswith("https") else "https"
                return f"what answers at {self.name} breaks off", f"is it its {scheme}:// URL, or another port?"
        if not self._url and not self._socket.parent.is_dir():
            return f"there is no folder {self.name}", "name a server's URL (https://…), or its data folder here"
        return f"no server answers at {self.name}", "is `warren server` running there?"


def _is_refused(error: Exception) -> bool:
    return isinstance(error, ConnectionRefusedError)


def _exchanged(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    content: bytes | None,
    headers: Mapping[str, str],
) -> tuple[int, bytes]:
    # a server may refuse and close before it has read everything: its answer says why
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request(method, target, content, headers)
    response = connection.getresponse()
    data = response.read(CLIENT_ANSWER_MAX_BYTES + 1)
    if response.length and len(data) <= CLIENT_ANSWER_MAX_BYTES:
        raise http.client.IncompleteRead(data, response.length)
    return response.status, data


def read_answer(server: str, status: int, data: bytes, kind: type[Answer]) -> Answer:
    """What a server answered. Raises the error that it told of, or WarrenError TOO_LARGE or MALFORMED."""
    if len(data) > CLIENT_ANSWER_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, "the server's answer is larger than it may be")
    try:
        if status >= 400:
            raise error_of(msgspec.json.decode(data, type=Problem))
        return msgspec.json.decode(data or b"null", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WarrenError(
            Code.MALFORMED, f"{server} answered what is not understood (HTTP {status})", "is it a Warren server?"
        ) from error
