"""HTTP and JSON: the daemon's requests, the answers that the CLI reads, the server's REST bodies, the front's lines."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import h11
import msgspec

from tools.fuzzing.parser import Check, Parser, require
from warren.client.local import LocalClient
from warren.errors import Code, WarrenError
from warren.limits import LOCAL_HEAD_MAX_BYTES
from warren.node.api.caller import Caller
from warren.node.api.http import Request
from warren.protocol.local.config import Config
from warren.protocol.local.down import LeaveRequest
from warren.protocol.local.host import HostPlan
from warren.protocol.local.netcheck import NetcheckRequest
from warren.protocol.local.network import (
    FoundRequest,
    RecoveryRequest,
    RecoveryResult,
    RootRequest,
    SignRequest,
    SignResult,
    WaitingRequest,
    WaitingResult,
)
from warren.protocol.local.ping import PingLine, PingRequest
from warren.protocol.local.reidentify import ReidentifyRequest
from warren.protocol.local.rekey import RekeyRequest
from warren.protocol.local.renew import RenewRequest, RenewResult
from warren.protocol.local.rights import Right
from warren.protocol.local.status import Status
from warren.protocol.local.up import UpLine, UpRequest
from warren.protocol.local.whoami import Whoami
from warren.protocol.local.why import Why, WhyRequest
from warren.protocol.rest.keys import KeyCreate
from warren.protocol.rest.members import Renewal
from warren.protocol.rest.networks import NetworkCreate, NetworkRename
from warren.protocol.rest.problem import Problem, error_of

_CALLER = Caller(pid=1, uid=0, gid=0)


def check_request_head(data: bytes) -> bool:
    """A request on the local socket is h11's own refusal or one request."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LOCAL_HEAD_MAX_BYTES)
    try:
        for at in range(0, len(data) or 1, 64):
            connection.receive_data(data[at : at + 64])
            while (event := connection.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
                if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                    return isinstance(event, h11.EndOfMessage)
    except h11.RemoteProtocolError as error:
        require(400 <= error.error_status_hint < 600, "a refusal without a status")
    return False


def _body_of(kind: type[msgspec.Struct]) -> Check:
    def check(data: bytes) -> bool:
        try:
            value = Request(_CALLER, Right.ROOT, data).decode(kind)
        except WarrenError as error:
            require(error.code is Code.INVALID_ARGUMENT, f"refused with {error.code}")
            return False
        require(
            Request(_CALLER, Right.ROOT, msgspec.json.encode(value)).decode(kind) == value, "reads back differently"
        )
        return True

    return check


class _Over(LocalClient):
    """The client over bytes that were already sent."""

    def __init__(self, data: bytes) -> None:
        super().__init__(Path("nowhere"), timeout_s=1.0)
        self._data = data
        self._there: socket.socket

    def _connect(self) -> socket.socket:
        here, self._there = socket.socketpair()
        self._there.sendall(self._data)
        self._there.shutdown(socket.SHUT_WR)
        here.settimeout(self._timeout_s)
        return here

    def close(self) -> None:
        self._there.close()


def _answer_of(kind: type[msgspec.Struct]) -> Check:
    """An input is a whole answer, or a body that gets a head with its length."""

    def check(data: bytes) -> bool:
        whole = data if data.startswith(b"HTTP") else _HEAD % len(data) + data
        with contextlib.closing(_Over(whole)) as client:
            try:
                answer = client.get("/v1/x", kind)
            except WarrenError:
                return False
        require(msgspec.json.decode(msgspec.json.encode(answer), type=kind) == answer, "it reads back differently")
        return True

    return check


def check_stream(data: bytes) -> bool:
    """Lines of `up` and `ping`: each is one of ours, or the stream ends with an error."""
    taken = 0
    for lines in (UpLine, PingLine):
        with contextlib.suppress(WarrenError):
            for _ in _lines(data, lines):
                taken += 1
    return taken > 0


def _lines(data: bytes, lines: object) -> Iterator[object]:
    with contextlib.closing(_Over(data)) as client:
        yield from client.stream("/v1/x", LeaveRequest(network="n"), lines)


def check_problem(data: bytes) -> bool:
    """A problem of a newer program is an error all the same."""
    try:
        problem = msgspec.json.decode(data, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return error_of(problem).code in Code


_SIGN = (
    b'{"act":"approve","network":"n","who":["a"],"name":"b","code":"one two","tags":["t"],"uses":2,"expires_s":60,'
    b'"keep_keys":true,"policy":"{}","confirm":"00"}'
)
_FOUND = (
    b'{"name":"n","url":"https://a","server_key":"%b","registrar":"%b","prefix":"100.96.0.0/16","in_use":["100.97.0.0/16"]}'
    % (b"ab" * 32, b"cd" * 32)
)
_SIGNED = (
    b'{"network":"n","lines":["a is removed"],"digest":"00","signer":"root","is_done":true,"code":"c","secret":"s"}'
)
_WAITING = (
    b'{"network":"n","machines":[{"name":"a","identity":"00","code":"one two","since":1.5,"user":"u","tags":["t"]}]}'
)
_WHY = (
    b'{"source":"a","destination":"b","reachable":false,"steps":[{"name":"rule","ok":null,"text":"t"}],'
    b'"drops":[{"inward":true,"protocol":"tcp","port":22,"reason":"r","packets":1,"last":1.5}],"advice":"x"}'
)
_HEAD = b"HTTP/1.1 200 \r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_REQUEST = b"POST /v1/up HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}"
_CHUNKED = b"POST /v1/up HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
_ME = b'{"name":"a","fqdn":"a.n","addresses":["100.96.0.2","fd00::1"],"identity":"00","online":true}'
_STATUS = (
    b'{"version":"1","self":%b,"networks":[{"name":"n","id":"00","self":%b,"server":{"url":"https://a","state":"away",'
    b'"since":1.5,"reason":"x"},"locked":false,"root":"owner"}],"peers":[{"name":"b","network":"n","fqdn":"b.n",'
    b'"addresses":[],"user":"","tags":["t"],"identity":"00","wireguard_key":"","path":{"kind":"direct","latency_ms":1.5},'
    b'"last_handshake":null,"rx_bytes":1,"tx_bytes":2,"online":false}],"health":[{"code":"c","text":"t","since":1}]}'
) % (_ME, _ME)
_WHOAMI = (
    b'{"networks":[{"network":"n","network_id":"00","name":"a","fqdn":"a.n","addresses":[],"identity":"00","user":"",'
    b'"tags":[],"server":"https://a","expires":null}],"right":"root"}'
)
_CONFIG = b'{"settings":[{"name":"state","value":"/x","origin":"flag","variable":"WARREN_STATE"}]}'
_PLAN = b'{"items":[{"kind":"route","text":"x","action":"add"}]}'
_PROBLEM = b'{"code":"E_TIMEOUT","title":"t","status":504,"detail":"d"}'
_FAILED = b"HTTP/1.1 504 \r\ncontent-length: %d\r\n\r\n%b" % (len(_PROBLEM), _PROBLEM)
_LINES = (
    b'{"t":"progress","text":"joining"}\n{"t":"pong","number":1,"name":"a","address":"100.96.0.2","rtt_ms":1.5,'
    b'"via":"direct","endpoint":"192.0.2.1:1"}\n{"t":"problem","problem":{"code":"E_X","title":"x","status":400,"detail":"d"}}\n'
)
_LENGTH = b"content-length: " + b"9" * 5000 + b"\r\n"
_DEEP = b'"x":' + b"[" * 3000
_WORDS = (b"\r\n", b": ", b"content-length: 5", b"\r\n\r\n", b"null", b"{}", b"[]", b"1e400", b'"', _LENGTH, _DEEP)


_RENEWED = b'{"server":"https://a","network_id":"ab","identity":"cd","name":"a","key_id":"abcdefghi2","signature":"0f"}'
_RECOVERY = (
    b'{"network":"n","root":"ab","changes":1,"is_here":true,"admins":["a (ab)"],"quorum":2,'
    b'"proposals":[{"root":"cd","words":"acid acorn actor agent alarm","votes":["a (ab)"],"quorum":2}]}'
)


def _parser(name: str, seeds: tuple[bytes, ...], check: Check) -> Parser:
    return Parser(name, seeds, check, _WORDS)


PARSERS = (
    _parser("local_request", (_REQUEST, _CHUNKED), check_request_head),
    _parser("body_up", (b'{"server":"https://a","auth_key":"wk.a","tags":["a"],"port":1}',), _body_of(UpRequest)),
    _parser("body_ping", (b'{"host":"a","count":3,"timeout_s":1.5,"until_direct":false}',), _body_of(PingRequest)),
    _parser("body_netcheck", (b'{"network":"n","wait_s":1.5}',), _body_of(NetcheckRequest)),
    _parser("body_leave", (b'{"network":"n"}',), _body_of(LeaveRequest)),
    _parser("body_rekey", (b'{"network":"n"}',), _body_of(RekeyRequest)),
    _parser("body_reidentify", (b'{"network":"n","auth_key":"wk.x","hostname":"a"}',), _body_of(ReidentifyRequest)),
    _parser(
        "body_key_create", (b'{"reusable":true,"ephemeral":false,"tags":["a"],"expires_s":60}',), _body_of(KeyCreate)
    ),
    _parser("body_network", (b'{"name":"n"}',), _body_of(NetworkCreate)),
    _parser("body_rename", (b'{"name":"n"}',), _body_of(NetworkRename)),
    _parser("body_sign", (_SIGN,), _body_of(SignRequest)),
    _parser("body_waiting", (b'{"network":"n","who":"a"}',), _body_of(WaitingRequest)),
    _parser("body_founding", (_FOUND,), _body_of(FoundRequest)),
    _parser("body_root", (b'{"network":"n","secret":"wr.x","statement":"ab"}',), _body_of(RootRequest)),
    _parser("body_why", (b'{"source":"a","destination":"b","port":22,"protocol":"tcp"}',), _body_of(WhyRequest)),
    _parser("body_renew", (b'{"network":"n","auth_key":"wk.x"}',), _body_of(RenewRequest)),
    _parser("body_recovery", (b'{"network":"n"}',), _body_of(RecoveryRequest)),
    _parser("body_renewal", (b'{"key_id":"abcdefghi2","signature":"%s"}' % (b"0f" * 64),), _body_of(Renewal)),
    _parser("answer_renew", (_RENEWED,), _answer_of(RenewResult)),
    _parser("answer_recovery", (_RECOVERY,), _answer_of(RecoveryResult)),
    _parser("answer_sign", (_SIGNED,), _answer_of(SignResult)),
    _parser("answer_waiting", (_WAITING,), _answer_of(WaitingResult)),
    _parser("answer_why", (_WHY,), _answer_of(Why)),
    _parser("answer_status", (_STATUS, _HEAD % len(_STATUS) + _STATUS, _FAILED), _answer_of(Status)),
    _parser("answer_whoami", (_WHOAMI,), _answer_of(Whoami)),
    _parser("answer_config", (_CONFIG,), _answer_of(Config)),
    _parser("answer_plan", (_PLAN,), _answer_of(HostPlan)),
    _parser("answer_stream", (b"HTTP/1.1 200 \r\n\r\n" + _LINES,), check_stream),
    _parser("problem", (_PROBLEM,), check_problem),
)
