"""Who comes into a network by its mail domain: those who wait for an admin's word, and those put out or denied."""

from tests.unit.server.domains.conftest import DOMAIN, Corp

from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.invitations import store as invitation_store


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
