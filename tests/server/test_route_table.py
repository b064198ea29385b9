"""Every route of the API has a line here that says what it takes; whoever has less is refused, and nothing changes.

A new route without a line fails, and so does one whose right is not what its line says: the table is written by hand,
beside the code and not from it.
"""

import sqlite3
from dataclasses import dataclass

import pytest
from tests.server.running import RunningServer
from tests.server.test_accounts import Person
from tests.server.test_rest import PLACEHOLDERS, call, public

from warren.protocol.rest.audit import AuditPage
from warren.server.accounts.rules import Right, Role
from warren.server.web import ROUTES, describe

OPEN = "open"
TABLE = {
    "listNetworks": "any read",
    "showFounding": "any manage",
    "takeOverNetwork": "owner manage",
    "createNetwork": "any manage",
    "showNetwork": "member read",
    "renameNetwork": "owner manage",
    "deleteNetwork": "owner manage",
    "showPolicy": "member read",
    "setPolicy": "admin manage",
    "listKeys": "admin manage",
    "createKey": "admin manage",
    "revokeKey": "admin manage",
    "listMembers": "member read",
    "kickMember": "admin manage",
    "renewMember": OPEN,
    "showMe": "any read",
    "listUsers": "server admin",
    "createUser": "server admin",
    "changeUser": "server admin",
    "takeFactors": "server admin",
    "listTokens": "any read",
    "createToken": "any admin",
    "revokeToken": "any read",
    "askForApproval": OPEN,
    "pollApproval": OPEN,
    "listAudit": "server admin",
    "listNetworkAudit": "admin manage",
    "listInvitations": "admin manage",
    "inviteUser": "admin manage",
    "withdrawInvitation": "admin manage",
    "listNetwork": "owner manage",
    "unlistNetwork": "owner manage",
    "listOwnInvitations": "any read",
    "acceptInvitation": "any manage",
    "declineInvitation": "any manage",
    "showListing": "any read",
    "askToBeLetIn": "any manage",
    "showDomains": "admin manage",
    "changeDomains": "admin manage",
    "proveDomain": "owner manage",
    "giveUpDomain": "owner manage",
}
"""Operation: the least role in the network that it names (any account; the server's own admins), the least scope."""

SCOPES = ("read", "manage", "admin")
ROLES = ("any", "member", "admin", "owner", "server")
WORDS = {
    Right.OWN_ACCOUNT: "any read",
    Right.OWN_ACCOUNT_CHANGE: "any admin",
    Right.LIST_NETWORKS: "any read",
    Right.CREATE_NETWORK: "any manage",
    Right.JOIN_NETWORK: "any manage",
    Right.READ_NETWORK: "member read",
    Right.ADMIN_NETWORK: "admin manage",
    Right.OWN_NETWORK: "owner manage",
    Right.SERVER: "server admin",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a token of this scope and this role in the network; without a token a stranger."""

    name: str
    role: str
    scope: str
    token: str

    def is_refused(self, line: str) -> bool:
        """Whether the table says no."""
        if not self.token:
            return True
        role, scope = line.split()
        return ROLES.index(self.role) < ROLES.index(role) or SCOPES.index(self.scope) < SCOPES.index(scope)


def let_in(owner: Person, person: Person, network: str) -> None:
    """A person comes into a network as a plain member."""
    assert owner.call("POST", f"/api/v1/networks/{network}/invitations", {"user": person.name})[0] == 201
    assert person.call("POST", f"/api/v1/invitations/{network}")[1]["state"] == "in"


def make_admin(server: RunningServer, person: Person) -> None:
    """What the server stores when the owner's device promotes a machine of theirs (`test_locked.py` has that)."""
    with sqlite3.connect(server.data / "warren.db", timeout=15) as database:
        words = 'UPDATE network_roles SET role = ? WHERE "user" = ?'
        assert database.execute(words, (Role.ADMIN.value, person.user.id)).rowcount == 1
    database.close()


@pytest.fixture(scope="module", name="callers")
def _callers(server: RunningServer) -> list[Caller]:
    owner, admin, member, foreign = (Person(server) for _ in range(4))
    assert owner.call("POST", "/api/v1/networks", {"name": "tabled"})[0] == 201
    for person in (admin, member):
        let_in(owner, person, "tabled")
    make_admin(server, admin)
    return [
        Caller("stranger", "any", "read", ""),
        Caller("foreign", "any", "admin", foreign.token),
        Caller("member", "member", "admin", member.token),
        Caller("member who reads", "member", "read", member.make_token("read")),
        Caller("admin", "admin", "admin", admin.token),
        Caller("admin who reads", "admin", "read", admin.make_token("read")),
        Caller("owner", "owner", "admin", owner.token),
        Caller("owner who reads", "owner", "read", owner.make_token("read")),
        Caller("owner's program", "owner", "manage", owner.make_token("manage")),
    ]


def operations() -> dict[str, tuple[str, str]]:
    """Method and path of every operation that is described."""
    places = PLACEHOLDERS | {"network": "tabled", "invited": "tabled", "listed": "tabled"}
    return {
        described["operationId"]: (method.upper(), path.format(**places))
        for path, methods in describe()["paths"].items()
        for method, described in methods.items()
    }


def test_every_route_has_a_line_that_is_true_of_it() -> None:
    found = {
        str(handler.operation_id): OPEN if handler.opt.get("open") else WORDS[handler.opt.get("right", Right.SERVER)]
        for handler in ROUTES
    }
    assert found == TABLE
    assert operations().keys() == TABLE.keys()


@pytest.mark.parametrize("operation", sorted(name for name, line in TABLE.items() if line != OPEN))
def test_whoever_has_less_than_a_routes_line_is_refused_and_changes_nothing(
    server: RunningServer, callers: list[Caller], operation: str
) -> None:
    method, path = operations()[operation]
    logged = server.rest.get("audit", kind=AuditPage, query={"limit": "1"}).entries
    tried = [one for one in callers if one.is_refused(TABLE[operation])]
    assert tried
    for caller in tried:
        headers = {"content-type": "application/json"}
        if caller.token:
            headers["authorization"] = f"Bearer {caller.token}"
        for body in (None, b"{}", b'{"name": "x", "user": "x", "text": "x"}'):
            status, _, answer = call(public(server), method, path, body, **headers)
            wanted = {401} if not caller.token else {403, 404} if caller.name == "foreign" else {403}
            assert status in wanted, (caller.name, status, answer)
            assert status != 404 or b"E_NETWORK_UNKNOWN" in answer, (caller.name, answer)
    assert server.rest.get("audit", kind=AuditPage, query={"limit": "1"}).entries == logged
