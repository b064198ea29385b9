"""The audit log over REST: complete, page by page, and only for whom it concerns."""

from typing import Any

import pytest
from tests.server.running import RunningServer
from tests.server.test_accounts import Person, refused

from warren.protocol.rest.audit import AuditEntry, AuditPage


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


def newest(server: RunningServer, *path: str, **query: object) -> AuditPage:
    return server.rest.get(
        *path, "audit", kind=AuditPage, query={name: str(value) for name, value in query.items()} or None
    )


def test_what_changes_rights_in_a_network_is_told_to_its_admins_with_who_did_it(server: RunningServer) -> None:
    alice = Person(server)
    assert alice.call("POST", "/api/v1/networks", {"name": "audited"})[0] == 201
    made: Any = alice.call("POST", "/api/v1/networks/audited/keys", {"tags": ["db"]})[1]
    key = made["key"]["id"]
    assert alice.call("DELETE", f"/api/v1/networks/audited/keys/{key}")[0] == 200
    status, page = alice.call("GET", "/api/v1/networks/audited/audit")
    assert status == 200
    entries = page["entries"]
    assert [one["action"] for one in entries] == ["key.revoked", "key.created", "network.created"]
    assert [alice.name in one["actor"] for one in entries] == [True] * 3
    assert entries[1]["subject"] == key
    assert entries[1]["detail"]["tags"] == ["db"]
    assert len({one["network"] for one in entries}) == 1
    secret = made["secret"].split(".")[2]
    assert secret not in str(page)


def test_a_log_is_read_page_by_page_without_gaps_while_it_grows(server: RunningServer) -> None:
    for _ in range(7):
        server.create_key()
    whole = newest(server, "networks", "default", action="key").entries
    assert {one.action for one in whole} == {"key.created"}
    found: list[AuditEntry] = []
    after: dict[str, str] = {}
    while True:
        page = newest(server, "networks", "default", action="key.created", limit=3, **after)
        found += page.entries
        server.create_key()  # newer than what is read: pages do not shift
        if page.next is None:
            break
        after = {"cursor": page.next}
    assert found == list(whole)
    assert newest(server, "networks", "default", action="key.creat").entries == ()


def test_the_servers_log_is_for_its_admins_and_a_networks_for_its_own(server: RunningServer) -> None:
    alice, bob, root = Person(server), Person(server), Person(server, admin=True)
    assert alice.call("POST", "/api/v1/networks", {"name": "hers"})[0] == 201
    assert refused(alice.call("GET", "/api/v1/audit")) == (403, "E_FORBIDDEN")
    assert refused(bob.call("GET", "/api/v1/networks/hers/audit")) == (404, "E_NETWORK_UNKNOWN")
    status, page = root.call("GET", "/api/v1/audit?action=user.created")
    assert status == 200
    assert {alice.user.id, bob.user.id} <= {one["subject"] for one in page["entries"]}
    alice.token = alice.make_token("read")
    assert refused(alice.call("GET", "/api/v1/networks/hers/audit")) == (403, "E_FORBIDDEN")


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "cursor=0", "cursor=", f"action={'a' * 65}"])
def test_a_page_that_cannot_be_is_refused(server: RunningServer, query: str) -> None:
    root = Person(server, admin=True)
    status, problem = root.call("GET", f"/api/v1/audit?{query}")
    assert (status, problem["code"]) == (400, "E_INVALID_ARGUMENT")
