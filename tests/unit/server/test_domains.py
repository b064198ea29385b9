"""Mail domains: proved by a record in the DNS, by each account for itself, and people who wait for an admin's word."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.server.name_server import NameServer
from tests.unit.server.conftest import Features

from warren.errors import Code, WarrenError
from warren.limits import (
    DNS_LOOKUPS_AT_ONCE,
    DOMAIN_LOOK_EVERY_S,
    DOMAIN_LOOKS_MISSED_MAX,
    DOMAIN_PROOF_KEPT_S,
    DOMAINS_A_NETWORK_MAX,
)
from warren.protocol.rest.domains import Domain
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import LOCAL_ISSUER, Role
from warren.server.accounts.store import UserRow
from warren.server.audit.service import Audit
from warren.server.domains import lookup
from warren.server.domains.lookup import TxtLookup
from warren.server.domains.service import DomainProofs
from warren.server.invitations import store as invitation_store
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
    assert await corp.proofs.proved(ISSUER) == frozenset()
    assert corp.vouched(await corp.proofs.proved(ISSUER)) is None
    corp.names.records[record] = ["v=spf1 -all", claimed.proof]
    found = await corp.proofs.prove(network, "uowner", DOMAIN, actor="owner")
    assert found.is_in_force
    assert corp.vouched(await corp.proofs.proved(ISSUER)) == DOMAIN
    unverified = provider_rules.vouched_domain(
        CLAIMS | {"email_verified": False}, PROVIDER, await corp.proofs.proved(ISSUER)
    )
    assert unverified is None
    anna = await corp.add_user("uanna", None)
    await corp.domains.enter(anna, DOMAIN)
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
        assert await corp.proofs.proved(ISSUER) == {DOMAIN}
    async with corp.features.database.write() as connection:
        await account_store.set_role(connection, network.id, "uowner", Role.MEMBER, but=Role.ADMIN)
    clock[0] += DOMAIN_LOOK_EVERY_S + 1
    await corp.proofs.look_again()
    assert await corp.proofs.proved(ISSUER) == {DOMAIN}, "for some days more"
    clock[0] += DOMAIN_PROOF_KEPT_S
    await corp.proofs.look_again()
    assert await corp.proofs.proved(ISSUER) == frozenset()
    await corp.proofs.give_up(network, DOMAIN, actor="owner")
    assert (await corp.proofs.show(network, "uowner")).domains == ()


async def test_who_comes_by_a_domain_waits_where_an_admin_approves_each(corp: Corp) -> None:
    domains, invitations = corp.domains, corp.invitations
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


async def test_a_proof_counts_for_the_provider_of_its_account_and_no_other(corp: Corp) -> None:
    """The DNS says whose a domain is, not which provider's word of its addresses is good."""
    assert (await corp.prove(corp.features.network, "uowner")).issuers == (ISSUER,)
    assert corp.vouched(await corp.proofs.proved(ISSUER)) == DOMAIN
    assert await corp.proofs.proved(OTHER.issuer) == frozenset()


async def test_an_account_of_this_server_names_the_provider_and_none_counts_before(corp: Corp) -> None:
    network = corp.features.network
    await corp.add_user("ulocal", Role.OWNER, LOCAL_ISSUER)
    found = await corp.prove(network, "ulocal")
    assert (found.is_in_force, found.issuers) == (True, ())
    for issuer in (ISSUER, OTHER.issuer, LOCAL_ISSUER, ""):
        assert (issuer == "") == bool(await corp.proofs.proved(issuer))
    for named in ("two", OTHER.issuer):
        found = await corp.proofs.prove(network, "ulocal", DOMAIN, actor="local", provider=named)
        assert (found.is_in_force, found.issuers) == (True, (OTHER.issuer,))
        assert await corp.proofs.proved(OTHER.issuer) == {DOMAIN}
        assert not await corp.proofs.proved(ISSUER)
    with pytest.raises(WarrenError) as caught:
        await corp.proofs.prove(network, "ulocal", DOMAIN, actor="local", provider="three")
    assert (caught.value.code, caught.value.fix) == (Code.INVALID_ARGUMENT, "one of: one, two")
    assert (await corp.proofs.prove(network, "ulocal", DOMAIN, actor="local")).issuers == (OTHER.issuer,), "it stays"


