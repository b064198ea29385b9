"""Requests that come twice: what was lost is answered again, nothing is made twice, no other one is taken for it."""

import itertools
import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from tests.server.node import TestNode
from tests.server.running import RunningServer
from tests.server.test_accounts import PASSWORD, Person
from tests.server.test_rest import call, public

from warren.protocol.rest.audit import AuditEntry, AuditPage
from warren.protocol.rest.networks import take_over_statement
from warren.server.web import ROUTES, describe
from warren.trust import root_key

API = "/api/v1"
WITHOUT = {
    "askForApproval": "nobody is known yet who a word could belong to; what is asked for ends by itself in minutes",
    "pollApproval": "the secret that is polled with is the word: it is answered again for a minute",
    "renewMember": "signed by a key of the machine's person; done twice it is as done once",
    "revokeKey": "done twice it is as done once, with the first date",
    "revokeToken": "done twice it is as done once, with the first date",
    "takeFactors": "done twice it is as done once",
    "unlistNetwork": "done twice it is as done once",
    "giveUpDomain": "done twice it is as done once",
    "deleteNetwork": "its owner has no right in it any more: 404 says that it is gone",
}
_numbers = itertools.count(1)


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


def send(  # noqa: PLR0917  # who says what to whom
    server: RunningServer, person: Person, method: str, path: str, body: object = None, key: str = ""
) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {person.token}", "content-type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    content = None if body is None else json.dumps(body).encode()
    status, _, answer = call(public(server), method, f"{API}/{path}", content, **headers)
    return status, json.loads(answer)


def newest(server: RunningServer) -> AuditEntry:
    return server.rest.get("audit", kind=AuditPage, query={"limit": "1"}).entries[0]


def word() -> str:
    return os.urandom(16).hex()


@dataclass(frozen=True, slots=True)
class Case:
    """A request that changes something, and who makes it."""

    who: Person
    method: str
    path: str
    body: object = None


_known: dict[str, tuple[Person, Person, Person]] = {}  # of each server: passwords are dear to make


