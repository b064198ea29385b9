"""SECURITY.md rules 13 and 16, F27: whoever names an object of another network, or of somebody else, hears that it is
not there, and it stays as it is; also where both networks are theirs.

Every parameter of every route is tried, as the server describes them: with what is another's, with what never was (the
answers are the same), and with what is the caller's own (which is found). A parameter without a line here fails.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.server.node import TestNode
from tests.server.running import RunningServer
from tests.server.test_accounts import Person

from warren.server.accounts.rules import Right
from warren.server.web import ROUTES, describe

API = "/api/v1"
_numbers = itertools.count(1)
OPEN = {str(one.operation_id) for one in ROUTES if one.opt.get("open")}
"""Takes no token: by whose key a machine is renewed is tried in `tests/unit/server/test_foreign.py`."""
OF_THE_SERVER = {str(one.operation_id) for one in ROUTES if one.opt.get("right", Right.SERVER) is Right.SERVER}
"""For the server's admins, to whom nothing is foreign; whoever else calls them is refused (`test_route_table.py`)."""
NO_OBJECT = {"cursor", "limit", "action", "keep_key", "idempotency-key"}


@dataclass(frozen=True, slots=True)
class Owned:
    """A network with one of each in it."""

    name: str
    key: str
    member: str
    hostname: str
    invited: str
    domain: str


class Place:
    """A server on which alice has two networks and bob one; all calls are alice's, about the first of hers."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.alice, self.bob = Person(server), Person(server)
        self.own, self.second, self.theirs = (self.found(one) for one in (self.alice, self.alice, self.bob))
        self.stranger, self.guest = Person(server), Person(server)
        self.ask(self.alice, "PUT", f"/networks/{self.own.name}/listing", {"text": "come"})
        self.bobs_token = self.bob.make_token("read").split(".")[1]
        self.before = self.stored()

    def found(self, owner: Person) -> Owned:
        """A network, a key, a machine, and somebody who is invited."""
        name = self.network(owner)
        key = self.key(name)
        hostname, invited = f"cam{next(_numbers)}", Person(self.server)
        member = self.member(name, hostname)
        self.ask(owner, "POST", f"/networks/{name}/invitations", {"user": invited.name})
        return Owned(name, key, member, hostname, invited.user.id, self.domain(owner, name))

    def network(self, owner: Person) -> str:
        """A new network of this person."""
        name = f"net{next(_numbers)}"
        self.ask(owner, "POST", "/networks", {"name": name})
        return name

    def key(self, network: str) -> str:
        """The id of a new key."""
        return self.server.create_key(network, reusable=True).split(".")[1]

    def member(self, network: str, hostname: str) -> str:
        """The identity of a machine that just joined, and is away."""

        async def join() -> str:
            async with TestNode(self.server.node_url) as node:
                assert await node.join(self.server.create_key(network), hostname) is None
                return node.identity.hex()

        return asyncio.run(join())

    def invitation(self, network: str) -> str:
        """Somebody who was just invited."""
        person = Person(self.server)
        self.ask(self.alice, "POST", f"/networks/{network}/invitations", {"user": person.name})
        return person.user.id

    def domain(self, owner: Person, network: str) -> str:
        """A mail domain that was just claimed."""
        return str(
            self.ask(owner, "PUT", f"/networks/{network}/domain-proof", {"domain": f"corp{next(_numbers)}.example"})[
                "domain"
            ]
        )

    def invites_alice(self) -> str:
        """A network of bob's that invites her."""
        name = self.network(self.bob)
        self.ask(self.bob, "POST", f"/networks/{name}/invitations", {"user": self.alice.name})
        return name

    def listed(self) -> str:
        """A network of bob's that takes questions."""
        name = self.network(self.bob)
        self.ask(self.bob, "PUT", f"/networks/{name}/listing", {"text": "come"})
        return name

    @staticmethod
    def ask(person: Person, method: str, path: str, body: object = None) -> Any:
        """A call that has to succeed."""
        status, answer = person.call(method, API + path, body)
        assert status in {200, 201}, answer
        return answer

    def body(self, operation: str) -> object:
        """What has to be sent for a call to get as far as its objects."""
        bodies: dict[str, object] = {
            "renameNetwork": {"name": f"net{next(_numbers)}"},
            "setPolicy": {"text": "x"},
            "createKey": {},
            "inviteUser": {"user": self.guest.name},
            "listNetwork": {"text": "come"},
            "takeOverNetwork": {"root": "00" * 32, "documents": []},
            "createToken": {"scope": "read"},
            "askToBeLetIn": {},
            "changeDomains": {"approve": True},
            "proveDomain": {"domain": f"corp{next(_numbers)}.example"},
        }
        return bodies.get(operation)

    def stored(self) -> list[Any]:
        """Everything that is foreign, as the server's admin sees it."""
        paths = [
            (*("networks", one.name), *rest)
            for one in (self.second, self.theirs)
            for rest in ((), ("keys",), ("members",), ("invitations",), ("policy",), ("audit",), ("domains",))
        ]
        found = [self.server.rest.get(*path, kind=dict) for path in paths]
        return [*found, self.server.rest.get("tokens", kind=dict, query={"user": self.bob.name})]