async def test_a_domain_is_one_networks_as_long_as_its_proof_lives_and_the_next_ones_then(corp: Corp) -> None:
    first, clock = corp.features.network, corp.features.clock
    second = await corp.network("second")
    assert (await corp.prove(first, "uowner")).is_in_force
    await corp.publish(second, "second")
    clock[0] += DOMAIN_PROOF_KEPT_S - 1
    with pytest.raises(WarrenError) as caught:
        await corp.proofs.prove(second, "second", DOMAIN, actor="second")
    assert caught.value.code is Code.CONFLICT
    assert not (await corp.proofs.show(second, "second")).domains[0].is_in_force
    clock[0] += 1
    assert (await corp.proofs.prove(second, "second", DOMAIN, actor="second")).is_in_force, "no daily look was needed"
    assert not (await corp.proofs.show(first, "uowner")).domains[0].is_in_force
    anna = await corp.add_user("uanna", None)
    await corp.domains.enter(anna, DOMAIN)
    assert await corp.roles("uanna") == {"second": Role.MEMBER}
    assert await corp.audited(first) == ["domain.claimed uowner", "domain.proved uowner", "domain.lapsed server"]


async def test_who_is_vouched_for_does_not_land_where_a_proof_lapsed(corp: Corp) -> None:
    await corp.prove(corp.features.network, "uowner")
    corp.names.records.clear()
    await corp.looks(DOMAIN_LOOKS_MISSED_MAX)
    assert not await corp.is_in_force(corp.features.network)
    anna = await corp.add_user("uanna", None)
    await corp.domains.enter(anna, DOMAIN)
    assert await corp.roles("uanna") == {"corp-example": Role.OWNER}


@pytest.mark.parametrize("is_published", [True, False])
@pytest.mark.parametrize("days", [8, 3650, -3650])
async def test_time_in_which_nobody_looked_takes_no_domain_from_its_network(
    corp: Corp, days: int, *, is_published: bool
) -> None:
    """A server that was off, a copy of last week's database, a clock that leaps: who signs on first is in nobody's
    network, and opens none; the record decides, as soon as it is looked for."""
    network, anna = corp.features.network, await corp.add_user("uanna", None)
    await corp.prove(network, "uowner")
    kept = dict(corp.names.records)
    if not is_published:
        corp.names.records.clear()
    corp.features.clock[0] += days * DOMAIN_LOOK_EVERY_S
    await corp.domains.enter(anna, DOMAIN)
    assert (await corp.roles("uanna"), await corp.is_in_force(network)) == ({}, False)
    for _ in range(3):  # what is looked for in vain three times within an hour was looked for in vain once
        await corp.proofs.look_again()
    corp.names.records.update(kept)
    await corp.proofs.look_again()
    assert await corp.is_in_force(network)
    assert await corp.proofs.proved(ISSUER) == {DOMAIN}
    await corp.domains.enter(anna, DOMAIN)
    assert await corp.roles("uanna") == {network.row.name: Role.MEMBER}
    assert await corp.audited(network) == [
        "domain.claimed uowner", "domain.proved uowner", "domain.joined uanna"
    ]  # fmt: skip


@pytest.mark.parametrize("looks", [True, False])
@pytest.mark.parametrize("is_published", [True, False])
async def test_a_clock_that_leaps_and_comes_back_leaves_a_domain_with_its_network(
    corp: Corp, *, looks: bool, is_published: bool
) -> None:
    """Also by a look, in vain or not, while it was wrong; what a wrong clock saw is seen again by the right one."""
    network, clock, anna = corp.features.network, corp.features.clock, await corp.add_user("uanna", None)
    await corp.prove(network, "uowner")
    kept, start = dict(corp.names.records), clock[0]
    for _ in range(2):
        clock[0] = start + 10 * 365 * DOMAIN_LOOK_EVERY_S
        if not is_published:
            corp.names.records.clear()
        if looks:
            await corp.proofs.look_again()
        await corp.domains.enter(anna, DOMAIN)
        corp.names.records.update(kept)
        clock[0] = start = start + 60
        await corp.proofs.look_again()
        (shown,) = (await corp.proofs.show(network, "uowner")).domains
        assert (shown.is_in_force, (shown.seen_at or 0) <= clock[0]) == (True, True)
    assert set(await corp.roles("uanna")) <= {network.row.name}
    await corp.looks(1)
    assert await corp.is_in_force(network)


async def test_a_dns_that_does_not_answer_takes_no_domain_from_its_network(corp: Corp) -> None:
    network, anna = corp.features.network, await corp.add_user("uanna", None)
    await corp.prove(network, "uowner")
    corp.names.fails = True
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lookup, "DNS_LOOKUP_MAX_S", 0.1)
        await corp.looks(DOMAIN_LOOKS_MISSED_MAX + 2)
    await corp.domains.enter(anna, DOMAIN)
    assert (await corp.roles("uanna"), await corp.is_in_force(network)) == ({}, False)
    corp.names.fails = False
    await corp.proofs.look_again()
    assert await corp.is_in_force(network)


