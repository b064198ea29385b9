"""Shutting a person out: sessions, tokens, keys that wait and machines all end, and do not come back."""

import pytest
from tests.server.browser import Browser
from tests.server.running import RunningServer
from tests.server.test_accounts import PASSWORD
from tests.server.test_factors import with_app
from tests.server.test_sign_on import ask, csrf, poll, signed_on

from warren.errors import Code, WarrenError
from warren.protocol.rest.users import User, UserChange


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


def test_what_a_person_approved_but_nobody_took_is_worth_nothing_once_they_are_shut_out(server: RunningServer) -> None:
    browser, person = signed_on(server)
    asked = ask(server)
    browser.post("/device/decide", {"csrf": csrf(browser), "code": asked.code, "answer": "approve"})
    server.rest.patch("users", person.name, body=UserChange(disabled=True), kind=User)
    polled = poll(server, asked)
    assert (polled.state, polled.token) == ("expired", "")
    assert person.call("GET", "/api/v1/me")[0] == 401


def test_who_is_let_in_again_signs_on_anew(server: RunningServer) -> None:
    browser, person = signed_on(server)
    old = dict(browser.cookies)
    server.rest.patch("users", person.name, body=UserChange(disabled=True), kind=User)
    server.rest.patch("users", person.name, body=UserChange(disabled=False), kind=User)
    assert browser.cookies == old
    assert browser.get("/account").location == "/sign-on?next=/account"
    assert browser.sign_on(person.name, PASSWORD).location == "/device"


def test_a_session_that_waits_for_its_second_factor_ends_too(server: RunningServer) -> None:
    _, person, app, _ = with_app(server)
    browser = Browser(server.url)
    browser.sign_on(person.name, PASSWORD)
    form = browser.get("/second").hidden("csrf")
    server.rest.patch("users", person.name, body=UserChange(disabled=True), kind=User)
    assert browser.post("/second", {"csrf": form, "code": app.now()}).status == 401


def test_an_admin_takes_lost_factors_away_and_the_password_alone_signs_on(server: RunningServer) -> None:
    browser, person, _, _ = with_app(server)
    server.rest.delete("users", person.name, "factors", kind=User)
    assert browser.get("/account").status == 303
    assert browser.sign_on(person.name, PASSWORD).location == "/device"
    status, problem = person.call("DELETE", f"/api/v1/users/{person.name}/factors")
    assert (status, problem["code"]) == (403, Code.FORBIDDEN)


def test_every_sign_on_has_a_session_of_its_own_and_the_old_one_of_a_browser_ends_with_it(
    server: RunningServer,
) -> None:
    browser, person = signed_on(server)
    before = Browser(server.url, dict(browser.cookies))
    browser.sign_on(person.name, PASSWORD)
    assert browser.cookies != before.cookies
    assert before.get("/account").status == 303


def test_nobody_of_that_name_is_refused(server: RunningServer) -> None:
    with pytest.raises(WarrenError) as caught:
        server.rest.delete("users", "nobody", "factors", kind=User)
    assert caught.value.code is Code.NOT_FOUND
