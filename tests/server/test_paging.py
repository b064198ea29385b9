"""Lists page by page: each entry that stays is seen once, whatever comes and goes; a cursor is of one list."""

import base64
import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.server.node import TestNode
from tests.server.running import RunningServer
from tests.server.test_accounts import Person
from tests.server.test_rest import public

from warren.cli.main import main
from warren.client import rest
from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.protocol.rest import paging
from warren.protocol.rest.keys import Keys
from warren.server.web import ROUTES, describe

API = "/api/v1"
NOT_PAGED = {"listNetwork": "lists a network, PUT"}
_numbers = itertools.count(1)


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


_known: dict[str, list[Person]] = {}  # of each server: passwords are dear to make


def crowd(server: RunningServer) -> list[Person]:
    """Seven people, who are in nothing but what others do to them here."""
    if server.url not in _known:
        _known[server.url] = [Person(server) for _ in range(7)]
    return _known[server.url]


class Scene:
    """Somebody's network, and how a list in it grows and shrinks."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.owner = crowd(server)[0]
        self.name = f"paged{next(_numbers)}"
        self.ask("POST", "networks", {"name": self.name})
        self.at = f"networks/{self.name}"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        status, answer = self.owner.call(method, f"{API}/{path}", body)
        assert status in {200, 201}, answer
        return answer

    def page(self, address: str) -> tuple[dict[str, Any], str]:
        """A page, and where its Link header says that the next one is."""
        connection = public(self.server)
        connection.request("GET", address, headers={"authorization": f"Bearer {self.owner.token}"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
        link = response.headers.get("link", "")
        connection.close()
        found = re.fullmatch(r'<([^>]+)>; rel="next"', link)
        assert (found is None) == (answer["next"] is None)
        return answer, "" if found is None else found[1]


class Growing:
    """A list: its path, the name of its entries and what tells them apart."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    async def keys(self) -> tuple[str, str, str, Callable[[], None]]:
        def more() -> None:
            self.scene.ask("POST", f"{self.scene.at}/keys", {})

        return f"{self.scene.at}/keys", "keys", "id", more

    async def tokens(self) -> tuple[str, str, str, Callable[[], None]]:
        def more() -> None:
            self.scene.ask("POST", "tokens", {"scope": "read"})

        return "tokens", "tokens", "id", more

    async def networks(self) -> tuple[str, str, str, Callable[[], None]]:
        def more() -> None:
            self.scene.ask("POST", "networks", {"name": f"more{next(_numbers)}"})

        return "networks", "networks", "id", more

    async def audit(self) -> tuple[str, str, str, Callable[[], None]]:
        _, _, _, more = await self.keys()
        return f"{self.scene.at}/audit", "entries", "number", more

    async def invitations(self) -> tuple[str, str, str, Callable[[], None]]:
        people = iter(crowd(self.scene.server)[1:])

        def more() -> None:
            self.scene.ask("POST", f"{self.scene.at}/invitations", {"user": next(people).name})

        return f"{self.scene.at}/invitations", "invitations", "user", more

    async def own_invitations(self) -> tuple[str, str, str, Callable[[], None]]:
        host = crowd(self.scene.server)[1]

        def more() -> None:
            name = f"host{next(_numbers)}"
            assert host.call("POST", f"{API}/networks", {"name": name})[0] == 201
            invite = {"user": self.scene.owner.name}
            assert host.call("POST", f"{API}/networks/{name}/invitations", invite)[0] == 201

        return "invitations", "invitations", "network", more

    async def listing(self) -> tuple[str, str, str, Callable[[], None]]:
        def more() -> None:
            name = f"listed{next(_numbers)}"
            self.scene.ask("POST", "networks", {"name": name})
            self.scene.ask("PUT", f"networks/{name}/listing", {"text": "come"})

        return "listing", "networks", "name", more

    async def users(self) -> tuple[str, str, str, Callable[[], None]]:
        self.scene.owner = Person(self.scene.server, admin=True)

        def more() -> None:
            Person(self.scene.server)

        return "users", "users", "id", more


LISTS = {
    "listKeys": Growing.keys,
    "listTokens": Growing.tokens,
    "listNetworks": Growing.networks,
    "listNetworkAudit": Growing.audit,
    "listInvitations": Growing.invitations,
    "listOwnInvitations": Growing.own_invitations,
    "showListing": Growing.listing,
    "listUsers": Growing.users,
}
MEMBERS = {"listMembers", "listAudit"}  # by tests of their own


def test_every_list_is_paged_in_the_one_shape() -> None:
    lists = {
        str(handler.operation_id)
        for handler in ROUTES
        if str(handler.operation_id).startswith("list") or handler.operation_id == "showListing"
    }
    paged = {
        described["operationId"]
        for methods in describe()["paths"].values()
        for described in methods.values()
        if {"cursor", "limit"} <= {one["name"] for one in described.get("parameters", ())}
    }
    assert lists == paged | NOT_PAGED.keys()
    assert paged == LISTS.keys() | MEMBERS