async def test_a_proof_that_lapsed_is_looked_for_again_and_counts_when_it_is_back(corp: Corp) -> None:
    network = corp.features.network
    await corp.prove(network, "uowner")
    kept = dict(corp.names.records)
    corp.names.records.clear()
    await corp.looks(DOMAIN_LOOKS_MISSED_MAX + 2)
    asked = corp.names.asked
    await corp.proofs.look_again()
    assert (await corp.is_in_force(network), corp.names.asked) == (False, asked), "once a day"
    corp.names.records.update(kept)
    await corp.looks(1)
    assert await corp.is_in_force(network)
    anna = await corp.add_user("uanna", None)
    await corp.domains.enter(anna, DOMAIN)
    assert await corp.roles("uanna") == {network.row.name: Role.MEMBER}
    assert (await corp.audited(network))[1:] == [
        "domain.proved uowner", "domain.lapsed server", "domain.proved server", "domain.joined uanna"
    ]  # fmt: skip


@pytest.mark.parametrize("by_proof", [True, False])
async def test_a_proof_that_lapsed_takes_the_domain_from_nobody_who_has_it_since(corp: Corp, *, by_proof: bool) -> None:
    network, second = corp.features.network, await corp.network("second")
    await corp.prove(network, "uowner")
    await corp.proofs.prove(network, "uowner", DOMAIN, actor="owner", provider="two")
    ((record, ours),) = corp.names.records.items()
    corp.names.records.clear()
    await corp.looks(DOMAIN_LOOKS_MISSED_MAX)
    if by_proof:
        await corp.prove(second, "second")
    else:
        await corp.domains.enter(await corp.add_user("uanna", None), DOMAIN)
    corp.names.records[record] = [*ours, *corp.names.records.get(record, [])]
    await corp.looks(2)
    assert not await corp.is_in_force(network)
    assert await corp.proofs.proved(OTHER.issuer) == frozenset(), "whom they trust is not whom the other trusts"
    ben = await corp.add_user("uben", None)
    await corp.domains.enter(ben, DOMAIN)
    assert await corp.roles("uben") == {"second" if by_proof else "corp-example": Role.MEMBER}


async def test_a_domain_whose_record_is_there_is_not_anothers_however_old_its_proof(corp: Corp) -> None:
    """Who may write one record beside it may not take its people; they have to take it away."""
    first, second = corp.features.network, await corp.network("second")
    await corp.prove(first, "uowner")
    ((record, ours),) = corp.names.records.items()
    await corp.publish(second, "second")
    corp.names.records[record] += ours
    corp.features.clock[0] += DOMAIN_PROOF_KEPT_S
    with pytest.raises(WarrenError) as caught:
        await corp.proofs.prove(second, "second", DOMAIN, actor="second")
    assert caught.value.code is Code.CONFLICT
    await corp.proofs.look_again()
    assert await corp.is_in_force(first)


async def test_what_a_provider_vouched_for_stays_when_a_proof_beside_it_lapses(corp: Corp) -> None:
    anna = await corp.add_user("uanna", None)
    await corp.domains.enter(anna, DOMAIN)
    network = next(one for one in corp.features.networks.all() if one.row.name == "corp-example")
    await corp.prove(network, "uanna")
    corp.names.records.clear()
    corp.features.clock[0] += DOMAIN_PROOF_KEPT_S
    await corp.proofs.look_again()
    (shown,) = (await corp.proofs.show(network, "uanna")).domains
    assert (shown.is_in_force, shown.vouched) == (True, True)
    assert await corp.proofs.proved(ISSUER) == frozenset()
    ben = await corp.add_user("uben", None)
    await corp.domains.enter(ben, DOMAIN)
    assert await corp.roles("uben") == {"corp-example": Role.MEMBER}


async def test_a_network_claims_so_many_domains_and_no_more(corp: Corp) -> None:
    network = corp.features.network
    for number in range(DOMAINS_A_NETWORK_MAX):
        await corp.proofs.prove(network, "uowner", f"corp{number}.example", actor="owner")
    for user in ("uowner", "uother"):
        with pytest.raises(WarrenError) as caught:
            await corp.proofs.prove(network, user, DOMAIN, actor=user)
        assert caught.value.code is Code.BUSY
    assert len((await corp.proofs.show(network, "uowner")).domains) == DOMAINS_A_NETWORK_MAX
    await corp.proofs.give_up(network, "corp0.example", actor="owner")
    assert (await corp.proofs.prove(network, "uowner", DOMAIN, actor="owner")).proof