@dataclass(frozen=True, slots=True)
class Object:
    """What a parameter names: others' and one's own, which may be used up by the call; and what never was there."""

    foreign: Callable[[Place], list[str]]
    own: Callable[[Place], str]
    never_was: Callable[[Place], str] = lambda _: "aaaaaaaaaa"


OBJECTS = {
    "network": Object(foreign=lambda place: [place.theirs.name], own=lambda place: place.own.name),
    "network, all of it": Object(
        foreign=lambda place: [place.theirs.name], own=lambda place: place.network(place.alice)
    ),
    "key_id": Object(
        foreign=lambda place: [place.second.key, place.theirs.key], own=lambda place: place.key(place.own.name)
    ),
    "member": Object(
        foreign=lambda place: [one for net in (place.second, place.theirs) for one in (net.member, net.hostname)],
        own=lambda place: place.member(place.own.name, "mine"),
    ),
    "user": Object(
        foreign=lambda place: [place.second.invited, place.theirs.invited, place.bob.user.id],
        own=lambda place: place.invitation(place.own.name),
        never_was=lambda place: place.stranger.user.id,
    ),
    "user?": Object(
        foreign=lambda place: [place.bob.name, place.bob.user.id], own=lambda place: place.alice.name
    ),
    "token": Object(
        foreign=lambda place: [place.bobs_token], own=lambda place: place.alice.make_token("read").split(".")[1]
    ),
    "domain": Object(
        foreign=lambda place: [place.second.domain, place.theirs.domain],
        own=lambda place: place.domain(place.alice, place.own.name),
        never_was=lambda _: "never.example",
    ),
    "invited": Object(
        foreign=lambda place: [place.second.name, place.theirs.name], own=lambda place: place.invites_alice()
    ),
    "listed": Object(foreign=lambda place: [place.theirs.name], own=lambda place: place.listed()),
}  # fmt: skip


@pytest.fixture(scope="module", name="place")
def _place(on_each_database: RunningServer) -> Place:
    return Place(on_each_database)


def parameters() -> Iterator[tuple[str, str, str, str]]:
    """Operation, method, path, and the parameter in it that names an object: the path holds the others' names."""
    for path, methods in describe()["paths"].items():
        for method, described in methods.items():
            operation = str(described["operationId"])
            if operation in OPEN | OF_THE_SERVER:
                continue
            named = [one for one in described.get("parameters", []) if one["name"].lower() not in NO_OBJECT]
            for one in named:
                yield operation, method.upper(), path, f"{one['name']}?" if one["in"] == "query" else one["name"]


def target(place: Place, path: str, name: str, value: str) -> str:
    """The path of a call about this one object. What else it names is there: in bob's network where that is meant, else
    in alice's first."""
    if name.endswith("?"):
        return path.format(token=place.alice.make_token("read").split(".")[1]) + f"?{name[:-1]}={value}"
    filled = path.replace(f"{{{name}}}", value)
    if name == "network" and value != place.own.name:
        theirs = place.theirs
        return filled.format(
            key_id=theirs.key, member=theirs.member, user=theirs.invited, domain=theirs.domain
        )  # fmt: skip
    others = {one: OBJECTS[one].own(place) for one in ("key_id", "member", "user", "domain") if f"{{{one}}}" in filled}
    return filled.format(network=place.own.name, **others)


@pytest.mark.parametrize(("operation", "method", "path", "name"), list(parameters()))
def test_what_is_anothers_is_not_there_and_stays_as_it_is(
    place: Place, operation: str, method: str, path: str, name: str
) -> None:
    meant = OBJECTS["network, all of it" if path.endswith("/{network}") else name]
    body = place.body(operation)

    def call(value: str) -> tuple[int, str]:
        status, answer = place.alice.call(method, target(place, path, name, value), body)
        return status, "" if status < 400 else f"{answer['code']} {answer['detail']}".replace(value, "NAME")

    never_was = call(meant.never_was(place))
    for foreign in meant.foreign(place):
        answer = call(foreign)
        assert answer[0] in {403, 404}, answer
        assert answer == never_was, "nobody learns what is there"
    assert method == "GET" or place.stored() == place.before
    own = call(meant.own(place))
    assert own[0] not in {401, 403, 404}, f"one's own is there, and the call was right: {own}"
