"""What proves that a mail domain is a network's, by each account for itself, and for whose word that proof counts."""

import asyncio

import pytest
from tests.unit.server.domains.conftest import CLAIMS, DOMAIN, ISSUER, OTHER, PROVIDER, Corp

from warren.errors import Code, WarrenError
from warren.limits import DOMAINS_A_NETWORK_MAX
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import LOCAL_ISSUER, Role
from warren.server.providers import rules as provider_rules


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