async def test_a_proof_of_an_account_that_was_shut_out_ends(corp: Corp) -> None:
    clock = corp.features.clock
    await corp.prove(corp.features.network, "uowner")
    async with corp.features.database.write() as connection:
        await account_store.set_disabled(connection, "uowner", int(clock[0]))
    for _ in range(8):  # its record is there all the time
        clock[0] += DOMAIN_LOOK_EVERY_S
        await corp.proofs.look_again()
    assert await corp.proofs.proved(ISSUER) == frozenset()
    assert (await corp.audited(corp.features.network))[-1] == "domain.lapsed server"


async def test_who_was_put_out_comes_back_by_an_admins_word_only(corp: Corp) -> None:
    network, invitations = corp.features.network, corp.invitations
    await corp.prove(network, "uowner")
    anna = await corp.add_user("uanna", None)
    await corp.domains.enter(anna, DOMAIN)
    assert await corp.roles("uanna") == {network.row.name: Role.MEMBER}
    await invitations.withdraw(network, anna, actor="owner")
    for each in (False, True):
        await corp.proofs.set_approve(network, "uowner", each=each, actor="owner")
        await corp.domains.enter(anna, DOMAIN)
        assert await corp.roles("uanna") == {}
        assert await invitations.of_network(network, after=None, limit=5) == [], "nor do they ask"
    ben = await corp.add_user("uben", None)
    await corp.domains.enter(ben, DOMAIN)
    assert len(await invitations.of_network(network, after=None, limit=5)) == 1, "others do"
    assert not await invitations.invite(network, anna, "", actor="owner")
    await corp.domains.enter(anna, DOMAIN)
    assert await corp.roles("uanna") == {}, "they have to accept"
    await invitations.accept(network, anna, actor="anna")
    assert await corp.roles("uanna") == {network.row.name: Role.MEMBER}
    async with corp.features.database.read() as connection:
        assert not await invitation_store.is_put_out(connection, network.id, "uanna")
    await invitations.withdraw(network, anna, actor="owner")
    await corp.domains.enter(anna, DOMAIN)
    assert await corp.roles("uanna") == {}, "and again"


async def test_who_is_put_out_is_out_whatever_waited_of_them(corp: Corp) -> None:
    """Who came by the domain while invited, or while a question waited, was called out and stayed a member."""
    network, invitations = corp.features.network, corp.invitations
    await corp.prove(network, "uowner")
    anna, ben, cleo = [await corp.add_user(f"u{name}", None) for name in ("anna", "ben", "cleo")]
    await invitations.invite(network, anna, "", actor="owner")
    await corp.proofs.set_approve(network, "uowner", each=True, actor="owner")
    await corp.domains.enter(ben, DOMAIN)
    await corp.proofs.set_approve(network, "uowner", each=False, actor="owner")
    await invitations.invite(network, cleo, "", actor="owner")
    async with corp.features.database.write() as connection:  # by what another way in left
        await account_store.add_role(connection, network.id, cleo.id, Role.MEMBER)
    for person in (anna, ben):
        await corp.domains.enter(person, DOMAIN)
        assert await corp.roles(person.id) == {network.row.name: Role.MEMBER}
    waiting = await invitations.of_network(network, after=None, limit=5)
    assert [row.user for row in waiting] == [cleo.id], "who is in waits for nothing"
    for person in (anna, ben, cleo):
        await invitations.withdraw(network, person, actor="owner")
        await corp.domains.enter(person, DOMAIN)
        assert await corp.roles(person.id) == {}


async def test_who_was_denied_does_not_ask_at_every_sign_on(corp: Corp) -> None:
    network, invitations = corp.features.network, corp.invitations
    await corp.prove(network, "uowner")
    await corp.proofs.set_approve(network, "uowner", each=True, actor="owner")
    anna, ben = await corp.add_user("uanna", None), await corp.add_user("uben", None)
    await corp.domains.enter(anna, DOMAIN)
    await invitations.withdraw(network, anna, actor="owner")
    for each in (True, False):
        await corp.proofs.set_approve(network, "uowner", each=each, actor="owner")
        await corp.domains.enter(anna, DOMAIN)
        assert await invitations.of_network(network, after=None, limit=5) == []
        assert await corp.roles("uanna") == {}
    assert not await invitations.invite(network, ben, "", actor="owner")
    await invitations.withdraw(network, ben, actor="owner")
    await corp.domains.enter(ben, DOMAIN)
    assert await corp.roles("uben") == {network.row.name: Role.MEMBER}, "an offer that was taken back is no refusal"


