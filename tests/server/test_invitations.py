"""People let into a network as themselves: invited, asking, accepted once, and nobody else."""

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.server.browser import Browser
from tests.server.node import TestNode
from tests.server.running import RunningServer
from tests.server.test_accounts import PASSWORD, Person, refused

from warren.protocol.rest.audit import AuditPage
from warren.protocol.rest.users import User, UserChange

_numbers = itertools.count(1)
API = "/api/v1"


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


class Lab:
    """Somebody's network, and two others."""

    def __init__(self, server: RunningServer) -> None:
        self.owner, self.alice, self.bob = Person(server), Person(server), Person(server)
        self.name = f"lab{next(_numbers)}"
        assert self.owner.call("POST", f"{API}/networks", {"name": self.name})[0] == 201
        self.at = f"{API}/networks/{self.name}"

    def networks_of(self, person: Person) -> list[str]:
        return [str(one["name"]) for one in person.call("GET", f"{API}/networks")[1]["networks"]]

    def publish(self) -> None:
        assert self.owner.call("PUT", f"{self.at}/listing", {"text": "third floor"})[0] == 200


def test_an_invitation_lets_in_whom_it_is_for_once_and_nobody_else(server: RunningServer) -> None:
    lab = Lab(server)
    came = lab.owner.call("POST", f"{lab.at}/invitations", {"user": lab.alice.name, "text": "come"})
    assert (came[0], came[1]["state"]) == (201, "invited")
    (waits,) = lab.alice.call("GET", f"{API}/invitations")[1]["invitations"]
    assert (waits["network"], waits["text"], waits["kind"]) == (lab.name, "come", "invited")
    assert lab.owner.name in waits["by"]
    assert lab.networks_of(lab.alice) == []
    assert refused(lab.bob.call("POST", f"{API}/invitations/{lab.name}")) == (404, "E_NOT_FOUND")
    assert lab.alice.call("POST", f"{API}/invitations/{lab.name}")[1]["state"] == "in"
    assert refused(lab.alice.call("POST", f"{API}/invitations/{lab.name}")) == (404, "E_NOT_FOUND")
    assert (lab.networks_of(lab.alice), lab.networks_of(lab.bob)) == ([lab.name], [])
    assert lab.alice.call("GET", f"{lab.at}/members")[0] == 200
    assert refused(lab.alice.call("GET", f"{lab.at}/keys")) == (403, "E_FORBIDDEN")
    again = lab.owner.call("POST", f"{lab.at}/invitations", {"user": lab.alice.name})
    assert refused(again) == (409, "E_CONFLICT")
    path = ("networks", lab.name, "audit")
    log = server.rest.get(*path, kind=AuditPage, query={"action": "person"}).entries
    assert [(one.action, one.subject) for one in log] == [
        ("person.in", lab.alice.user.id), ("person.invited", lab.alice.user.id),
    ]  # fmt: skip


def test_who_asks_a_listed_network_is_let_in_by_an_admin_and_by_nobody_else(server: RunningServer) -> None:
    lab = Lab(server)
    asks = f"{API}/listing/{lab.name}"
    unknown = lab.alice.call("POST", f"{API}/listing/no-such", {})
    assert refused(lab.alice.call("POST", asks, {})) == refused(unknown) == (404, "E_NOT_FOUND")
    lab.publish()
    (shown,) = [one for one in lab.alice.call("GET", f"{API}/listing")[1]["networks"] if one["name"] == lab.name]
    assert (shown["about"], shown["state"]) == ("third floor", "out")
    assert lab.alice.call("POST", asks, {"text": "me"})[1]["state"] == "asked"
    assert refused(lab.alice.call("POST", f"{API}/invitations/{lab.name}")) == (404, "E_NOT_FOUND")
    assert refused(lab.alice.call("POST", f"{lab.at}/invitations", {"user": lab.alice.name}))[0] == 404
    assert refused(lab.alice.call("PUT", f"{lab.at}/listing", {}))[0] == 404
    (waits,) = lab.owner.call("GET", f"{lab.at}/invitations")[1]["invitations"]
    assert (waits["user"], waits["kind"], waits["text"]) == (lab.alice.user.id, "asked", "me")
    assert lab.owner.call("POST", f"{lab.at}/invitations", {"user": lab.alice.user.id})[1]["state"] == "in"
    assert lab.networks_of(lab.alice) == [lab.name]
    assert lab.bob.call("POST", asks, {})[1]["state"] == "asked"
    assert lab.owner.call("DELETE", f"{lab.at}/invitations/{lab.bob.name}")[1]["state"] == "out"
    assert lab.networks_of(lab.bob) == []
    assert lab.owner.call("DELETE", f"{lab.at}/listing")[0] == 200
    assert refused(lab.bob.call("POST", asks, {})) == (404, "E_NOT_FOUND")


