"""What comes over a stream, as its reader takes it: calls of the daemon and of a link, answers of anybody on the way.

A stream has no borders, so each input is read whole and in small pieces, and both have to say the same.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import h11

from tools.fuzzing.parser import Parser, require
from warren.errors import Code, WarrenError
from warren.limits import LOCAL_BODY_MAX_BYTES, LOCAL_HEAD_MAX_BYTES, PORTMAP_HTTP_MAX_BYTES, UAPI_LINE_MAX_BYTES
from warren.node.api import http
from warren.node.api.caller import Caller
from warren.node.api.http import _receive as receive_call
from warren.node.control.joining import _read_prefixes as read_prefixes
from warren.node.control.place import parse_server
from warren.node.control.portal import _read as read_portal
from warren.node.control_socket import _lines as answer_lines
from warren.node.control_socket import _read as read_request
from warren.node.paths.portmap.http import _read as read_gateway
from warren.protocol.local.rights import NEEDED, Right
from warren.wire.uapi import DeviceState, UapiError

T = TypeVar("T")
_PIECE_BYTES = 7
_PLACE = parse_server("http://vpn.example.org")
_DEVICE = DeviceState(private_key=None, listen_port=51820, mark=0)
_CALLER = Caller(pid=1, uid=1, gid=1)
_LOOP = asyncio.new_event_loop()  # a StreamReader wants one; nothing ever waits in it


class _Pieces(asyncio.StreamReader):
    """A stream on which everything has come already, given out in pieces of at most so many bytes."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(limit=UAPI_LINE_MAX_BYTES, loop=_LOOP)
        self._most = most
        self.feed_data(data)
        self.feed_eof()

    async def read(self, n: int = -1) -> bytes:
        return await super().read(min(n, self._most) if n >= 0 else self._most)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """What it returns; it may wait for nothing, since everything is there."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return] # what the coroutine's type says
    work.close()
    raise AssertionError("it waits for more than the end of the stream")


def _both(data: bytes, read: Callable[[_Pieces], T]) -> T:
    whole, pieces = read(_Pieces(data, len(data) + 1)), read(_Pieces(data, _PIECE_BYTES))
    require(whole == pieces, f"in pieces it says {pieces!r:.200} instead of {whole!r:.200}")
    return whole


async def _handled(_request: http.Request, _reply: http.Reply) -> None:
    """What would answer."""


_API = http.LocalApi(Path("nowhere"), dict.fromkeys(NEEDED, _handled), lambda _: Right.READER)


def _call(reader: _Pieces) -> tuple[bool, bytes]:
    """Whether a call is answered, and what it says."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LOCAL_HEAD_MAX_BYTES)
    try:
        head, body = _run(receive_call(connection, reader))
    except h11.RemoteProtocolError as error:
        require(400 <= error.error_status_hint < 600, "a refusal without a status")
        return False, b"no HTTP"
    except WarrenError as error:
        require(error.code is Code.TOO_LARGE, f"refused with {error.code}")
        return False, b"too large"
    require(len(body) <= LOCAL_BODY_MAX_BYTES, "a body beyond the bound")
    if head is None:
        return False, body
    return _is_answered(head, body), body


def _is_answered(head: h11.Request, body: bytes) -> bool:
    called = (head.method.decode("latin-1"), head.target.decode("latin-1"))
    answered = set()
    for right in Right:
        try:
            _API._find(head, http.Request(_CALLER, right, body))  # noqa: SLF001 - what decides who is answered
        except WarrenError as error:
            require(error.code in {Code.FORBIDDEN, Code.NOT_FOUND}, f"refused with {error.code}")
        else:
            require(called in NEEDED and right >= NEEDED[called], f"{right} may call {called}")
            names = {name for name, _ in head.headers}
            require(not names & {b"origin", b"sec-fetch-site", b"sec-fetch-mode"}, "a web page was answered")
            answered.add(right)
    return bool(answered)


def check_call(data: bytes) -> bool:
    """A call on the local socket: h11's refusal, ours, or a method of the table for who has the right to it."""
    return _both(data, _call)[0]


def _portal(reader: _Pieces) -> bool | None:
    try:
        return _run(read_portal(_PLACE, h11.Connection(h11.CLIENT), reader))
    except h11.RemoteProtocolError:
        return None


