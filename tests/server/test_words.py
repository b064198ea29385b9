"""Text that one of the databases refuses is refused before either is asked: 400 with a reason, never 'try again'."""

import http.client
from typing import Any

import msgspec
import pytest
from tests.server.running import RunningServer
from tests.server.test_rest import AdminConnection, call

from warren.errors import Code
from warren.protocol.rest.paging import ByName, show_cursor
from warren.protocol.rest.problem import Problem

N = "/api/v1/networks/default"
WORDS: list[tuple[str, str, Any]] = [
    ("GET", "/api/v1/audit?action=%00", None),
    ("GET", "/api/v1/audit?%00=a", None),
    ("GET", f"{N}/audit?action=a%00b", None),
    ("GET", "/api/v1/networks/%00", None),
    ("GET", f"{N}/members?cursor={show_cursor(ByName(chr(0), bytes(32)))}", None),
    ("DELETE", f"{N}/keys/%00", None),
    ("DELETE", f"{N}/keys/a%00b", None),
    ("DELETE", f"{N}/members/%00", None),
    ("DELETE", f"{N}/invitations/%00", None),
    ("DELETE", "/api/v1/tokens/%00", None),
    ("PATCH", "/api/v1/users/%00", {"disabled": True}),
    ("POST", f"{N}/invitations", {"user": "a\0b"}),
    ("POST", f"{N}/keys", {"tags": ["a\0"]}),
    ("POST", "/api/v1/tokens", {"name": "a\0"}),
    ("POST", "/api/v1/tokens", b'{"name": "\\ud800"}'),
    ("POST", "/api/v1/networks", {"name": "a\0b"}),
    ("POST", "/api/v1/device", {"program": "a\0b"}),
    ("POST", "/api/v1/device", {"a\0b": 1}),
]


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


@pytest.mark.parametrize(("method", "path", "body"), WORDS)
def test_a_word_that_no_database_holds_is_a_bad_request(
    server: RunningServer, method: str, path: str, body: Any
) -> None:
    raw = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
    status, _, answer = call(AdminConnection(server), method, path, raw, **{"content-type": "application/json"})
    problem = msgspec.json.decode(answer, type=Problem)
    assert (status, problem.code) == (400, Code.INVALID_ARGUMENT.value), problem
    assert problem.detail


def test_the_same_in_a_form(server: RunningServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    status, _, _ = call(
        connection, "POST", "/sign-on", b"name=%00&password=b",
        **{"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"},
    )  # fmt: skip
    assert status == 400


def test_what_looks_alike_is_taken(server: RunningServer) -> None:
    body = msgspec.json.encode({"name": "back\\u0000slash \U0001f600 ü"})
    _, _, answer = call(AdminConnection(server), "POST", "/api/v1/tokens", body, **{"content-type": "application/json"})
    assert b"surrogate" not in answer, answer
