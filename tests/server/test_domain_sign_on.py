"""People come into a network by its mail domain, the whole way: a whole server, a real provider's pages, a real DNS.

The server runs in a thread of this process, so that it asks a name server of the test's; nothing else is replaced.
"""

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.provider.running import RunningProvider
from tests.provider.visitor import sign_on_by
from tests.server.browser import Browser
from tests.server.conftest import DATABASES
from tests.server.name_server import NameServer
from tests.server.running import START_S, STOP_S, free_port, wait_until

from warren.client.rest import RestClient
from warren.limits import DOMAIN_PROOF_KEPT_S
from warren.protocol.rest.domains import Domain, DomainProof, Domains, DomainsChange
from warren.protocol.rest.invitations import Came, Invitations, Invite
from warren.protocol.rest.networks import Network, NetworkCreate
from warren.protocol.rest.users import Users
from warren.server import app, housekeeping
from warren.server.db.engine import Database, database_url
from warren.server.domains.lookup import TxtLookup
from warren.server.settings import Settings

PEOPLE = {"corp.example": ("anna",), "asks.example": ("ben", "carl", "dora"), "gone.example": ("emil", "fred", "gerd")}
VOUCHED = {"email_verified": True}
CORP = {
    **{name: {"email": f"{name}@{domain}", **VOUCHED} for domain, names in PEOPLE.items() for name in names},
    "eve": {"email": "eve@corp.example", "email_verified": False},
}
WORLD = {
    "mallory": {"email": "mallory@corp.example", **VOUCHED},
    "moritz": {"email": "moritz@corp.example", **VOUCHED, "hd": "evil.example"},
}


@dataclass
class Company:
    """A server, its two providers (each lets everybody sign on), and the DNS that it asks."""

    data: Path
    url: str
    settings: Settings
    names: NameServer = field(default_factory=NameServer)
    _running: threading.Event = field(default_factory=threading.Event)

    async def serve(self) -> None:
        """Until `stop`."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.names = await NameServer.listening()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(app, "TxtLookup", lambda: TxtLookup(("127.0.0.1",), self.names.port))
            patched.setattr(housekeeping, "HOUSEKEEPING_S", 0.3)
            await app.run(self.settings, lambda _networks, _first: self._running.set(), self._stop)
        self.names.close()

    def start(self) -> "Company":
        """In a thread of its own; ready when it returns."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)
        self._thread.start()
        assert self._running.wait(START_S)
        return self

    def stop(self) -> None:
        """In order."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_S)
        assert not self._thread.is_alive()

    @property
    def rest(self) -> RestClient:
        """The server's own admin."""
        return RestClient(str(self.data))

    def network(self, name: str) -> None:
        self.rest.post("networks", body=NetworkCreate(name=name), kind=Network)

    def prove(self, network: str, domain: str, provider: str = "") -> Domain:
        body = DomainProof(domain=domain, provider=provider)
        return self.rest.put("networks", network, "domain-proof", body=body, kind=Domain)

    def shown(self, network: str) -> Domains:
        return self.rest.get("networks", network, "domains", kind=Domains)

    def comes(self, login: str, provider: str = "corp") -> list[str]:
        """Somebody signs on; the networks that they are in."""
        browser = Browser(self.url)
        assert sign_on_by(browser, provider, login).location == "/account"
        page = browser.get("/account").text
        assert f"You are {login}@" in page
        return re.findall(r"<li>([a-z0-9-]+)", page.partition('aria-labelledby="networks"')[2].partition("</ul>")[0])

    def user(self, login: str) -> str:
        (found,) = (one.id for one in self.rest.get("users", kind=Users).users if one.subject == login)
        return found

    def waiting(self, network: str) -> list[str]:
        found = self.rest.get("networks", network, "invitations", kind=Invitations).invitations
        return sorted(one.user for one in found)

    def age_proofs(self) -> None:
        """All of them were seen so long ago that they lapse at the next look, unless they are seen again."""

        async def age() -> None:
            database = Database(database_url(self.settings.database_url, self.data / "warren.db"))
            async with database.write() as connection:
                statement = text("UPDATE domain_claims SET seen_at = seen_at - :age WHERE seen_at IS NOT NULL")
                await connection.execute(statement, {"age": DOMAIN_PROOF_KEPT_S})
            await database.close()

        asyncio.run(age())


