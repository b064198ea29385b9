"""All of a server that knows secrets of people, on a real database file and a clock that tests move."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.server.lying_provider import LyingProvider
from tests.unit.server.conftest import Features
from tests.unit.server.soft_passkey import SoftPasskey

from warren.model.keys import Secret
from warren.protocol.rest.device import DeviceAsk
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.accounts.service import Accounts
from warren.server.accounts.store import UserRow
from warren.server.domains.lookup import TxtLookup
from warren.server.domains.service import DomainProofs
from warren.server.factors import store as factor_store
from warren.server.factors.passkeys import Place
from warren.server.factors.rules import Action, Demands
from warren.server.factors.service import Factors
from warren.server.factors.store import PasskeyRow
from warren.server.invitations.service import Invitations
from warren.server.providers.domains import Domains
from warren.server.providers.service import Providers
from warren.server.providers.settings import Provider
from warren.server.signon.service import Session, SignOn

PLACE = Place("warren.example", "https://warren.example")
FRESH_S = 600
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class People:
    """All of a server that knows secrets of people."""

    features: Features
    accounts: Accounts
    factors: Factors
    signon: SignOn
    invitations: Invitations
    providers: Providers
    provider: LyingProvider

    @property
    def now(self) -> int:
        """Unix seconds."""
        return int(self.features.clock[0])

    async def person(self) -> UserRow:
        """Somebody new, who may add machines to the network."""
        name = f"anna{next(_numbers)}"
        user = await self.accounts.known_by("https://idp.example", name, name=name, groups=())
        async with self.features.database.write() as connection:
            await account_store.add_role(connection, self.features.network.id, user.id, Role.MEMBER)
        return user

    async def session(self, user: UserRow | None = None) -> Session:
        """Somebody (new) signs on, by two factors."""
        user = user or await self.person()
        found = await self.signon.session((await self.signon.begin(user, shown=True)).secret)
        assert found is not None
        return found

    async def approved(self, ask: DeviceAsk) -> str:
        """The secret of a program that somebody approved."""
        asked = await self.signon.ask(ask, "127.0.0.1")
        name = self.features.network.row.name
        await self.signon.decide(await self.session(), asked.code, approve=True, network=name)
        return asked.secret

    async def passkey(self, user: UserRow) -> SoftPasskey:
        """They have a passkey."""
        made = SoftPasskey()
        row = PasskeyRow(made.id, user.id, made.public, 0, "x", self.now, None)
        async with self.features.database.write() as connection:
            await factor_store.add_passkey(connection, row)
        return made


@pytest.fixture
def people(features: Features) -> Iterator[People]:
    """Nobody has an account yet."""
    provider = LyingProvider().start()
    database, clock = features.database, lambda: features.clock[0]
    accounts, secret = Accounts(database, clock), Secret(bytes(32))
    demands = Demands(frozenset({Action.APPROVE}), FRESH_S)
    factors = Factors(
        database=database, key=secret, place=PLACE, demands=demands, clock=clock, monotonic=clock
    )  # fmt: skip
    signon = SignOn(
        database=database, accounts=accounts, networks=features.networks, invites=features.invites, factors=factors,
        key=secret, clock=clock, monotonic=clock,
    )  # fmt: skip
    entry = Provider(
        id="one", name="one", issuer=provider.issuer, client_id="warren", domains=("corp.example",), private=True
    )
    providers = Providers(
        providers=[entry], base_url=PLACE.origin, database=database, accounts=accounts,
        domains=Domains(database, features.networks, clock), proofs=DomainProofs(database, TxtLookup(), clock),
        clock=clock, monotonic=clock,
    )  # fmt: skip
    yield People(features, accounts, factors, signon, Invitations(database, clock), providers, provider)
    provider.stop()
