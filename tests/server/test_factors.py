"""Second factors and whoever guesses, races or replays them; what is demanded of sessions and of tokens."""

import asyncio
import re
from html import unescape
from pathlib import Path

import pyotp
import pytest
from tests.server.browser import Browser
from tests.server.running import RunningServer
from tests.server.test_accounts import PASSWORD, Person
from tests.server.test_sign_on import ask, poll

from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.model.keys import Secret
from warren.protocol.rest.keys import KeyCreate, KeyCreated
from warren.protocol.rest.networks import Network, NetworkCreate


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


def with_app(server: RunningServer) -> tuple[Browser, Person, pyotp.TOTP, list[str]]:
    """Somebody who is signed on and has just set up an app."""
    person, browser = Person(server), Browser(server.url)
    browser.sign_on(person.name, PASSWORD)
    form = {"csrf": browser.get("/factors").hidden("csrf")}
    shown = browser.post("/factors/app", form).text
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", shown)
    assert secret is not None
    app = pyotp.TOTP(secret[1].replace(" ", ""))
    before = dict(browser.cookies)
    done = browser.post("/factors/app/confirm", {**form, "code": app.now()})
    assert browser.cookies != before  # a session that gains rights goes on under another secret
    codes = re.findall(r"<li><code>([A-Z2-7-]+)</code>", unescape(done.text))
    assert len(codes) == 10
    return browser, person, app, codes


def half(server: RunningServer, person: Person) -> tuple[Browser, str]:
    """A browser in which the password was right, and the second factor is still to be shown."""
    browser = Browser(server.url)
    assert browser.sign_on(person.name, PASSWORD).location == "/second?next=/device"
    return browser, browser.get("/second").hidden("csrf")


async def test_of_many_who_use_one_recovery_code_one_gets_in(server: RunningServer) -> None:
    _, person, _, codes = with_app(server)
    halves = [half(server, person) for _ in range(8)]

    def use(one: tuple[Browser, str]) -> int:
        return one[0].post("/second", {"csrf": one[1], "code": codes[0]}).status

    answers = await asyncio.gather(*(asyncio.to_thread(use, one) for one in halves))
    assert sorted(answers) == [303] + [403] * 7


def test_codes_of_an_app_are_not_guessed(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    try:
        _, person, app, codes = with_app(server)
        browser, form = half(server, person)
        wrong = next(code for code in ("000000", "111111") if code != app.now())
        answers = [browser.post("/second", {"csrf": form, "code": wrong}).status for _ in range(11)]
        assert answers == [403] * 10 + [429]
        assert browser.post("/second", {"csrf": form, "code": codes[0]}).status == 429
        other, second = half(server, person)  # another session of the same account has no other ten
        assert other.post("/second", {"csrf": second, "code": codes[0]}).status == 429
    finally:
        server.stop()


def test_a_stolen_session_adds_and_removes_no_factor_without_showing_one(server: RunningServer) -> None:
    _, person, _, codes = with_app(server)
    browser, form = half(server, person)
    for path in ("/factors/app/remove", "/factors/recovery", "/factors/passkey", "/factors/app"):
        answer = browser.post(path, {"csrf": form})
        assert (answer.status, answer.location) == (303, "/second?next=/factors"), path
    assert browser.post("/device", {"csrf": form, "code": "BBBB-BBBB"}).status == 401
    assert browser.post("/second", {"csrf": form, "code": codes[1]}).status == 303


def test_the_secret_is_not_in_the_database_as_it_is(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    try:
        _, _, app, codes = with_app(server)
        stored = b"".join(path.read_bytes() for path in server.data.glob("warren.db*"))
        for secret in (app.secret.encode(), app.byte_secret(), codes[0].encode(), codes[0].replace("-", "").encode()):
            assert secret not in stored
    finally:
        server.stop()


def test_approval_and_administration_take_a_factor_where_the_settings_say_so(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data", "--second-factor", "approve,admin").start()
    try:
        person, plain = Person(server), Browser(server.url)
        plain.sign_on(person.name, PASSWORD)
        assert plain.get("/device").location == "/second?next=/device"
        form, asked = plain.get("/account").hidden("csrf"), ask(server)
        decided = {"csrf": form, "code": asked.code, "answer": "approve"}
        assert plain.post("/device/decide", decided).status == 403
        assert poll(server, asked).state == "pending"

        browser, _, _, _ = with_app(server)
        form = browser.get("/device").hidden("csrf")
        browser.post("/device/decide", {"csrf": form, "code": asked.code, "answer": "approve"})
        token = Secret(poll(server, asked).token)
        shown = RestClient(server.url, token=token)
        shown.post("networks", body=NetworkCreate(name="mine"), kind=Network)
        key = ("networks", "mine", "keys")
        assert shown.post(*key, body=KeyCreate(), kind=KeyCreated).secret
    finally:
        server.stop()


def test_a_token_without_a_factor_administers_nothing_where_one_is_demanded(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    try:
        browser, person = Browser(server.url), Person(server)
        browser.sign_on(person.name, PASSWORD)
        asked = ask(server)
        form = browser.get("/device").hidden("csrf")
        browser.post("/device/decide", {"csrf": form, "code": asked.code, "answer": "approve"})
        rest = RestClient(server.url, token=Secret(poll(server, asked).token))
        rest.post("networks", body=NetworkCreate(name="mine"), kind=Network)
        rest.post("networks", "mine", "keys", body=KeyCreate(), kind=KeyCreated)
        assert server.stop() == 0
        server.env = {"WARREN_SECOND_FACTOR": "admin"}
        server.start()
        assert rest.get("networks", "mine", kind=Network).name == "mine"
        with pytest.raises(WarrenError) as caught:
            rest.post("networks", "mine", "keys", body=KeyCreate(), kind=KeyCreated)
        assert caught.value.code is Code.SECOND_FACTOR
    finally:
        server.stop()


@pytest.mark.parametrize("answer", ["", "{}", "[1]", '{"id": 7}', '{"id":"AA","response":{"clientDataJSON":"e30"}}'])
def test_what_is_no_passkeys_answer_is_refused(server: RunningServer, answer: str) -> None:
    browser = Browser(server.url)
    assert browser.post("/sign-on/passkey/answer", {"answer": answer}).status == 403
    assert "warren" not in browser.cookies