async def test_nobody_waits_behind_anothers_slow_name_server(corp: Corp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another owner nor the daily look; who asks for more than one record at once is told so."""
    monkeypatch.setattr(lookup, "DNS_LOOKUP_MAX_S", 600.0)
    network, slow = corp.features.network, [f"slow{number}.example" for number in range(8)]
    await corp.prove(network, "uother", "good.example")
    for domain in slow:
        await corp.proofs.prove(network, "uowner", domain, actor="owner")
        corp.names.silent_about.add(f"_warren.{domain}")
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        corp.names.heard.clear()
        waits = group.create_task(corp.proofs.prove(network, "uowner", slow[0], actor="owner"))
        await corp.names.heard.wait()
        for domain in slow[1:]:
            with pytest.raises(WarrenError) as caught:
                await corp.proofs.prove(network, "uowner", domain, actor="owner")
            assert caught.value.code is Code.BUSY
        assert (await corp.proofs.prove(network, "uother", "good.example", actor="other")).is_in_force
        corp.features.clock[0] += DOMAIN_LOOK_EVERY_S
        await corp.proofs.look_again()
        assert not waits.done()
        waits.cancel()
    (shown,) = [one for one in (await corp.proofs.show(network, "uother")).domains if one.domain == "good.example"]
    assert shown.seen_at == corp.features.clock[0]


async def test_people_together_have_so_many_look_ups_at_once_and_no_more(
    corp: Corp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "DNS_LOOKUP_MAX_S", 600.0)
    corp.names.is_silent = True
    asks = TxtLookup(("127.0.0.1",), corp.names.port)
    many = [asyncio.create_task(asks.texts_for(f"u{number}", DOMAIN)) for number in range(DNS_LOOKUPS_AT_ONCE)]
    await asyncio.sleep(0)
    for user in ("u0", "another"):
        with pytest.raises(WarrenError) as caught:
            await asyncio.wait_for(asks.texts_for(user, DOMAIN), 60)
        assert caught.value.code is Code.BUSY
    for one in many:
        one.cancel()
    await asyncio.wait(many)
    corp.names.is_silent = False
    assert await asks.texts_for("u0", DOMAIN) == (), "whoever is done gives their place back"


async def test_a_domain_that_is_given_up_while_the_dns_is_asked_stays_given_up(corp: Corp) -> None:
    network, name = corp.features.network, f"_warren.{DOMAIN}"
    second = await corp.network("second")
    await corp.publish(network, "uowner")
    corp.names.silent_about.add(name)
    corp.names.heard.clear()
    proving = asyncio.create_task(corp.proofs.prove(network, "uowner", DOMAIN, actor="owner"))
    await asyncio.wait_for(corp.names.heard.wait(), 60)
    await corp.proofs.give_up(network, DOMAIN, actor="owner")
    corp.names.speak()
    with pytest.raises(WarrenError) as caught:
        await asyncio.wait_for(proving, 60)
    assert caught.value.code is Code.NOT_FOUND
    assert (await corp.proofs.show(network, "uowner")).domains == ()
    assert (await corp.prove(second, "second")).is_in_force


async def test_of_two_who_prove_one_domain_at_once_one_has_it_and_the_other_hears_why(corp: Corp) -> None:
    first, second = corp.features.network, await corp.network("second")
    domains = [f"corp{number}.example" for number in range(4)]
    for domain in domains:
        claims = await asyncio.gather(
            *(corp.proofs.prove(network, user, domain, actor=user)
              for network, user in ((first, "uowner"), (first, "uowner"), (second, "second")))
        )  # fmt: skip
        assert claims[0].proof == claims[1].proof
        corp.names.records[claims[0].record] = [one.proof for one in claims]
    for domain in domains:
        person = await corp.add_user(f"u{domain[:5]}", None)
        one, other, came = await asyncio.gather(
            corp.proofs.prove(first, "uowner", domain, actor="owner"),
            corp.proofs.prove(second, "second", domain, actor="second"),
            corp.domains.enter(person, domain),
            return_exceptions=True,
        )
        codes = sorted(str(it.code) if isinstance(it, WarrenError) else type(it).__name__ for it in (one, other))
        assert codes in (["Domain", Code.CONFLICT.value], [Code.CONFLICT.value] * 2), (one, other)
        assert came is None
        assert len(await corp.roles(person.id)) == 1
