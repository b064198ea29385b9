"""`/api/v1` over its two doors: everything on the admin socket, nothing without a right on the public side."""

import http.client
import socket
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.running import RunningServer, wait_until

from warren.errors import Code
from warren.limits import OPEN_BODY_MAX_BYTES
from warren.protocol.rest.networks import Network
from warren.protocol.rest.problem import MEDIA_TYPE, Problem
from warren.server.files import Folder
from warren.server.web import build, describe
from warren.trust import admission_key

APPROVED = Path(__file__).with_name("routes_without_authentication.txt")
PLACEHOLDERS = {
    "network": "default",
    "key_id": "aaaaaaaaaa",
    "member": "nobody",
    "user": "nobody",
    "token": "aaaaaaaaaa",
    "invited": "default",
    "listed": "default",
    "domain": "corp.example",
}


class AdminConnection(http.client.HTTPConnection):
    """HTTP over the admin socket, without any logic of a client in between."""

    def __init__(self, server: RunningServer) -> None:
        super().__init__("localhost", timeout=60)
        self._path = str(server.data / "admin.sock")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


def call(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, str, bytes]:
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    found = response.status, response.headers.get("content-type", ""), response.read()
    connection.close()
    return found


def public(server: RunningServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)


def approved_routes() -> set[str]:
    """`METHOD PATH` of what may answer without authentication."""
    lines = APPROVED.read_text().splitlines()
    return {line.partition(": ")[0] for line in lines if not line.startswith("#")}


def routes() -> list[tuple[str, str]]:
    """Every method and path of the description that needs a right, with its parameters filled in."""
    described, approved = describe()["paths"], {one.replace(":str}", "}") for one in approved_routes()}
    return sorted(
        (method.upper(), path.format(**PLACEHOLDERS))
        for path, methods in described.items()
        for method in methods
        if f"{method.upper()} {path}" not in approved
    )


def test_the_approved_list_is_what_answers_without_authentication() -> None:
    approved = approved_routes()

    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        """Stands where node sessions are served; nothing is called here."""

    no_services: Any = None
    application: Any = build(no_services, nobody)
    found = set()
    for route in application.routes:
        for handler in getattr(route, "route_handlers", None) or [route.route_handler]:
            if handler.opt.get("open"):
                methods = getattr(handler, "http_methods", {"WEBSOCKET"})
                found |= {
                    f"{getattr(method, 'value', method)} {route.path}" for method in methods if method != "OPTIONS"
                }
    assert found == approved


@pytest.mark.parametrize(("method", "path"), routes())
def test_without_a_right_the_public_side_answers_401_and_changes_nothing(
    server: RunningServer, method: str, path: str
) -> None:
    def stored() -> list[Any]:
        with sqlite3.connect(server.data / "warren.db") as database:
            queries = (
                "SELECT * FROM networks",
                "SELECT * FROM join_keys",
                "SELECT * FROM audit",
                "SELECT * FROM users",
                "SELECT * FROM tokens",
            )
            rows = [database.execute(query).fetchall() for query in queries]
        database.close()
        return rows

    before = stored()
    for body in (None, b"{}", b'{"name": "x"}'):
        headers = {"content-type": "application/json", "x-warren-admin": "1", "x-warren-peer": "127.0.0.1"}
        status, kind, content = call(public(server), method, path, body, **headers)
        assert (status, kind) == (401, MEDIA_TYPE)
        assert msgspec.json.decode(content, type=Problem).code == Code.UNAUTHENTICATED
    assert stored() == before


def test_metrics_are_not_for_the_public(server: RunningServer) -> None:
    assert call(public(server), "GET", "/metrics")[0] == 404
    status, _, text = call(AdminConnection(server), "GET", "/metrics")
    assert status == 200
    assert b"warren_sessions 0.0" in text
    assert b"warren_front_" in text


def test_health_says_ok(server: RunningServer) -> None:
    status, _, body = call(public(server), "GET", "/health")
    assert status == 200
    assert msgspec.json.decode(body)["status"] == "ok"


