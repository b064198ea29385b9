"""A network's owners, its people and their DNS, for tests of mail domains."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.server.name_server import NameServer
from tests.unit.server.conftest import Features

from warren.limits import DOMAIN_LOOK_EVERY_S
from warren.protocol.rest.domains import Domain
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.accounts.store import UserRow
from warren.server.audit.service import Audit
from warren.server.domains.lookup import TxtLookup
from warren.server.domains.service import DomainProofs
from warren.server.invitations.service import Invitations
from warren.server.networks.live import LiveNetwork
from warren.server.providers import rules as provider_rules
from warren.server.providers.domains import Domains
from warren.server.providers.settings import Provider

DOMAIN = "corp.example"
ISSUER = "https://idp.example"
PROVIDER = Provider(id="one", name="one", issuer=ISSUER, client_id="warren", domain_claim="hd")
OTHER = Provider(id="two", name="two", issuer="https://two.example", client_id="warren", open=True)
CLAIMS = {"sub": "1", "email": f"anna@{DOMAIN}", "email_verified": True}


@dataclass
class Corp:
    """A server's features, its DNS, and two owners of the default network."""

    features: Features
    names: NameServer
    proofs: DomainProofs
    domains: Domains
    invitations: Invitations

    def vouched(self, proved: frozenset[str]) -> str | None:
        return provider_rules.vouched_domain(CLAIMS, PROVIDER, proved)

    async def add_user(self, user: str, role: Role | None, issuer: str = ISSUER) -> UserRow:
        row = UserRow(user, issuer, user, user, None, False, 1, None)  # noqa: FBT003 - no server admin
        async with self.features.database.write() as connection:
            await account_store.add_user(connection, row)
            if role is not None:
                await account_store.add_role(connection, self.features.network.id, user, role)
        return row

    async def network(self, name: str) -> LiveNetwork:
        """Another one, of an owner of its own who is called as it is."""
        await self.add_user(name, None)
        await self.features.networks.create(name, None, actor=name, owner=name)
        return next(one for one in self.features.networks.all() if one.row.name == name)

    async def publish(self, network: LiveNetwork, user: str, domain: str = DOMAIN) -> None:
        """The record that this account is told to publish for the domain, instead of what there was."""
        claimed = await self.proofs.prove(network, user, domain, actor=user)
        self.names.records[claimed.record] = [claimed.proof]

    async def prove(self, network: LiveNetwork, user: str, domain: str = DOMAIN) -> Domain:
        await self.publish(network, user, domain)
        return await self.proofs.prove(network, user, domain, actor=user)

    async def is_in_force(self, network: LiveNetwork) -> bool:
        return any(one.is_in_force for one in (await self.proofs.show(network, "")).domains)

    async def looks(self, days: int) -> None:
        """A look a day."""
        for _ in range(days):
            self.features.clock[0] += DOMAIN_LOOK_EVERY_S
            await self.proofs.look_again()

    async def roles(self, user: str) -> dict[str, int]:
        """What they are, by the network's name."""
        names = {one.id: one.row.name for one in self.features.networks.all()}
        async with self.features.database.read() as connection:
            found = await account_store.read_roles(connection, user)
        return {names[network]: role for network, role in found.items()}

    async def audited(self, network: LiveNetwork) -> list[str]:
        """What was done about domains, the oldest first, and by whom."""
        rows = await Audit(self.features.database).newest(network.id, after=None, limit=50, action="domain")
        return [f"{one.action} {one.actor}" for one in reversed(rows)]


@pytest.fixture
async def corp(features: Features) -> AsyncIterator[Corp]:
    names = await NameServer.listening()
    clock, database = lambda: features.clock[0], features.database
    proofs = DomainProofs(database, TxtLookup(("127.0.0.1",), names.port), clock, (PROVIDER, OTHER))
    made = Corp(
        features, names, proofs, Domains(database, features.networks, clock), Invitations(database, clock)
    )  # fmt: skip
    await made.add_user("uowner", Role.OWNER)
    await made.add_user("uother", Role.OWNER)
    yield made
    names.close()
