"""Sign-on in a browser, programs that are approved, the first admin; and whoever tries to get in otherwise."""

import asyncio
import itertools
import os
from pathlib import Path

import pytest
from tests.server.browser import Browser
from tests.server.running import RunningServer
from tests.server.test_accounts import PASSWORD, Person
from tests.server.test_rest import approved_routes, public

from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.limits import DEVICE_REQUESTS_AN_ADDRESS_MAX
from warren.model.keys import Secret, SigningKeyPair
from warren.protocol.rest.audit import AuditPage
from warren.protocol.rest.device import DeviceAsk, DeviceAsked, DevicePoll, DevicePolled
from warren.protocol.rest.keys import Keys
from warren.protocol.rest.tokens import Tokens
from warren.protocol.rest.users import Me, User, UserChange, Users

_addresses = itertools.count(1)


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


def ask(server: RunningServer, hostname: str = "cam", system: str = "Linux") -> DeviceAsked:
    return RestClient(server.url).post("device", body=DeviceAsk(hostname=hostname, system=system), kind=DeviceAsked)


def poll(server: RunningServer, asked: DeviceAsked) -> DevicePolled:
    return RestClient(server.url).post("device", "poll", body=DevicePoll(secret=asked.secret), kind=DevicePolled)


def signed_on(server: RunningServer) -> tuple[Browser, Person]:
    person, browser = Person(server), Browser(server.url)
    page = browser.sign_on(person.name, PASSWORD)
    assert (page.status, page.location) == (303, "/device")
    return browser, person


def csrf(browser: Browser) -> str:
    return browser.get("/device").hidden("csrf")


def test_a_program_is_approved_by_a_person_who_types_its_code_and_sees_who_asks(server: RunningServer) -> None:
    browser, person = signed_on(server)
    asked = ask(server, hostname="<b>cam</b>", system="Plan 9 <4th>")
    assert poll(server, asked).state == "pending"
    shown = browser.post("/device", {"csrf": csrf(browser), "code": asked.code.lower().replace("-", " ")})
    assert "&lt;b&gt;cam&lt;/b&gt;" in shown.text
    assert "127.0.0.1" in shown.text
    assert "Plan 9 &lt;4th&gt;" in shown.text
    assert f"act as <strong>{person.name}</strong>" in shown.text, "what is about to be granted, and by whom"
    assert "manage your networks" in shown.text
    done = browser.post(
        "/device/decide", {"csrf": shown.hidden("csrf"), "code": shown.hidden("code"), "answer": "approve"}
    )
    assert done.status == 200
    polled = poll(server, asked)
    assert (polled.state, polled.name) == ("approved", person.name)
    me = RestClient(server.url, token=Secret(polled.token)).get("me", kind=Me)
    assert me.scopes == ("read", "manage")
    assert poll(server, asked).token == polled.token  # an answer that was lost on the way is given again
    assert me.name == person.name


def test_a_program_that_is_denied_gets_nothing(server: RunningServer) -> None:
    browser, _ = signed_on(server)
    asked = ask(server)
    browser.post("/device/decide", {"csrf": csrf(browser), "code": asked.code, "answer": "deny"})
    assert poll(server, asked) == DevicePolled(state="denied")


async def test_however_often_what_was_approved_is_taken_it_is_made_once(server: RunningServer) -> None:
    browser, person = signed_on(server)
    asked = ask(server)
    browser.post("/device/decide", {"csrf": csrf(browser), "code": asked.code, "answer": "approve"})
    polled = await asyncio.gather(*(asyncio.to_thread(poll, server, asked) for _ in range(20)))
    assert {one.state for one in polled} == {"approved"}
    assert len({one.token for one in polled}) == 1
    tokens = server.rest.get("tokens", kind=Tokens, query={"user": person.name}).tokens
    assert len([one for one in tokens if "cam" in one.name]) == 1


def test_a_machine_that_asks_again_gets_the_one_key_that_admits_it_once(server: RunningServer) -> None:
    browser, _ = signed_on(server)
    root = Person(server, admin=True)
    browser.sign_on(root.name, PASSWORD)
    public = SigningKeyPair(os.urandom(32)).public
    wish = DeviceAsk(hostname="cam", system="Linux", join=public.hex(), network="default")
    asked = RestClient(server.url).post("device", body=wish, kind=DeviceAsked)
    shown = browser.post("/device", {"csrf": csrf(browser), "code": asked.code}).text
    assert f"asks to join a network as one of <strong>{root.name}</strong>'s" in shown
    assert "<dd>cam</dd>" in shown
    assert "<dd>Linux</dd>" in shown
    assert "<option selected>default</option>" in shown
    decide = {"csrf": csrf(browser), "code": asked.code, "answer": "approve", "network": "default"}
    assert browser.post("/device/decide", decide).status == 200
    first, again = poll(server, asked), poll(server, asked)
    assert first == again
    assert (first.state, first.network) == ("approved", "default")
    keys = [one for one in server.rest.get("networks", "default", "keys", kind=Keys).keys if one.id == first.key_id]
    assert [(one.reusable, one.uses) for one in keys] == [(False, 0)]


