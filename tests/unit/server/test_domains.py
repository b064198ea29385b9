"""Mail domains: proved by a record in the DNS, by each account for itself, and people who wait for an admin's word."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from tests.unit.server.conftest import Features

from warren.errors import Code, WarrenError
from warren.limits import DOMAIN_LOOK_EVERY_S, DOMAIN_PROOF_KEPT_S
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.accounts.store import UserRow
from warren.server.domains import lookup
from warren.server.domains.lookup import TxtLookup
from warren.server.domains.service import DomainProofs
from warren.server.invitations.service import Invitations
from warren.server.providers import rules as provider_rules
from warren.server.providers.domains import Domains
from warren.server.providers.settings import Provider

DOMAIN = "corp.example"
PROVIDER = Provider(id="one", name="one", issuer="https://idp.example", client_id="warren", domain_claim="hd")
CLAIMS = {"sub": "1", "email": f"anna@{DOMAIN}", "email_verified": True}


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """A DNS server for texts. `records` by name; it is silent, or fails, where it is told to."""

    records: dict[str, list[str]] = field(default_factory=dict)
    is_silent: bool = False
    fails: bool = False
    asked: int = 0
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        if self.is_silent or self.transport is None:
            return
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.AA
        name = question.question[0].name
        texts = self.records.get(name.to_text(omit_final_dot=True))
        if self.fails:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif texts is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *(f'"{one}"' for one in texts)))
        self.transport.sendto(answer.to_wire(), addr)


@dataclass
class Corp:
    """A server's features, its DNS, and an owner and an admin of the default network."""

    features: Features
    names: NameServer
    proofs: DomainProofs

    def vouched(self, proved: frozenset[str]) -> str | None:
        return provider_rules.vouched_domain(CLAIMS, PROVIDER, proved)

    async def add_user(self, user: str, role: Role | None) -> UserRow:
        row = UserRow(user, "https://idp.example", user, user, None, False, 1, None)  # noqa: FBT003 - no server admin
        async with self.features.database.write() as connection:
            await account_store.add_user(connection, row)
            if role is not None:
                await account_store.add_role(connection, self.features.network.id, user, role)
        return row


@pytest.fixture
async def corp(features: Features) -> AsyncIterator[Corp]:
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    proofs = DomainProofs(features.database, TxtLookup(("127.0.0.1",), port), lambda: features.clock[0])
    made = Corp(features, names, proofs)
    await made.add_user("uowner", Role.OWNER)
    await made.add_user("uother", Role.OWNER)
    yield made
    transport.close()


async def test_a_domain_is_proved_by_the_record_of_the_very_account_that_claims_it(corp: Corp) -> None:
    network, record = corp.features.network, f"_warren.{DOMAIN}"
    claimed = await corp.proofs.prove(network, "uowner", DOMAIN.upper(), actor="owner")
    assert (claimed.record, claimed.is_in_force, corp.names.asked) == (record, False, 0)
    assert claimed.proof.startswith("warren-domain=")
    assert not (await corp.proofs.prove(network, "uowner", DOMAIN, actor="owner")).is_in_force, "no such record"
    other = await corp.proofs.prove(network, "uother", DOMAIN, actor="other")
    assert other.proof != claimed.proof
    corp.names.records[record] = ["v=spf1 -all", other.proof]
    assert not (await corp.proofs.prove(network, "uowner", DOMAIN, actor="owner")).is_in_force, "another account's"
    assert await corp.proofs.proved() == frozenset()
    assert corp.vouched(await corp.proofs.proved()) is None
    corp.names.records[record] = ["v=spf1 -all", claimed.proof]
    found = await corp.proofs.prove(network, "uowner", DOMAIN, actor="owner")
    assert found.is_in_force
    assert corp.vouched(await corp.proofs.proved()) == DOMAIN
    unverified = provider_rules.vouched_domain(CLAIMS | {"email_verified": False}, PROVIDER, await corp.proofs.proved())
    assert unverified is None
    anna = await corp.add_user("uanna", None)
    await Domains(corp.features.database, corp.features.networks, lambda: corp.features.clock[0]).enter(anna, DOMAIN)
    async with corp.features.database.read() as connection:
        assert (await account_store.read_roles(connection, "uanna"))[network.id] == Role.MEMBER


