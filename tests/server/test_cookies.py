"""SECURITY.md rule 11: what a cookie of a sign-on has to be over TLS, whichever page gives it or takes it back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
import pytest
from tests.server.browser import Browser, Page
from tests.server.test_accounts import PASSWORD, Person
from tests.server.test_providers import Place, back

SESSION, KNOWN, FLOW = "__Host-warren", "__Host-warren-known", "__Host-warren-flow"
STRICT = {KNOWN}
"""Given back to us alone, also where a link of another site leads here; the others have to come along from a
provider's page."""


@dataclass(slots=True)
class Jar(Browser):
    """A browser that notes what it was given."""

    given: list[str] = field(default_factory=list)

    def _call(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Page:
        page = Browser._call(self, method, path, body, headers)
        self.given += page.set_cookies
        return page


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    place = Place(tmp_path, "https")
    monkeypatch.setenv("SSL_CERT_FILE", str(place.server.data / "tls" / "auto.crt"))
    yield place
    place.stop()


def test_cookies_over_tls_belong_to_this_host_alone_and_to_no_script(place: Place) -> None:
    person, jar = Person(place.server), Jar(place.server.url)
    jar.sign_on(person.name, PASSWORD)
    form = {"csrf": jar.get("/factors").hidden("csrf")}
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", jar.post("/factors/app", form).text)
    assert secret is not None
    app = pyotp.TOTP(secret[1].replace(" ", ""))
    assert jar.post("/factors/app/confirm", {**form, "code": app.now()}).status == 200
    jar.post("/sign-off", {"csrf": jar.get("/account").hidden("csrf")})
    page = jar.post("/sign-on/with/one", {"next": "/account"})
    asked = place.asked(page)
    place.one.claims = place.claims(asked)
    assert back(jar, asked).status == 303

    seen = set()
    for line in jar.given:
        pair, *attributes = (part.strip() for part in line.split(";"))
        name, _, value = pair.partition("=")
        said = {one.partition("=")[0].lower(): one.partition("=")[2].lower() for one in attributes}
        assert said.keys() >= {"secure", "httponly", "path", "max-age"}, line
        assert said["path"] == "/"
        assert "domain" not in said
        assert said["samesite"] == ("strict" if name in STRICT else "lax"), line
        seen.add((name, bool(value.strip('"'))))
    assert seen == {(SESSION, True), (SESSION, False), (KNOWN, True), (FLOW, True), (FLOW, False)}