def test_codes_are_not_guessed(server: RunningServer) -> None:
    browser, _ = signed_on(server)
    form = csrf(browser)
    answers = [browser.post("/device", {"csrf": form, "code": "BBBB-BBBB"}).status for _ in range(11)]
    assert answers == [404] * 10 + [429]
    right = ask(server)
    assert browser.post("/device", {"csrf": form, "code": right.code}).status == 429


def test_passwords_are_not_guessed_and_a_wrong_name_is_told_like_a_wrong_password(server: RunningServer) -> None:
    person, browser = Person(server), Browser(server.url)
    wrong = browser.sign_on(person.name, "not the password")
    unknown = browser.sign_on("nobody-of-that-name", "not the password")
    assert (wrong.status, unknown.status) == (401, 401)
    assert wrong.text.replace(person.name, "") == unknown.text.replace("nobody-of-that-name", "")
    for _ in range(9):
        browser.sign_on(person.name, "not the password")
    assert browser.sign_on(person.name, PASSWORD).status == 429
    assert "warren" not in browser.cookies


def test_a_stranger_keeps_nobody_out_by_their_name(server: RunningServer) -> None:
    person, stranger = Person(server), Browser(server.url, address="127.0.0.2")
    own, other = Browser(server.url, address="127.0.0.3"), Browser(server.url, address="127.0.0.2")
    assert other.sign_on(person.name, PASSWORD).status == 303  # once, from where the stranger is too
    assert [stranger.sign_on(person.name, "not it").status for _ in range(11)] == [401] * 10 + [429]
    assert own.sign_on(person.name, PASSWORD).status == 303
    assert other.sign_on(person.name, PASSWORD).status == 303, "a browser that is known is counted by itself"
    stranger.cookies["warren-known"] = other.cookies["warren-known"][:-2] + "AA"
    assert stranger.sign_on(person.name, PASSWORD).status == 429, "and no other gets in by a mark that is not right"
    thief = Person(server)
    stranger.cookies["warren-known"] = other.cookies["warren-known"]
    assert stranger.sign_on(thief.name, "not it").status == 401
    mark = other.cookies["warren-known"]
    with_mark = Browser(server.url, {"warren-known": mark}, "127.0.0.4")
    assert [with_mark.sign_on(person.name, "not it").status for _ in range(11)] == [401] * 10 + [429]


@pytest.mark.parametrize(
    "asked", ["https://evil.example", "//evil.example", "/\\evil.example", "/first/x", "javascript:1"]
)
def test_nobody_is_sent_elsewhere_after_sign_on(server: RunningServer, asked: str) -> None:
    person = Person(server)
    assert Browser(server.url).sign_on(person.name, PASSWORD, asked).location == "/account"


def test_a_form_of_another_site_is_refused_and_so_is_one_of_another_session(server: RunningServer) -> None:
    browser, _ = signed_on(server)
    other, _ = signed_on(server)
    asked, form = ask(server), csrf(browser)
    decide = {"code": asked.code, "answer": "approve"}
    for site in ("cross-site", "same-site", "none"):
        assert browser.post("/device/decide", decide | {"csrf": form}, site=site).status == 403
    assert browser.post("/device/decide", decide | {"csrf": form}, site=None).status == 403
    assert (
        browser.post("/device/decide", decide | {"csrf": form}, site=None, origin="http://evil.example").status == 403
    )
    assert browser.post("/device/decide", decide).status == 403
    assert browser.post("/device/decide", decide | {"csrf": csrf(other)}).status == 403
    assert poll(server, asked).state == "pending"
    assert browser.post("/device/decide", decide | {"csrf": form}, site=None, origin=server.url).status == 200


def test_a_session_is_the_servers_choice_never_the_visitors(server: RunningServer) -> None:
    person, browser = Person(server), Browser(server.url)
    browser.cookies["warren"] = "chosen-by-somebody-else"
    page = browser.sign_on(person.name, PASSWORD)
    assert browser.cookies["warren"] != "chosen-by-somebody-else"
    assert {"httponly", "samesite=lax", "path=/"} <= {
        part.strip().lower() for part in page.headers["set-cookie"].split(";")
    }


def test_a_cookie_that_somebody_planted_is_nobodys_session_afterwards(server: RunningServer) -> None:
    attacker, _ = signed_on(server)
    person = Person(server)
    planted = attacker.cookies["warren"]
    victim = Browser(server.url, {"warren": planted})
    assert victim.sign_on(person.name, PASSWORD).status == 303
    assert f"You are {person.name}" in victim.get("/account").text
    for cookie in (planted, "chosen-by-somebody-else"):
        assert Browser(server.url, {"warren": cookie}).get("/account").status == 303, "nobody is signed on by it"


def forms() -> list[str]:
    """Every form of a page, with its parameters filled in."""
    posts = sorted(one.partition(" ")[2] for one in approved_routes() if one.startswith("POST /"))
    return [one.replace("{secret:str}", "x").replace("{provider:str}", "x") for one in posts if "/api/" not in one]


