"""The local API over a real unix socket: who may call what, and what bad input does (nothing)."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from warren.errors import Code, WarrenError
from warren.limits import LOCAL_BODY_MAX_BYTES, LOCAL_CONNECTIONS_MAX, LOCAL_READERS_A_USER_MAX, LOCAL_READERS_MAX
from warren.node.api import http
from warren.node.api.caller import Caller, caller_of, right_of, uid_of_user, user_of_uid
from warren.node.api.http import LocalApi, Reply, Request
from warren.protocol.local.rights import NEEDED, Right
from warren.protocol.local.stream import Progress


class Answer(msgspec.Struct, frozen=True):
    """What the handlers here answer."""

    right: str


class Service:
    """Handlers that answer with the right of the caller, count their calls, and can be told to misbehave."""

    def __init__(self) -> None:
        self.right = Right.ROOT
        self.calls = 0
        self.hanging = asyncio.Event()
        self.cancelled = asyncio.Event()

    def routes(self) -> http.Routes:
        return dict.fromkeys(NEEDED, self.answer) | {
            ("POST", "/v1/ping"): self.stream,
            ("POST", "/v1/leave"): self.refuse,
            ("POST", "/v1/down"): self.hang,
            ("GET", "/v1/config"): self.fail,
        }

    async def answer(self, request: Request, reply: Reply) -> None:
        self.calls += 1
        await reply.result(Answer(request.right.name))

    async def stream(self, _request: Request, reply: Reply) -> None:
        for number in range(3):
            await reply.line(Progress(text=str(number)))
        raise WarrenError(Code.TIMEOUT, "late")

    async def refuse(self, _request: Request, _reply: Reply) -> None:
        raise WarrenError(Code.NETWORK_UNKNOWN, "no such network", "look")

    async def hang(self, _request: Request, _reply: Reply) -> None:
        self.hanging.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.cancelled.set()

    async def fail(self, _request: Request, _reply: Reply) -> None:
        raise RuntimeError("a bug")


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def api(tmp_path: Path, service: Service) -> AsyncIterator[LocalApi]:
    api = LocalApi(tmp_path / "run" / "warren.sock", service.routes(), lambda _: service.right)
    await api.open()
    yield api
    await api.close(1.0)


async def exchange(api: LocalApi, raw: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_unix_connection(api.path)
    async with asyncio.timeout(60):
        writer.write(raw)
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


async def is_cut(reader: asyncio.StreamReader) -> bool:
    """Whether the daemon ended the connection without a word."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def call(api: LocalApi, method: str, path: str, body: bytes = b"", *headers: str) -> tuple[int, Any]:
    lines = [f"{method} {path} HTTP/1.0", "host: localhost", f"content-length: {len(body)}", *headers, "", ""]
    status, answer = await exchange(api, "\r\n".join(lines).encode() + body)
    return status, json.loads(answer)


async def test_every_method_asks_for_its_right_and_gives_no_more(api: LocalApi, service: Service) -> None:
    for (method, path), needed in NEEDED.items():
        if service.routes()[method, path] != service.answer:
            continue
        for right in Right:
            service.right = right
            status, answer = await call(api, method, path)
            if right >= needed:
                assert (status, answer) == (200, {"right": right.name})
            else:
                assert (status, answer["code"]) == (403, "E_FORBIDDEN")


async def test_a_refused_call_never_reaches_the_handler(api: LocalApi, service: Service) -> None:
    service.right = Right.READER
    await call(api, "POST", "/v1/up", b"{}")
    assert service.calls == 0


async def test_what_is_not_in_the_table_does_not_exist(api: LocalApi) -> None:
    for method, path in (("GET", "/"), ("GET", "/v1/up"), ("DELETE", "/v1/status"), ("GET", "/v1/status?x=1")):
        status, answer = await call(api, method, path)
        assert (status, answer["code"]) == (404, "E_NOT_FOUND")