@pytest.mark.parametrize("domain", ["gmail.com", "com", "a b.example", "corp.example\0", "x" * 250 + ".example"])
async def test_what_is_nobodys_or_no_domain_cannot_be_claimed(corp: Corp, domain: str) -> None:
    with pytest.raises(WarrenError) as caught:
        await corp.proofs.prove(corp.features.network, "uowner", domain, actor="owner")
    assert caught.value.code is Code.INVALID_ARGUMENT


async def test_a_dns_that_is_silent_or_broken_proves_nothing_and_is_not_waited_for(
    corp: Corp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "DNS_LOOKUP_MAX_S", 0.3)
    await corp.proofs.prove(corp.features.network, "uowner", DOMAIN, actor="owner")
    for what in ("is_silent", "fails"):
        setattr(corp.names, what, True)
        with pytest.raises(WarrenError) as caught:
            await asyncio.wait_for(corp.proofs.prove(corp.features.network, "uowner", DOMAIN, actor="owner"), 20)
        assert caught.value.code is Code.TIMEOUT
        setattr(corp.names, what, False)


async def test_a_proof_is_looked_for_again_and_ends_with_its_record_or_its_owner(corp: Corp) -> None:
    network, clock = corp.features.network, corp.features.clock
    claimed = await corp.proofs.prove(network, "uowner", DOMAIN, actor="owner")
    corp.names.records[claimed.record] = [claimed.proof]
    await corp.proofs.prove(network, "uowner", DOMAIN, actor="owner")
    for _ in range(3):
        clock[0] += DOMAIN_PROOF_KEPT_S - 1
        await corp.proofs.look_again()
        assert await corp.proofs.proved() == {DOMAIN}
    async with corp.features.database.write() as connection:
        await account_store.set_role(connection, network.id, "uowner", Role.MEMBER, but=Role.ADMIN)
    clock[0] += DOMAIN_LOOK_EVERY_S + 1
    await corp.proofs.look_again()
    assert await corp.proofs.proved() == {DOMAIN}, "for some days more"
    clock[0] += DOMAIN_PROOF_KEPT_S
    await corp.proofs.look_again()
    assert await corp.proofs.proved() == frozenset()
    await corp.proofs.give_up(network, DOMAIN, actor="owner")
    assert (await corp.proofs.show(network, "uowner")).domains == ()


async def test_who_comes_by_a_domain_waits_where_an_admin_approves_each(corp: Corp) -> None:
    clock = lambda: corp.features.clock[0]  # noqa: E731 - a clock
    domains = Domains(corp.features.database, corp.features.networks, clock)
    invitations = Invitations(corp.features.database, clock)
    first, second, third = [await corp.add_user(user, None) for user in ("uone", "utwo", "uthree")]
    await domains.enter(first, DOMAIN)
    network = next(one for one in corp.features.networks.all() if one.row.name == "corp-example")
    assert (await corp.proofs.set_approve(network, "uone", each=True, actor="one")).approve
    for _ in range(2):  # signing on again changes nothing
        await domains.enter(second, DOMAIN)
        (asks,) = await invitations.of_network(network, after=None, limit=5)
        assert (asks.user, asks.kind, asks.text) == ("utwo", "asked", f"came by the mail domain {DOMAIN}")
    async with corp.features.database.read() as connection:
        assert network.id not in await account_store.read_roles(connection, "utwo")
    assert await invitations.invite(network, second, "", actor="one"), "an admin's word lets them in"
    async with corp.features.database.read() as connection:
        assert (await account_store.read_roles(connection, "utwo"))[network.id] == Role.MEMBER
    await corp.proofs.set_approve(network, "uone", each=False, actor="one")
    await domains.enter(third, DOMAIN)
    async with corp.features.database.read() as connection:
        assert (await account_store.read_roles(connection, "uthree"))[network.id] == Role.MEMBER
