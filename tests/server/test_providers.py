"""Sign-on by providers that lie, and people who lie about them: whatever was not signed for this sign-on is refused."""

import base64
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey
from tests.server.browser import Browser, Page
from tests.server.lying_provider import LyingProvider
from tests.server.running import RunningServer

from warren.limits import PROVIDER_ANSWER_MAX_BYTES
from warren.protocol.rest.users import User, UserCreate, Users

ENTRY = """
[[provider]]
id = "{id}"
name = "{id}"
issuer = "{issuer}"
client_id = "warren"
domains = ["corp.example"]
private = {private}
"""


class Place:
    """A server with three lying providers, of which one says that it names itself, and an entry at a private address
    that may not be asked."""

    def __init__(self, folder: Path, scheme: str = "http") -> None:
        self.one, self.two = LyingProvider().start(), LyingProvider().start()
        self.naming = LyingProvider(description={"authorization_response_iss_parameter_supported": True}).start()
        file = folder / "providers.toml"
        file.write_text(
            ENTRY.format(id="one", issuer=self.one.issuer, private="true")
            + ENTRY.format(id="two", issuer=self.two.issuer, private="true")
            + ENTRY.format(id="naming", issuer=self.naming.issuer, private="true")
            + ENTRY.format(id="inside", issuer="https://127.0.0.1:9", private="false")
        )
        self.server = RunningServer(folder / "data", "--providers", str(file), scheme=scheme).start()

    def stop(self) -> None:
        self.server.stop()
        for provider in (self.one, self.two, self.naming):
            provider.stop()

    def begin(self, provider: str = "one") -> tuple[Browser, dict[str, str]]:
        """A browser that was sent to a provider, and the query it was sent with."""
        browser = Browser(self.server.url)
        page = browser.post(f"/sign-on/with/{provider}", {"next": "/account"})
        assert page.status == 200, page.text
        return browser, self.asked(page)

    @staticmethod
    def asked(page: Page) -> dict[str, str]:
        """The query with which a page sends on to a provider."""
        url = page.text.partition('content="0;url=')[2].partition('"')[0].replace("&amp;", "&")
        return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    def claims(self, asked: dict[str, str], provider: LyingProvider | None = None, **fields: Any) -> dict[str, Any]:
        """Right claims for this sign-on, but for `fields`; None leaves one out."""
        now = int(time.time())
        right = {
            "iss": (provider or self.one).issuer,
            "sub": "anna",
            "aud": "warren",
            "exp": now + 60,
            "iat": now,
            "nonce": asked["nonce"],
            "email": "anna@corp.example",
            "email_verified": True,
        }
        return {name: value for name, value in (right | fields).items() if value is not None}

    def subjects(self) -> set[str]:
        """Who has an account."""
        return {one.subject for one in self.server.rest.get("users", kind=Users).users}


def back(browser: Browser, asked: dict[str, str], provider: str = "one", **fields: str) -> Page:
    """The provider sends the browser back."""
    query = {"state": asked["state"], "code": "c"} | fields
    return browser.get(f"/sign-on/back/{provider}?" + "&".join(f"{name}={value}" for name, value in query.items()))


@pytest.fixture(scope="module", name="place")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("place"))
    yield place
    place.stop()


def test_the_way_there_asks_for_a_code_with_pkce_state_and_nonce(place: Place) -> None:
    _, asked = place.begin()
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{place.server.url}/sign-on/back/one"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert asked["state"] != place.begin()[1]["state"]