@pytest.mark.parametrize(
    "header", ["origin: https://evil.example", "sec-fetch-site: cross-site", "sec-fetch-mode: cors"]
)
async def test_a_web_page_is_refused(api: LocalApi, service: Service, header: str) -> None:
    status, answer = await call(api, "GET", "/v1/status", b"", header)
    assert (status, answer["code"], service.calls) == (403, "E_FORBIDDEN", 0)


async def test_a_foreign_host_is_refused(api: LocalApi, service: Service) -> None:
    status, _ = await exchange(api, b"GET /v1/status HTTP/1.0\r\nhost: evil.example\r\n\r\n")
    assert (status, service.calls) == (403, 0)


async def test_a_refusal_before_the_stream_is_a_problem_and_within_it_the_last_line(api: LocalApi) -> None:
    status, problem = await call(api, "POST", "/v1/leave")
    assert (status, problem["code"], problem["fix"]) == (404, "E_NETWORK_UNKNOWN", "look")
    status, body = await exchange(api, b"POST /v1/ping HTTP/1.0\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
    lines = [json.loads(line) for line in body.splitlines()]
    assert (status, [line["t"] for line in lines]) == (200, ["progress"] * 3 + ["problem"])
    assert lines[-1]["problem"]["code"] == "E_TIMEOUT"


async def test_a_bug_ends_one_call_and_not_the_daemon(api: LocalApi) -> None:
    reader, writer = await asyncio.open_unix_connection(api.path)
    writer.write(b"GET /v1/config HTTP/1.0\r\nhost: localhost\r\n\r\n")
    async with asyncio.timeout(60):
        assert await is_cut(reader)
    writer.close()
    assert (await call(api, "GET", "/v1/status"))[0] == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\n\r\n",
        b"GET /v1/status HTTP/1.0\r\nhost: localhost\r\nx: " + b"y" * 40_000 + b"\r\n\r\n",
        b"POST /v1/up HTTP/1.0\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/up HTTP/1.0\r\nhost: localhost\r\ncontent-length: 99999\r\n\r\n" + b"x" * (LOCAL_BODY_MAX_BYTES + 1),
    ],
    ids=["binary", "no path", "no host", "head too large", "negative length", "body too large"],
)  # fmt: skip
async def test_what_is_no_request_is_refused_with_a_status(api: LocalApi, service: Service, raw: bytes) -> None:
    status, _ = await exchange(api, raw)
    assert (status // 100, service.calls) == (4, 0)


async def test_a_caller_that_sends_one_byte_at_a_time_is_cut(api: LocalApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LOCAL_REQUEST_MAX_S", 0.05)
    reader, writer = await asyncio.open_unix_connection(api.path)
    writer.write(b"G")
    async with asyncio.timeout(60):
        assert await is_cut(reader)
    writer.close()


async def test_a_call_ends_when_its_caller_goes_away(api: LocalApi, service: Service) -> None:
    _, writer = await asyncio.open_unix_connection(api.path)
    writer.write(b"POST /v1/down HTTP/1.0\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
    await writer.drain()
    writer.close()
    async with asyncio.timeout(60):
        await service.cancelled.wait()


async def test_calls_that_are_ended_end_quietly(api: LocalApi, service: Service) -> None:
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    silent, writer = await asyncio.open_unix_connection(api.path)
    _, hanging = await asyncio.open_unix_connection(api.path)
    hanging.write(b"POST /v1/down HTTP/1.0\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
    async with asyncio.timeout(60):
        await service.hanging.wait()
        api.end_calls(but=None)
        await service.cancelled.wait()
        assert await is_cut(silent)
    for one in (writer, hanging):
        one.close()
    assert said == []


async def test_too_many_callers_are_turned_away_and_the_rest_served(api: LocalApi) -> None:
    waiting = [await asyncio.open_unix_connection(api.path) for _ in range(LOCAL_CONNECTIONS_MAX)]
    reader, writer = await asyncio.open_unix_connection(api.path)
    async with asyncio.timeout(60):
        assert await is_cut(reader)
    for _, one in (*waiting, (reader, writer)):
        one.close()
        await one.wait_closed()
    async with asyncio.timeout(60):
        while True:
            try:
                assert (await call(api, "GET", "/v1/status"))[0] == 200
                break
            except (ConnectionResetError, IndexError):
                await asyncio.sleep(0)


async def test_users_who_may_only_read_shut_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by a stranger on the machine who opened connections all the time: root's `warren down` failed."""
    uid = 1000
    monkeypatch.setattr(http, "caller_of", lambda _: Caller(pid=1, uid=uid, gid=uid))
    service = Service()
    api = LocalApi(tmp_path / "s", service.routes(), lambda caller: Right.READER if caller.uid else Right.ROOT)
    await api.open()
    held = []
    async with asyncio.timeout(60):
        for user in range(LOCAL_READERS_MAX // LOCAL_READERS_A_USER_MAX):
            uid = 1000 + user
            for _ in range(LOCAL_READERS_A_USER_MAX):
                reader, writer = await asyncio.open_unix_connection(api.path)
                writer.write(b"GET ")
                held.append((reader, writer))
            extra, closing = await asyncio.open_unix_connection(api.path)
            assert await is_cut(extra), "a user has its share"
            closing.close()
        uid = 2000
        another, closing = await asyncio.open_unix_connection(api.path)
        assert await is_cut(another), "all readers together have theirs"
        closing.close()
        uid = 0
        assert (await call(api, "GET", "/v1/status"))[0] == 200
    for _, one in held:
        one.close()
    await api.close(1.0)


async def test_everyone_may_connect_and_only_the_owner_may_change_the_folder(tmp_path: Path, service: Service) -> None:
    before = os.umask(0o077)
    try:
        api = LocalApi(tmp_path / "new" / "warren.sock", service.routes(), lambda _: Right.READER)
        await api.open()
    finally:
        os.umask(before)
    await api.close(1.0)
    assert stat.S_IMODE(api.path.parent.stat().st_mode) == 0o755


async def test_everyone_may_connect_to_the_socket_itself(api: LocalApi) -> None:
    assert stat.S_IMODE(api.path.stat().st_mode) == 0o666
    assert not api.path.parent.stat().st_mode & stat.S_IWOTH


async def test_a_stale_socket_is_replaced_and_the_own_one_is_taken_away(tmp_path: Path, service: Service) -> None:
    path = tmp_path / "warren.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    api = LocalApi(path, service.routes(), lambda _: Right.ROOT)
    await api.open()
    assert (await call(api, "GET", "/v1/status"))[0] == 200
    await api.close(1.0)
    assert not path.exists()


async def test_a_file_that_is_no_socket_is_not_deleted(tmp_path: Path, service: Service) -> None:
    path = tmp_path / "warren.sock"
    path.write_text("mine")
    with pytest.raises(WarrenError) as refused:
        await LocalApi(path, service.routes(), lambda _: Right.ROOT).open()
    assert refused.value.code is Code.INVALID_CONFIG
    assert path.read_text() == "mine"


def test_rights_follow_the_users_of_the_machine() -> None:
    assert right_of(Caller(1, 0, 0), None) is Right.ROOT
    assert right_of(Caller(1, os.geteuid(), 0), None) is Right.ROOT
    assert right_of(Caller(1, 54321, 0), None) is Right.READER
    assert right_of(Caller(1, 54321, 0), 54321) is Right.OPERATOR


def test_the_kernel_says_who_calls() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert caller_of(ours) == Caller(os.getpid(), os.geteuid(), os.getegid())


def test_users_are_found_by_name_and_number_and_nobody_else() -> None:
    assert uid_of_user("root") == 0
    assert uid_of_user("0") == 0
    assert user_of_uid(0) == "root"
    for name in ("no-such-user", "4294967290", "", "../x"):
        with pytest.raises(WarrenError) as refused:
            uid_of_user(name)
        assert refused.value.code is Code.INVALID_ARGUMENT