@pytest.fixture(scope="module", name="somebody")
def _somebody(server: RunningServer) -> Browser:
    return signed_on(server)[0]


@pytest.mark.parametrize("path", forms())
def test_every_form_is_refused_from_elsewhere_and_without_its_sessions_word(
    server: RunningServer, somebody: Browser, path: str
) -> None:
    browser = somebody
    before = server.rest.get("audit", kind=AuditPage, query={"limit": "1"}).entries
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "null"}, {}):
        page = browser.post(path, {"csrf": csrf(browser)}, site=None, **headers)
        assert (page.status, "not sent by a page of this server" in page.text) == (403, True), (headers, page.text)
    begins = ("/sign-on", "/first")
    if not path.startswith(begins):
        for word in ({}, {"csrf": ""}, {"csrf": "0" * 64}):
            assert browser.post(path, word).status == 403
        assert Browser(server.url).post(path, {"csrf": csrf(browser)}).status in {401, 303}, "nobody's session"
    assert server.rest.get("audit", kind=AuditPage, query={"limit": "1"}).entries == before
    assert browser.get("/account").status == 200, "still signed on"


def test_a_link_with_a_code_in_it_approves_nothing(server: RunningServer) -> None:
    """Phishing by device code: whoever follows an attacker's link still has to type the code, and sees who asks."""
    browser, _ = signed_on(server)
    asked = ask(server, hostname="attacker")
    for path in (f"/device?code={asked.code}", f"/device?user_code={asked.code}&answer=approve"):
        assert asked.code not in browser.get(path).text
    assert browser.get(f"/device/decide?code={asked.code}&answer=approve").status == 405
    assert asked.code not in asked.url, "no link that we give fills it in"
    assert poll(server, asked).state == "pending"
    other, _ = signed_on(server)
    code = {"csrf": csrf(other), "code": asked.code}
    assert "attacker" in other.post("/device", code).text
    assert poll(server, asked).state == "pending", "who looks has not approved"


def test_no_host_that_a_request_names_gets_into_an_answer(server: RunningServer) -> None:
    forged = {
        "x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "forwarded": "host=evil.example;proto=https",
        "x-original-url": "/evil.example", "x-host": "evil.example",
    }  # fmt: skip
    browser, _ = signed_on(server)
    for method, path, body in (
        ("GET", "/sign-on", None),
        ("GET", "/account", None),
        ("GET", "/device", None),
        ("GET", "/i/aaaaaaaaaa", None),
        ("POST", "/api/v1/device", b"{}"),
    ):
        connection = public(server)
        cookie = {"cookie": f"warren={browser.cookies['warren']}", "content-type": "application/json"}
        connection.request(method, path, body, forged | cookie)
        response = connection.getresponse()
        said = response.read().decode() + str(response.headers)
        assert response.status in {200, 201, 404}
        assert "evil.example" not in said
        if method == "POST":
            assert f'"url":"{server.url}/device"' in said
        connection.close()
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("host", "evil.example")
        connection.endheaders()
        assert connection.getresponse().status == 421
        connection.close()


def test_a_person_who_is_shut_out_is_signed_off_everywhere(server: RunningServer) -> None:
    browser, person = signed_on(server)
    assert browser.get("/account").status == 200
    server.rest.patch("users", person.name, body=UserChange(disabled=True), kind=User)
    assert browser.get("/account").location == "/sign-on?next=/account"
    assert Browser(server.url).sign_on(person.name, PASSWORD).status == 401


def test_sign_off_everywhere_ends_the_other_browser_too(server: RunningServer) -> None:
    browser, person = signed_on(server)
    other = Browser(server.url)
    other.sign_on(person.name, PASSWORD)
    form = browser.get("/account").hidden("csrf")
    assert browser.post("/sign-off", {"csrf": form, "everywhere": "yes"}).status == 303
    assert other.get("/account").status == 303


def test_a_page_keeps_to_itself(server: RunningServer) -> None:
    headers = Browser(server.url).get("/sign-on").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


def test_one_address_cannot_fill_the_list_of_programs_that_wait(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    try:
        for _ in range(DEVICE_REQUESTS_AN_ADDRESS_MAX):
            ask(server)
        with pytest.raises(WarrenError) as caught:
            ask(server)
        assert caught.value.code is Code.BUSY
    finally:
        server.stop()


def test_the_first_admin_comes_in_once_by_the_printed_link(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    try:
        link = next(line.strip() for line in server.printed if "/first/" in line)
        path, browser = link.removeprefix(server.url), Browser(server.url)
        assert "administers" in browser.get(path).text
        assert browser.post(path, {"name": "alice", "password": "short"}).status == 400
        assert browser.post(path, {"name": "alice", "password": PASSWORD}).location == "/account"
        assert "You are alice" in browser.get("/account").text
        assert Browser(server.url).post(path, {"name": "mallory", "password": PASSWORD}).status == 404
        assert [one.name for one in server.rest.get("users", kind=Users).users if one.admin] == ["alice"]
        server.restart()
        assert not [line for line in server.printed if "/first/" in line]
    finally:
        server.stop()