def test_the_description_is_openapi_3_1(server: RunningServer) -> None:
    status, _, body = call(public(server), "GET", "/api/v1/openapi.json")
    assert status == 200
    assert msgspec.json.decode(body)["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/v1/nothing", None, 404, Code.NOT_FOUND),
        ("PUT", "/api/v1/networks", b"{}", 405, Code.INVALID_ARGUMENT),
        ("GET", "/api/v1/networks/none", None, 404, Code.NETWORK_UNKNOWN),
        ("POST", "/api/v1/networks", b"{", 400, Code.INVALID_ARGUMENT),
        ("POST", "/api/v1/networks", b'{"name": "Not A Name"}', 400, Code.INVALID_ARGUMENT),
        ("POST", "/api/v1/networks", b'{"name": "default"}', 409, Code.CONFLICT),
        ("POST", "/api/v1/networks", b'{"name": "x", "prefix": "127.0.0.0/16"}', 400, Code.INVALID_ARGUMENT),
        ("POST", "/api/v1/networks", b'{"name": "x", "surprise": 1}', 400, Code.INVALID_ARGUMENT),
        ("POST", "/api/v1/networks/default/keys", b'{"expires_s": 0}', 400, Code.INVALID_ARGUMENT),
        ("POST", "/api/v1/networks/default/keys", b'{"tags": ["Bad Tag"]}', 400, Code.INVALID_ARGUMENT),
        ("DELETE", "/api/v1/networks/default/keys/unknown", None, 404, Code.NOT_FOUND),
        ("DELETE", "/api/v1/networks/default/members/nobody", None, 404, Code.NOT_FOUND),
        ("POST", "/api/v1/networks", b'"' + b"x" * 2_000_000 + b'"', 413, Code.TOO_LARGE),
    ],
)
def test_a_refusal_has_a_status_a_code_and_a_problem(  # noqa: PLR0917  # a row of the table
    server: RunningServer, method: str, path: str, body: bytes | None, status: int, code: Code
) -> None:
    answer = call(AdminConnection(server), method, path, body, **{"content-type": "application/json"})
    assert answer[:2] == (status, MEDIA_TYPE), answer
    problem = msgspec.json.decode(answer[2], type=Problem)
    assert (problem.status, problem.code) == (status, code)
    assert problem.detail


def test_a_key_is_shown_once_and_stored_by_its_public_half_only(server: RunningServer) -> None:
    secret = server.create_key()
    seed = secret.split(".")[2]
    _, _, listed = call(AdminConnection(server), "GET", "/api/v1/networks/default/keys")
    assert seed.encode() not in listed
    key = admission_key.parse(secret)
    raw = key.seed.reveal()
    stored = b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    assert key.public in stored  # the search finds what is there
    assert not [form for form in (seed.encode(), raw, raw.hex().encode()) if form in stored]
    assert seed not in server.log.read_text()


def test_a_network_is_shown_with_where_its_root_lives(server: RunningServer) -> None:
    network = server.rest.get("networks", "default", kind=Network)
    assert network.root == "this server"
    assert (server.data / "keys" / f"root-{network.id[:10]}.key").is_file()
    assert network.prefixes[0].startswith("100.")
    assert network.prefixes[0].endswith("/16")
    assert server.rest.get("networks", network.id[:12], kind=Network) == network


def test_who_hangs_up_in_the_middle_of_a_body_is_no_bug_of_ours(server: RunningServer) -> None:
    """Found by bad input for the sign-on pages: each such request was an ERROR with a traceback.

    Straight to the web part, as when the front is killed amid a body: else the front keeps what is not whole."""
    for path in (b"/api/v1/device", b"/sign-on"):
        with socket.socket(socket.AF_UNIX) as cut:
            cut.connect(str(Folder(server.data).web_socket))
            host = f"127.0.0.1:{server.port}".encode()
            head = b"POST " + path + b" HTTP/1.1\r\nhost: " + host + b"\r\norigin: http://" + host
            cut.sendall(head + b"\r\ncontent-type: application/json\r\ncontent-length: 120\r\n\r\n{")
    wait_until(lambda: 'status="400"' in call(AdminConnection(server), "GET", "/metrics")[2].decode())
    assert "error" not in server.log.read_text()


@pytest.mark.parametrize("body", [b'{"hostname":"\xd9"}', b"[" * 5000, b'{"hostname":' + b"[" * 5000, b"\xff", b"{"])
def test_a_body_that_is_no_json_is_refused_and_no_bug_of_ours(server: RunningServer, body: bytes) -> None:
    """Found by fuzzing: text that is no UTF-8, and arrays in arrays, were an ERROR with a traceback each."""
    status, kind, content = call(public(server), "POST", "/api/v1/device", body, **{"content-type": "application/json"})
    assert (status, kind) == (400, MEDIA_TYPE), content
    assert msgspec.json.decode(content, type=Problem).code == Code.INVALID_ARGUMENT
    assert "error" not in server.log.read_text()


def test_a_program_that_asks_says_little(server: RunningServer) -> None:
    body = b'{"hostname":"' + b"x" * OPEN_BODY_MAX_BYTES + b'"}'
    headers = {"content-type": "application/json", "authorization": "Bearer wt.none.such"}
    for path in ("/api/v1/device", "/sign-on"):
        status, _, content = call(public(server), "POST", path, body, **headers, **{"sec-fetch-site": "same-origin"})
        assert status == 413, (path, content)