@pytest.mark.parametrize("operation", LISTS)
async def test_what_stays_is_seen_once_while_a_list_grows(server: RunningServer, operation: str) -> None:
    scene = Scene(server)
    path, entries, tell, more = await LISTS[operation](Growing(scene))
    for _ in range(5):
        more()
    whole = [one[tell] for one in scene.page(f"{API}/{path}?limit=1000")[0][entries]]
    assert len(whole) >= 5
    seen: list[object] = []
    address = f"{API}/{path}?limit=2"
    while address:
        answer, address = scene.page(address)
        assert 1 <= len(answer[entries]) <= 2
        seen += [one[tell] for one in answer[entries]]
        if len(seen) == 2:
            more()
    assert [one for one in seen if one in whole] == whole
    assert len(seen) == len(set(seen)) <= len(whole) + 1


async def test_members_are_seen_once_while_some_leave_and_others_join(server: RunningServer) -> None:
    scene = Scene(server)
    key = scene.ask("POST", f"{scene.at}/keys", {"reusable": True})["secret"]
    nodes = {name: TestNode(server.node_url) for name in ("bert", "carl", "dora", "emil", "fritz", "anna")}
    for name in ("bert", "carl", "dora", "emil", "fritz"):
        async with nodes[name] as node:
            assert await node.join(key, name) is None
    first, address = scene.page(f"{API}/{scene.at}/members?limit=2")
    assert [one["name"] for one in first["members"]] == ["bert", "carl"]
    scene.ask("DELETE", f"{scene.at}/members/carl")  # where the cursor stands
    scene.ask("DELETE", f"{scene.at}/members/bert")
    async with nodes["anna"] as node:
        assert await node.join(scene.ask("POST", f"{scene.at}/keys", {})["secret"], "anna") is None
    second, address = scene.page(address)
    third, end = scene.page(address)
    assert [one["name"] for one in second["members"] + third["members"]] == ["dora", "emil", "fritz"]
    assert end == ""


def coded(place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        coded(["d", 1]),
        coded(["d", -1, "a"]),
        coded(["d", 2**63, "a"]),
        coded(["d", 1, "a\x00b"]),
        coded(["d", 1, "a" * 256]),
        coded(["d", 1, "a", 2]),
        coded(["d", True, "a"]),
        coded({"at": 1, "id": "a"}),
        paging.show_cursor(paging.ByNumber(1)),
        paging.show_cursor(paging.ByDate(1, "a")) + "=",
        base64.urlsafe_b64encode(b'["d",1,"\\ud800"]').decode().rstrip("="),
        base64.urlsafe_b64encode(b'["d", 1,"a"]').decode().rstrip("="),
        "A" * 1025,
    ],
)
def test_what_is_no_cursor_of_a_list_is_refused(server: RunningServer, cursor: str) -> None:
    status, problem = crowd(server)[0].call("GET", f"{API}/tokens?cursor={cursor}")
    assert (status, problem["code"]) == (400, "E_INVALID_ARGUMENT")


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", ""])
def test_a_limit_has_bounds(server: RunningServer, limit: str) -> None:
    assert crowd(server)[0].call("GET", f"{API}/networks?limit={limit}")[0] == 400


def test_a_cursor_opens_nothing(server: RunningServer) -> None:
    scene, stranger = Scene(server), crowd(server)[1]
    for _ in range(2):
        scene.ask("POST", f"{scene.at}/keys", {})
    following = scene.page(f"{API}/{scene.at}/keys?limit=1")[0]["next"]
    assert stranger.call("GET", f"{API}/{scene.at}/keys?cursor={following}")[0] == 404
    own = Scene(server)
    assert own.page(f"{API}/{own.at}/keys?cursor={following}")[0]["keys"] == []


def test_without_a_limit_a_page_has_a_hundred(server: RunningServer) -> None:
    scene = Scene(server)
    connection = public(server)
    for _ in range(101):
        headers = {"authorization": f"Bearer {scene.owner.token}", "content-type": "application/json"}
        connection.request("POST", f"{API}/{scene.at}/keys", b"{}", headers)
        assert connection.getresponse().read()
    connection.close()
    page, address = scene.page(f"{API}/{scene.at}/keys")
    assert len(page["keys"]) == 100
    assert len(scene.page(address)[0]["keys"]) == 1


def test_the_command_line_follows_every_page(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene(server)
    for _ in range(5):
        scene.ask("POST", f"{scene.at}/keys", {})
    monkeypatch.setattr(rest, "PAGE_MAX", 2)
    assert main(["key", "list", "--network", scene.name, "--server", str(server.data), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["keys"]
    assert len({one["id"] for one in listed}) == len(listed) == 5
    assert main(["audit", "--network", scene.name, "--server", str(server.data), "--limit", "5", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)["entries"]
    assert [one["action"] for one in entries] == ["key.created"] * 5


def test_a_list_without_end_is_left(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client = RestClient(str(server.data))
    monkeypatch.setattr(rest, "CLIENT_PAGES_MAX", 3)
    asked: list[object] = []

    def endless(*path: str, kind: type[Keys], query: dict[str, str]) -> Keys:
        asked.append((path, dict(query)))
        return kind(keys=(), next="more")

    monkeypatch.setattr(client, "get", endless)
    with pytest.raises(WarrenError) as caught:
        list(client.pages("keys", kind=Keys))
    assert caught.value.code is Code.TOO_LARGE
    assert len(asked) == 3