def test_what_was_withdrawn_declined_or_is_of_somebody_shut_out_lets_nobody_in(server: RunningServer) -> None:
    lab = Lab(server)
    invite = {"user": lab.alice.name}
    lab.owner.call("POST", f"{lab.at}/invitations", invite)
    assert lab.owner.call("DELETE", f"{lab.at}/invitations/{lab.alice.name}")[0] == 200
    assert refused(lab.alice.call("POST", f"{API}/invitations/{lab.name}")) == (404, "E_NOT_FOUND")
    lab.owner.call("POST", f"{lab.at}/invitations", invite)
    assert lab.alice.call("DELETE", f"{API}/invitations/{lab.name}")[1]["state"] == "out"
    assert refused(lab.alice.call("POST", f"{API}/invitations/{lab.name}")) == (404, "E_NOT_FOUND")
    server.rest.patch("users", lab.alice.name, body=UserChange(disabled=True), kind=User)
    assert refused(lab.owner.call("POST", f"{lab.at}/invitations", invite)) == (403, "E_FORBIDDEN")
    lab.owner.call("POST", f"{lab.at}/invitations", {"user": lab.bob.name})
    lab.bob.call("POST", f"{API}/invitations/{lab.name}")
    assert lab.owner.call("DELETE", f"{lab.at}/invitations/{lab.bob.name}")[0] == 200  # their role ends too
    assert lab.networks_of(lab.bob) == []
    assert refused(lab.owner.call("DELETE", f"{lab.at}/invitations/{lab.owner.name}")) == (404, "E_NOT_FOUND")


async def test_an_invitation_that_is_accepted_and_withdrawn_at_once_is_one_of_both(server: RunningServer) -> None:
    lab = Lab(server)
    for _ in range(4):
        lab.owner.call("POST", f"{lab.at}/invitations", {"user": lab.alice.name})
        answers = await asyncio.gather(
            *(asyncio.to_thread(lab.alice.call, "POST", f"{API}/invitations/{lab.name}") for _ in range(4)),
            *(asyncio.to_thread(lab.alice.call, "DELETE", f"{API}/invitations/{lab.name}") for _ in range(2)),
        )
        assert sorted(status for status, _ in answers) == [200] + [404] * 5
        is_in = any(answer.get("state") == "in" for _, answer in answers)
        assert (lab.networks_of(lab.alice) == [lab.name]) == is_in
        lab.owner.call("DELETE", f"{lab.at}/invitations/{lab.alice.name}")


def test_of_fifty_that_accept_one_invitation_at_once_one_is_let_in(server: RunningServer) -> None:
    lab = Lab(server)
    lab.owner.call("POST", f"{lab.at}/invitations", {"user": lab.alice.name})
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: lab.alice.call("POST", f"{API}/invitations/{lab.name}"), range(50)))
    assert sorted(status for status, _ in answers) == [200] + [404] * 49
    path = ("networks", lab.name, "audit")
    log = server.rest.get(*path, kind=AuditPage, query={"action": "person.in"}).entries
    assert [one.subject for one in log] == [lab.alice.user.id]


def test_the_accounts_page_shows_them_and_answers_without_script(server: RunningServer) -> None:
    lab, browser = Lab(server), Browser(server.url)
    lab.publish()
    lab.owner.call("POST", f"{lab.at}/invitations", {"user": lab.alice.name, "text": "<b>come</b>"})
    browser.sign_on(lab.alice.name, PASSWORD)
    page = browser.get("/account")
    assert "&lt;b&gt;come&lt;/b&gt;" in page.text
    answer = {"csrf": page.hidden("csrf"), "network": page.hidden("network"), "answer": "accept"}
    assert browser.post("/account/invitation", answer | {"csrf": "x"}).status == 403
    assert browser.post("/account/invitation", answer, site="cross-site").status == 403
    assert lab.networks_of(lab.alice) == []
    assert browser.post("/account/invitation", answer).location == "/account"
    assert lab.networks_of(lab.alice) == [lab.name]
    other = Browser(server.url)
    other.sign_on(lab.bob.name, PASSWORD)
    page = other.get("/account")
    asked = other.post("/account/invitation", answer | {"csrf": page.hidden("csrf"), "answer": "ask"})
    assert asked.location == "/account"
    assert "You asked" in other.get("/account").text
    assert "E_" not in other.post("/account/invitation", {"csrf": page.hidden("csrf"), "network": "zz"}).text


async def test_the_page_of_an_invite_says_how_to_use_it_and_when_it_is_no_good(server: RunningServer) -> None:
    browser, key = Browser(server.url), server.create_key()
    code = key.split(".")[1]
    shown = browser.get(f"/i/{code}")
    assert shown.status == 200
    assert "default" in shown.text
    assert "warren up --invite" in shown.text
    async with TestNode(server.node_url) as node:
        assert await node.join(key, "by-invite") is None
    assert browser.get(f"/i/{code}").status == 410
    assert browser.get("/i/aaaaaaaaaa").status == 404