class Scene:
    """A network with its owner, a server's admin, and somebody who is in nothing."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        if server.url not in _known:
            _known[server.url] = (Person(server), Person(server, admin=True), Person(server))
        self.owner, self.root, self.alice = _known[server.url]
        self.name = f"twice{next(_numbers)}"
        assert send(server, self.owner, "POST", "networks", {"name": self.name})[0] == 201
        self.at = f"networks/{self.name}"

    def invite(self) -> None:
        assert send(self.server, self.owner, "POST", f"{self.at}/invitations", {"user": self.alice.name})[0] == 201

    def proof(self) -> str:
        shown = send(self.server, self.owner, "POST", f"{self.at}/take-over", {})[1]
        network, root = root_key.parse_root(shown["secret"])
        return root.sign(take_over_statement(network)).hex()


async def kicked(scene: Scene) -> Case:
    async with TestNode(scene.server.node_url) as node:
        assert await node.join(scene.server.create_key(scene.name), "victim") is None
    return Case(scene.owner, "DELETE", f"{scene.at}/members/victim")


async def accepted(scene: Scene) -> Case:
    scene.invite()
    return Case(scene.alice, "POST", f"invitations/{scene.name}")


async def declined(scene: Scene) -> Case:
    scene.invite()
    return Case(scene.alice, "DELETE", f"invitations/{scene.name}")


async def withdrawn(scene: Scene) -> Case:
    scene.invite()
    return Case(scene.owner, "DELETE", f"{scene.at}/invitations/{scene.alice.name}")


async def asked(scene: Scene) -> Case:
    assert send(scene.server, scene.owner, "PUT", f"{scene.at}/listing", {"text": "come"})[0] == 200
    return Case(scene.alice, "POST", f"listing/{scene.name}", {"text": "please"})


async def invited(scene: Scene) -> Case:
    return Case(scene.owner, "POST", f"{scene.at}/invitations", {"user": scene.alice.name})


async def network(scene: Scene) -> Case:
    return Case(scene.owner, "POST", "networks", {"name": f"{scene.name}b"})


async def key(scene: Scene) -> Case:
    return Case(scene.owner, "POST", f"{scene.at}/keys", {"uses": 3})


async def user(scene: Scene) -> Case:
    return Case(scene.root, "POST", "users", {"name": f"made-for-{scene.name}", "password": PASSWORD})


async def token(scene: Scene) -> Case:
    return Case(scene.owner, "POST", "tokens", {"scope": "read"})


async def taken_over(scene: Scene) -> Case:
    return Case(scene.owner, "POST", f"{scene.at}/take-over", {"proof": scene.proof()})


CASES: dict[str, Callable[[Scene], Any]] = {
    "createNetwork": network,
    "takeOverNetwork": taken_over,
    "createKey": key,
    "kickMember": kicked,
    "createUser": user,
    "createToken": token,
    "inviteUser": invited,
    "withdrawInvitation": withdrawn,
    "acceptInvitation": accepted,
    "declineInvitation": declined,
    "askToBeLetIn": asked,
}


def test_every_route_that_makes_something_or_uses_something_up_takes_a_key() -> None:
    changing = {
        str(handler.operation_id)
        for handler in ROUTES
        if {getattr(method, "value", method) for method in handler.http_methods} & {"POST", "DELETE"}
    }
    taking = {
        described["operationId"]
        for methods in describe()["paths"].values()
        for described in methods.values()
        if any(one["in"] == "header" and one["name"] == "Idempotency-Key" for one in described.get("parameters", ()))
    }
    assert changing == taking | WITHOUT.keys()
    assert taking == CASES.keys()


@pytest.mark.parametrize("operation", CASES)
async def test_the_same_request_is_carried_out_once_and_answered_again(server: RunningServer, operation: str) -> None:
    case, again = await CASES[operation](Scene(server)), word()
    first = send(server, case.who, case.method, case.path, case.body, again)
    assert first[0] in {200, 201}, first
    logged = newest(server)
    assert send(server, case.who, case.method, case.path, case.body, again) == first
    assert send(server, case.who, case.method, case.path, case.body, f'"{again}"') == first, "quoted, as some send it"
    assert newest(server) == logged, "nothing was done a second time"
    other = send(server, case.who, case.method, f"{case.path}?x=1", case.body, again)
    assert (other[0], other[1]["code"]) == (422, "E_REPEAT_MISMATCH")
    assert newest(server) == logged
    unkeyed = send(server, case.who, case.method, case.path, case.body)
    assert unkeyed != first or newest(server) != logged, "without the word it is another request"


def test_another_body_route_or_method_with_the_same_word_is_refused_and_changes_nothing(server: RunningServer) -> None:
    scene, again = Scene(server), word()
    assert send(server, scene.owner, "POST", f"{scene.at}/keys", {"uses": 2}, again)[0] == 201
    logged = newest(server)
    for method, path, body in (
        ("POST", f"{scene.at}/keys", {"uses": 3}),
        ("POST", f"{scene.at}/keys", {}),
        ("POST", "tokens", {"uses": 2}),
        ("POST", "networks", {"name": f"{scene.name}c"}),
        ("DELETE", f"{scene.at}/invitations/{scene.alice.name}", None),
    ):
        status, problem = send(server, scene.owner, method, path, body, again)
        assert status == 422 or (path == "tokens" and status == 400), problem
    assert newest(server) == logged


def test_a_word_belongs_to_one_token(server: RunningServer) -> None:
    alice, again = Scene(server).alice, word()
    own = Person(server)
    body, path = {"scope": "read"}, "tokens"
    mine = send(server, own, "POST", path, body, again)
    hers = send(server, alice, "POST", path, body, again)
    own.token = own.make_token("admin")
    others = send(server, own, "POST", path, body, again)
    assert [answer[0] for answer in (mine, hers, others)] == [201] * 3
    assert len({answer[1]["secret"] for answer in (mine, hers, others)}) == 3
    own.token = own.make_token("read")
    assert send(server, own, "POST", path, body, again)[0] == 403, "rights are asked for first"


def test_of_many_that_come_at_once_one_is_carried_out_and_all_get_its_answer(server: RunningServer) -> None:
    scene = Scene(server)
    for path, body in (
        (f"{scene.at}/keys", {}),
        ("networks", {"name": f"{scene.name}d"}),
    ):
        again = word()
        with ThreadPoolExecutor(10) as pool:
            answers = list(
                pool.map(lambda _: send(server, scene.owner, "POST", path, body, again), range(10))  # noqa: B023
            )
        assert {status for status, _ in answers} == {201}
        assert len({json.dumps(answer) for _, answer in answers}) == 1
    assert len(send(server, scene.owner, "GET", f"{scene.at}/keys")[1]["keys"]) == 1
    roots = {path.name for path in (server.data / "keys").glob("root-*")}
    known = {
        f"root-{one['id'][:10]}.key" for one in send(server, scene.root, "GET", "networks?limit=1000")[1]["networks"]
    }
    assert roots <= known, "no root key is left of what was undone"


def test_a_refusal_is_not_kept(server: RunningServer) -> None:
    scene, again = Scene(server), word()
    assert send(server, scene.alice, "POST", f"invitations/{scene.name}", None, again)[0] == 404
    scene.invite()
    assert send(server, scene.alice, "POST", f"invitations/{scene.name}", None, again)[1]["state"] == "in"


@pytest.mark.parametrize("key", ["", '""', "with blank", "x" * 256, 'a"b', "caf\xe9", "back\\slash"])
def test_what_is_no_word_is_refused(server: RunningServer, key: str) -> None:
    person = Scene(server).alice
    headers = {"authorization": f"Bearer {person.token}", "content-type": "application/json", "Idempotency-Key": key}
    status, _, answer = call(public(server), "POST", f"{API}/tokens", b"{}", **headers)
    assert (status, json.loads(answer)["code"]) == (400, "E_INVALID_ARGUMENT")


def test_nothing_of_an_answer_a_body_or_a_word_is_at_rest(server: RunningServer) -> None:
    scene, again = Scene(server), word()
    made = send(server, scene.owner, "POST", f"{scene.at}/keys", {}, again)[1]["secret"]
    password = f"unlikely words {again}"
    send(server, scene.root, "POST", "users", {"name": f"rest-{scene.name}", "password": password}, again)
    stored = b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    for secret in (made.split(".")[2], password, again):
        assert secret.encode() not in stored
    assert not re.search(again, server.log.read_text())


async def test_the_secret_that_was_answered_again_admits(server: RunningServer) -> None:
    scene, again = Scene(server), word()
    send(server, scene.owner, "POST", f"{scene.at}/keys", {}, again)
    secret = send(server, scene.owner, "POST", f"{scene.at}/keys", {}, again)[1]["secret"]
    async with TestNode(server.node_url) as node:
        assert await node.join(secret, "once") is None