@pytest.fixture(scope="module", params=DATABASES)
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    port, file = free_port(), folder / "providers.toml"
    url = f"http://127.0.0.1:{port}"
    corp = RunningProvider(free_port(), url, "corp", CORP)
    world = RunningProvider(free_port(), url, "world", WORLD, userinfo=True)
    file.write_text(corp.toml(folder / "corp", open=True) + world.toml(folder / "world", open=True, domain_claim="hd"))
    database = request.getfixturevalue("postgresql").database() if request.param == "postgresql" else ""
    settings = Settings(
        data=folder / "data", url=url, listen=f"127.0.0.1:{port}", providers=str(file), database_url=database,
        relay_listen="off",
    )  # fmt: skip
    started: list[Company | RunningProvider] = []
    try:
        started += [corp.start(), world.start()]
        made = Company(folder / "data", url, settings).start()
        started.append(made)
        yield made
    finally:
        for one in reversed(started):
            one.stop()


def test_by_a_proof_people_of_the_provider_that_was_named_come_in_and_nobody_else(company: Company) -> None:
    company.network("lab")
    claimed = company.prove("lab", "corp.example")
    assert (claimed.is_in_force, claimed.issuers) == (False, ())
    company.names.records[claimed.record] = [claimed.proof]
    assert company.prove("lab", "corp.example").is_in_force
    assert company.comes("anna") == [], "no provider was named"
    assert len(company.prove("lab", "corp.example", "corp").issuers) == 1
    assert company.comes("anna") == ["lab"]
    assert company.comes("eve") == [], "the mail is not verified"
    assert company.comes("mallory", "world") == [], "another provider"
    assert company.prove("lab", "corp.example", "world").is_in_force
    assert company.comes("moritz", "world") == [], "another tenant of a provider that was named"
    assert company.comes("mallory", "world") == ["lab"]


def test_who_has_to_be_approved_waits_and_who_was_put_out_stays_out(company: Company) -> None:
    company.network("asks")
    claimed = company.prove("asks", "asks.example", "corp")
    company.names.records[claimed.record] = [claimed.proof]
    assert company.prove("asks", "asks.example").is_in_force
    company.rest.patch("networks", "asks", "domains", body=DomainsChange(approve=True), kind=Domains)
    assert (company.comes("ben"), company.comes("carl")) == ([], [])
    ben, carl = company.user("ben"), company.user("carl")
    assert company.waiting("asks") == sorted([ben, carl])
    let_in = company.rest.post("networks", "asks", "invitations", body=Invite(user=ben), kind=Came)
    assert (let_in.state, company.comes("ben")) == ("in", ["asks"])
    company.rest.delete("networks", "asks", "invitations", carl, kind=Came)
    assert (company.comes("carl"), company.waiting("asks")) == ([], [])
    company.rest.patch("networks", "asks", "domains", body=DomainsChange(approve=False), kind=Domains)
    company.rest.delete("networks", "asks", "invitations", ben, kind=Came)
    assert (company.comes("ben"), company.comes("carl"), company.comes("dora")) == ([], [], ["asks"])


def test_when_the_record_is_gone_the_proof_lapses_and_another_network_may_have_the_domain(company: Company) -> None:
    for name in ("gone", "other"):
        company.network(name)
    claimed = company.prove("gone", "gone.example", "corp")
    company.names.records[claimed.record] = [claimed.proof]
    assert company.prove("gone", "gone.example").is_in_force
    assert company.comes("emil") == ["gone"]
    company.age_proofs()
    wait_until(lambda: company.shown("gone").domains[0].is_in_force)  # the record is still there: seen again by itself
    del company.names.records[claimed.record]
    company.age_proofs()
    wait_until(lambda: not company.shown("gone").domains[0].is_in_force)
    assert company.comes("fred") == []
    claimed = company.prove("other", "gone.example", "corp")
    company.names.records[claimed.record] = [claimed.proof]
    assert company.prove("other", "gone.example").is_in_force
    assert (company.comes("gerd"), company.comes("emil")) == (["other"], ["gone", "other"])