def check_portal(data: bytes) -> bool:
    """Anybody's answer to `/health`: a sign-in page, none, or nothing that can be read."""
    return _both(data, _portal) is not None


def _gateway(reader: _Pieces) -> tuple[int, bytes] | None:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=16 * 1024)
    connection.send(h11.Request(method="GET", target="/x", headers=[("Host", "a"), ("Connection", "close")]))
    connection.send(h11.EndOfMessage())
    try:
        answer = _run(read_gateway(connection, reader))
    except h11.RemoteProtocolError:
        return None
    if answer is None:
        return None
    require(200 <= answer.status < 1000 and len(answer.body) <= PORTMAP_HTTP_MAX_BYTES, "beyond a bound")
    return answer.status, answer.body


def check_gateway(data: bytes) -> bool:
    """A gateway's answer to UPnP: a status and a bounded body, or nothing."""
    return _both(data, _gateway) is not None


def _set(reader: _Pieces) -> tuple[str, ...]:
    """What a link's control socket answers to each request, and the error that ends the connection."""
    answers: list[str] = []
    while True:
        try:
            first, rest = _run(read_request(reader))
        except UapiError as error:
            require(error.errno > 0, f"refused with {error.errno}")
            return (*answers, f"end {error.errno}")
        if not first:
            require(not rest, "lines without a first one")
            return tuple(answers)
        said = answer_lines(first, rest, lambda: _DEVICE, lambda _: None)
        require(said and said[-1].startswith("errno="), "an answer without its number")
        answers.append(said[-1])


def check_link(data: bytes) -> bool:
    """Requests on a link's control socket: each has its number; one that cannot be read ends them."""
    return "errno=0" in _set(_Pieces(data, _PIECE_BYTES))


def check_prefixes(data: bytes) -> bool:
    """The prefixes that a server tells who joins: what is none is left out."""
    told = tuple(data.decode("utf-8", "surrogateescape").split("\n"))
    found = read_prefixes(told)
    require(read_prefixes(tuple(map(str, found))) == found, "they read back differently")
    return bool(found)


_CALLS = (
    b"GET /v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"POST /v1/up HTTP/1.1\r\nhost: warren\r\ncontent-length: 2\r\n\r\n{}",
    b"POST /v1/ping HTTP/1.1\r\nhost: local\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
)
_FOREIGN = (b"origin: http://a\r\n", b"sec-fetch-site: none\r\n", b"host: a.example\r\n", b"/v1/network/export-root")
_PAGE = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<html>sign in</"
_ELSEWHERE = b"HTTP/1.1 302 Found\r\nlocation: http://portal.example/\r\ncontent-length: 0\r\n\r\n"
_OWN = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"status":"ok"}'
_CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n<a>\r\n0\r\nx: y\r\n\r\n"
_HTTP = (
    b"\r\n", b": ", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 ", b"content-length: ",
    b"transfer-encoding: chunked\r\n", b"location: //", b"upgrade: x\r\n", b"ffffffffff\r\n",
    b"x" * 5000, b"511", b"\x00", b"\xff",
)  # fmt: skip
_KEY = bytes(range(32)).hex().encode()
_SET = b"set=1\nprivate_key=%b\nlisten_port=51820\npublic_key=%b\nallowed_ip=10.8.0.0/24\n\n" % (_KEY, _KEY)

PARSERS = (
    Parser("local_call", _CALLS, check_call, (*_HTTP, *_FOREIGN)),
    Parser("portal_answer", (_PAGE, _ELSEWHERE, _OWN, _CHUNKED), check_portal, _HTTP),
    Parser("gateway_stream", (_OWN, _CHUNKED, _PAGE + b"a>"), check_gateway, _HTTP),
    Parser("link_requests", (b"get=1\n\n", _SET, b"get=1\n\n" + _SET), check_link, (b"\n", b"\n\n", b"=", b"x" * 5000)),
    Parser(
        "told_prefixes", (b"100.96.0.0/16\nfd00::/48", b"10.0.0.0/8\nx\n0.0.0.0/0"), check_prefixes, (b"/", b"%", b"::")
    ),
)