def test_what_is_redeemed_is_bound_to_a_verifier_that_nobody_else_has(place: Place) -> None:
    """RFC 7636: the challenge on the way there is SHA-256 of what is shown with the code, another one each time."""
    verifiers = []
    for _ in range(3):
        browser, asked = place.begin()
        place.one.claims, place.one.header = place.claims(asked), {"alg": "ES256"}
        assert back(browser, asked).status == 303
        shown = place.one.posted[-1]["code_verifier"]
        digest = hashlib.sha256(shown.encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        assert len(shown) >= 43
        assert shown not in {*asked.values(), *browser.cookies.values()}
        verifiers.append(shown)
    assert len(set(verifiers)) == 3


def test_right_claims_sign_on_and_the_same_answer_does_so_only_once(place: Place) -> None:
    browser, asked = place.begin()
    place.one.claims, place.one.header = place.claims(asked), {"alg": "ES256"}
    cookies = dict(browser.cookies)
    assert back(browser, asked).location == "/account"
    assert "You are anna@corp.example" in browser.get("/account").text
    browser.cookies = cookies
    assert back(browser, asked).status == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another"},
        {"aud": ["warren", "another"]},
        {"azp": "another"},
        {"nonce": "n"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"exp": True},
        {"iat": 1},
        {"iat": 2**40},
        {"nbf": 2**40},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": ["true"]},
        {"email": "eve@evil.example"},
        {"email": "eve@evil.example@corp.example"},
        {"email": "eve@corp.example."},
    ],
    ids=repr,
)
def test_wrong_claims_sign_nobody_on(place: Place, wrong: dict[str, Any]) -> None:
    browser, asked = place.begin()
    place.one.claims, place.one.header = place.claims(asked, **{"sub": "eve", **wrong}), {"alg": "ES256"}
    page = back(browser, asked)
    assert page.status == 403, page.text
    assert "warren" not in browser.cookies
    assert not place.subjects() & {"eve", ""}


@pytest.mark.parametrize("how", ["none", "public key as secret", "another key", "crit", "large"])
def test_a_signature_that_is_not_right_signs_nobody_on(place: Place, how: str) -> None:
    browser, asked = place.begin()
    place.one.claims, place.one.header = place.claims(asked, sub="eve"), {"alg": "ES256"}
    if how == "none":
        place.one.header = {"alg": "none"}
    elif how == "public key as secret":
        place.one.header = {"alg": "HS256"}
    elif how == "another key":
        place.one.signer = ECKey.generate_key("P-256", {"kid": "one"})
    elif how == "crit":
        place.one.header |= {"crit": ["exp"], "exp": 1}
    else:
        place.one.claims["padding"] = "x" * 17_000
    try:
        assert back(browser, asked).status == 403
    finally:
        place.one.signer = None
    assert "eve" not in place.subjects()


def test_who_did_not_begin_it_does_not_end_it(place: Place) -> None:
    """Each time another sign-on, which would be right but for one thing: a refusal ends the one that it refuses."""

    def begin() -> tuple[Browser, dict[str, str]]:
        browser, asked = place.begin()
        place.one.claims, place.one.header = place.claims(asked, sub="eve"), {"alg": "ES256"}
        return browser, asked

    _, asked = begin()
    assert back(Browser(place.server.url), asked).status == 403  # the link of an attacker, without the cookie
    _, asked = begin()
    assert back(place.begin()[0], asked).status == 403  # with the cookie of another sign-on
    for query in ({"state": "x"}, {"error": "access_denied"}, {"code": ""}):
        browser, asked = begin()
        assert back(browser, asked, **query).status == 403, query
        assert "eve" not in place.subjects()
        assert "warren" not in browser.cookies
    browser, asked = begin()
    assert back(browser, asked).status == 303, "nothing else was wrong with them"


def test_one_provider_does_not_answer_for_another(place: Place) -> None:
    """Mix-up (RFC 9700, 4.4; RFC 9207): each answer would be right if it came from the one that was asked."""
    browser, asked = place.begin("one")
    place.two.claims = place.claims(asked, place.two, sub="mixed-up")
    assert back(browser, asked, "two").status == 403, "begun with one, comes back as two"
    for iss in (place.two.issuer, "", place.one.issuer + "/", "https://elsewhere.example"):
        browser, asked = place.begin("one")
        place.one.claims, place.one.header = place.claims(asked, sub="mixed-up"), {"alg": "ES256"}
        assert back(browser, asked, "one", iss=iss).status == 403, iss
    browser, asked = place.begin("one")
    place.one.claims = place.claims(asked, place.two, sub="mixed-up")
    assert back(browser, asked, "one").status == 403, "a token of the other's"
    assert "mixed-up" not in place.subjects()
    browser, asked = place.begin("one")
    place.one.claims = place.claims(asked, sub="mixed-up")
    assert back(browser, asked, "one", iss=place.one.issuer).status == 303, "nothing else was wrong with them"


def test_a_provider_that_says_it_names_itself_has_to(place: Place) -> None:
    """RFC 9207, 2.4: else an attacker who has the answer of another provider leaves the name out."""
    for query, status in (({}, 403), ({"iss": place.naming.issuer}, 303)):
        browser, asked = place.begin("naming")
        place.naming.claims = place.claims(asked, place.naming, sub="named")
        assert back(browser, asked, "naming", **query).status == status


