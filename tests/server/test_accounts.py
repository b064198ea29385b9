"""People of a server and their tokens, over the public port, on each database."""

import itertools
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.server.running import RunningServer
from tests.server.test_rest import call, public, routes

from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.protocol.rest.networks import Networks
from warren.protocol.rest.tokens import TokenCreate, TokenCreated, Tokens
from warren.protocol.rest.users import Me, User, UserChange, UserCreate

PASSWORD = "four words nobody joins"
_numbers = itertools.count(1)


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


@pytest.fixture(autouse=True)
def _own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("WARREN_TOKEN", raising=False)


class Person:
    """A user with a token, calling over the public port."""

    def __init__(self, server: RunningServer, *, admin: bool = False, scope: str = "admin") -> None:
        self.name = f"person{next(_numbers)}"
        self._server = server
        body = UserCreate(name=self.name, password=PASSWORD, admin=admin)
        self.user = server.rest.post("users", body=body, kind=User)
        self.token = self.make_token(scope)

    def make_token(self, scope: str) -> str:
        body = TokenCreate(scope=scope)  # type: ignore[arg-type]
        return self._server.rest.post("tokens", body=body, kind=TokenCreated, query={"user": self.name}).secret

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        status, _, answer = call(public(self._server), method, path, content, **headers)
        return status, json.loads(answer)


def refused(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["code"]


def test_whoever_makes_a_network_owns_it_and_others_do_not_see_it(server: RunningServer) -> None:
    alice, bob = Person(server), Person(server)
    status, made = alice.call("POST", "/api/v1/networks", {"name": f"net{next(_numbers)}"})
    assert status == 201
    assert [one["name"] for one in alice.call("GET", "/api/v1/networks")[1]["networks"]] == [made["name"]]
    assert bob.call("GET", "/api/v1/networks")[1]["networks"] == []
    assert alice.call("POST", f"/api/v1/networks/{made['name']}/keys", {})[0] == 201
    theirs, nobodys = (refused(bob.call("GET", f"/api/v1/networks/{name}/keys")) for name in (made["name"], "no-such"))
    assert theirs == nobodys == (404, "E_NETWORK_UNKNOWN")
    assert refused(alice.call("GET", "/api/v1/networks/default")) == (404, "E_NETWORK_UNKNOWN")
    assert alice.call("DELETE", f"/api/v1/networks/{made['name']}")[0] == 200


@pytest.fixture(scope="module")
def stranger(server: RunningServer) -> Person:
    """A user who owns nothing."""
    return Person(server)


@pytest.mark.parametrize(("method", "path"), routes())
def test_a_foreign_object_is_neither_shown_nor_changed_whatever_the_route(
    server: RunningServer, stranger: Person, method: str, path: str
) -> None:
    own = {f"/api/v1/{name}" for name in ("me", "networks", "tokens", "founding", "invitations", "listing")}
    if path in own:
        return
    # whose body is read before the network is looked for says what is wrong with the body
    early = {400} if "/listing/" in path else set()
    bodies: tuple[object, ...] = (None, {}, {"name": "x"}, {"disabled": True})
    for body in bodies:
        status, problem = stranger.call(method, path, body)
        assert status in {403, 404} | early, (status, problem)
    assert "default" in {one.name for one in server.rest.get("networks", kind=Networks).networks}


def test_a_token_reads_or_manages_or_administers_as_it_was_made(server: RunningServer) -> None:
    alice = Person(server, scope="read")
    assert alice.call("GET", "/api/v1/me")[1]["scopes"] == ["read"]
    assert refused(alice.call("POST", "/api/v1/networks", {"name": "x"})) == (403, "E_FORBIDDEN")
    alice.token = alice.make_token("manage")
    assert alice.call("POST", "/api/v1/networks", {"name": f"net{next(_numbers)}"})[0] == 201
    assert refused(alice.call("POST", "/api/v1/tokens", {})) == (
        403,
        "E_FORBIDDEN",
    )  # or make a stronger one
    alice.token = alice.make_token("admin")
    assert alice.call("POST", "/api/v1/tokens", {"scope": "read"})[0] == 201
    assert refused(alice.call("GET", "/api/v1/users")) == (403, "E_FORBIDDEN")


def test_an_admin_of_the_server_sees_everything_and_shuts_a_user_out_at_once(server: RunningServer) -> None:
    root, alice = Person(server, admin=True), Person(server)
    assert alice.call("GET", "/api/v1/me")[0] == 200
    assert alice.name in {one["name"] for one in root.call("GET", "/api/v1/users")[1]["users"]}
    assert root.call("PATCH", f"/api/v1/users/{alice.user.id}", {"disabled": True})[1]["disabled_at"] is not None
    assert refused(alice.call("GET", "/api/v1/me")) == (401, "E_UNAUTHENTICATED")
    assert server.rest.patch("users", alice.name, body=UserChange(disabled=False), kind=User).disabled_at is None
    assert alice.call("GET", "/api/v1/me")[0] == 200


def test_a_token_that_is_not_right_has_one_answer_for_every_reason(server: RunningServer) -> None:
    alice = Person(server)
    prefix, token, secret = alice.token.split(".")
    good, answers = alice.token, []
    for wrong in (
        f"{prefix}.{token}.{secret[:-2]}AA",
        f"{prefix}.aaaaaaaaaa.{secret}",
        "wt",
        "",
        "wt..",
        f"wk.{token}.{secret}",
    ):
        alice.token = wrong
        answers.append(alice.call("GET", "/api/v1/me"))
    alice.token = good
    assert alice.call("DELETE", f"/api/v1/tokens/{token}")[1]["state"] == "revoked"
    answers.append(alice.call("GET", "/api/v1/me"))
    assert {answer[0] for answer in answers} == {401}
    assert len({answer[1]["detail"] for answer in answers if "needs a token" not in answer[1]["detail"]}) == 1


def test_tokens_of_others_are_out_of_reach(server: RunningServer) -> None:
    alice, bob = Person(server), Person(server)
    token = bob.token.split(".")[1]
    assert refused(alice.call("DELETE", f"/api/v1/tokens/{token}")) == (404, "E_NOT_FOUND")
    assert refused(alice.call("GET", f"/api/v1/tokens?user={bob.name}")) == (403, "E_FORBIDDEN")
    assert bob.call("GET", "/api/v1/me")[0] == 200
    with pytest.raises(WarrenError) as caught:
        server.rest.get("tokens", kind=Tokens)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_neither_passwords_nor_tokens_are_at_rest_or_in_the_log(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    try:
        alice = Person(server)
        secret = alice.token.split(".")[2]
        stored = b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())
        assert b"$argon2id$" in stored  # the search finds what is there
        assert PASSWORD.encode() not in stored
        assert secret.encode() not in stored
        assert PASSWORD not in server.log.read_text()
        with sqlite3.connect(server.data / "warren.db") as database:
            words = {row[0] for row in database.execute("SELECT action FROM audit")}
        database.close()
        assert {"user.created", "token.created"} <= words
    finally:
        server.stop()


def test_the_client_sends_a_token_to_its_server_and_never_in_the_clear(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = Person(server)
    monkeypatch.setenv("WARREN_TOKEN", alice.token)
    assert RestClient(server.url).get("me", kind=Me).name == alice.name
    with pytest.raises(WarrenError) as caught:
        RestClient("http://192.0.2.1:8443").get("me", kind=Me)
    assert caught.value.code is Code.FORBIDDEN
