"""When a network loses a mail domain that it proved: by looks in vain or its owner's end, not by time in which nobody
looked; and who has it then."""

import pytest
from tests.unit.server.domains.conftest import DOMAIN, ISSUER, OTHER, Corp

from warren.errors import Code, WarrenError
from warren.limits import DOMAIN_LOOK_EVERY_S, DOMAIN_LOOKS_MISSED_MAX, DOMAIN_PROOF_KEPT_S
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.domains import lookup


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