def test_the_same_mail_address_at_another_provider_is_another_account(place: Place) -> None:
    for name, provider in (("one", place.one), ("two", place.two)):
        browser, asked = place.begin(name)
        provider.claims = place.claims(asked, provider, sub="twin", email="twin@corp.example")
        provider.header = {"alg": "ES256"}
        assert back(browser, asked, name).status == 303
    found = [one for one in place.server.rest.get("users", kind=Users).users if one.name == "twin@corp.example"]
    assert {(one.issuer, one.subject) for one in found} == {(place.one.issuer, "twin"), (place.two.issuer, "twin")}
    assert len({one.id for one in found}) == 2


def test_a_local_user_of_that_mail_address_is_nobody_that_a_provider_can_vouch_for(place: Place) -> None:
    """Linking by mail: the server's admin here is called as somebody at a provider calls themselves."""
    admin = UserCreate(name="boss@corp.example", password="words that nobody joins", admin=True)
    local = place.server.rest.post("users", body=admin, kind=User)
    browser, asked = place.begin()
    place.one.claims = place.claims(asked, sub="impostor", email="boss@corp.example")
    place.one.header = {"alg": "ES256"}
    assert back(browser, asked).status == 303
    found = {one.id: one for one in place.server.rest.get("users", kind=Users).users if one.name == local.name}
    assert len(found) == 2
    (impostor,) = (one for one in found.values() if one.id != local.id)
    assert (impostor.issuer, impostor.subject, impostor.admin) == (place.one.issuer, "impostor", False)
    assert (found[local.id].issuer, found[local.id].admin) == ("local", True)


@pytest.mark.parametrize("wished", ["https://evil.example", "//evil.example", "/\\evil.example", "/first/x"])
def test_nobody_is_sent_elsewhere_after_a_provider(place: Place, wished: str) -> None:
    browser = Browser(place.server.url)
    asked = place.asked(browser.post("/sign-on/with/one", {"next": wished}))
    assert asked["redirect_uri"].startswith(place.server.url)
    place.one.claims, place.one.header = place.claims(asked), {"alg": "ES256"}
    assert back(browser, asked).location == "/account"


def test_no_private_address_is_asked_unless_that_was_configured(place: Place) -> None:
    page = Browser(place.server.url).post("/sign-on/with/inside", {"next": "/account"})
    assert (page.status, "private address" in page.text) == (403, True)


@pytest.mark.parametrize(
    "lie",
    [
        {"issuer": "https://login.corp.example"},
        {"token_endpoint": "http://192.0.2.1/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": "http://user@127.0.0.1/"},
    ],
    ids=repr,
)
def test_a_description_that_leads_elsewhere_is_not_followed(tmp_path: Path, lie: dict[str, str]) -> None:
    provider = LyingProvider(description=lie).start()
    file = tmp_path / "providers.toml"
    file.write_text(ENTRY.format(id="one", issuer=provider.issuer, private="true"))
    server = RunningServer(tmp_path / "data", "--providers", str(file)).start()
    try:
        assert Browser(server.url).post("/sign-on/with/one", {}).status == 403
    finally:
        server.stop()
        provider.stop()


def test_redirects_large_and_compressed_answers_are_refused_and_asked_for_again(tmp_path: Path) -> None:
    provider = LyingProvider().start()
    file = tmp_path / "providers.toml"
    file.write_text(ENTRY.format(id="one", issuer=provider.issuer, private="true"))
    server = RunningServer(tmp_path / "data", "--providers", str(file)).start()
    path = "/.well-known/openid-configuration"
    try:
        provider.answers[path] = lambda: (302, {"location": f"{provider.issuer}/jwks"}, b"")
        assert Browser(server.url).post("/sign-on/with/one", {}).status == 502
        provider.answers[path] = lambda: (200, {}, b" " * (PROVIDER_ANSWER_MAX_BYTES + 1))
        assert Browser(server.url).post("/sign-on/with/one", {}).status == 413
        provider.answers[path] = lambda: (200, {"content-encoding": "gzip"}, b"x")
        assert Browser(server.url).post("/sign-on/with/one", {}).status == 400
        assert "/jwks" not in provider.asked
        del provider.answers[path]
        assert Browser(server.url).post("/sign-on/with/one", {}).status == 200
    finally:
        server.stop()
        provider.stop()
