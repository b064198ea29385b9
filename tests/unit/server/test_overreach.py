"""What one admin, or who holds an invite, cannot reach by what they sign: the server's other networks, its start,
others' memberships; and what an ended admin does not keep (review R7G)."""

import os

import msgspec
import pytest
from tests.unit.server.conftest import Features
from tests.unit.server.test_approvals import sign, view_of
from tests.unit.server.test_liberties import Invite
from tests.unit.server.test_planted import admin
from tests.unit.trust.founding import DATE, Network

from warren import limits
from warren.errors import Code, WarrenError
from warren.model.keys import SigningKeyPair
from warren.policy.language import is_readable
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.accounts.store import UserRow
from warren.server.approvals import rules
from warren.server.approvals.rules import judge
from warren.server.networks import store
from warren.server.networks.live import LiveNetwork
from warren.server.restored.rules import compare, learn
from warren.trust import acts, signing
from warren.trust.batches import Draft, Pen
from warren.trust.documents import AdmissionLimits, Delegation, Head, Kind, Membership, Removal, ServerPlace


async def narrowed_giver(features: Features, adm: SigningKeyPair, *, gives: int, ends: int) -> None:
    """Somebody whom an admin lets delegate gives and ends rights, and may not any more: nodes forget what it signed."""
    network, key, now = features.network, SigningKeyPair(os.urandom(32)), int(features.clock[0])

    def give(by: SigningKeyPair, to: bytes, *rights: str, counter: int = 1) -> bytes:
        body = Delegation(counter=counter, date=now, delegate=to, rights=rights)
        return signing.sign(Kind.DELEGATION, network.id, body, by)

    def end(of: bytes) -> bytes:
        body = Removal(counter=1, date=now, of="delegation", subject=of)
        return signing.sign(Kind.REMOVAL, network.id, body, key)

    given = [give(key, os.urandom(32), "admit") for _ in range(gives)]
    ended = [end(os.urandom(32)) for _ in range(ends)]
    raws = (give(adm, key.public, "admit", "delegate"), *given, *ended)
    await features.approvals.submit(network, raws, actor="adm")
    await features.approvals.submit(network, (give(adm, key.public, "admit", counter=2),), actor="adm")


async def test_no_admin_fills_a_network_until_its_server_knows_nobodys_rights(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By delegations that count no more: nodes forget them, and a server that did not would start no more either."""
    adm = await admin(features, "adm")
    monkeypatch.setattr(limits, "DELEGATIONS_MAX", 12)
    for _ in range(3):
        await narrowed_giver(features, adm, gives=6, ends=0)
    assert not features.network.is_locked
    await features.networks.load()
    assert await features.join(await features.key(), "late") in (await view_of(features)).members


async def test_nor_by_what_explains_why_something_is_void(features: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    adm = await admin(features, "adm")
    monkeypatch.setattr(limits, "DOCUMENTS_MAX", 40)
    monkeypatch.setattr(rules, "DOCUMENTS_MAX", 40)
    await narrowed_giver(features, adm, gives=0, ends=20)
    with pytest.raises(WarrenError) as refused:
        await narrowed_giver(features, adm, gives=0, ends=20)
    assert refused.value.code is Code.TOO_LARGE
    assert features.network.is_admin(adm.public)
    await features.networks.load()
    assert await features.join(await features.key(), "late") in (await view_of(features)).members


@pytest.mark.parametrize("others", [False, True])
async def test_settings_that_do_not_name_this_server_are_not_taken(features: Features, *, others: bool) -> None:
    """An admin may sign settings; the server would take its own key for lost, and not start for any network."""
    network, adm = features.network, await admin(features, "adm")
    settings = (await view_of(features)).settings
    assert settings is not None
    servers = (ServerPlace(url="https://other.example", key=bytes(32)),) if others else ()
    body = msgspec.structs.replace(settings, counter=settings.counter + 1, servers=servers, under=0)
    with pytest.raises(WarrenError) as refused:
        await features.approvals.submit(network, (signing.sign(Kind.SETTINGS, network.id, body, adm),), actor="adm")
    assert refused.value.code is Code.FORBIDDEN
    await features.networks.load()
    assert network.settings.servers == settings.servers


async def test_a_network_that_knows_another_key_keeps_the_server_from_no_other(features: Features) -> None:
    """Its owner may let another server in and this one out; a file that was lost no network knows."""
    other = await features.networks.create("other", None, actor="test")
    registrar, now = features.networks.registrar_key, int(features.clock[0])
    root = features.networks._root(other)
    ended = Removal(counter=9, date=now, of="delegation", subject=registrar, epoch=9)
    given = Delegation(counter=9, date=now, delegate=bytes(32), rights=("attest",))
    raws = (
        signing.sign(Kind.REMOVAL, other.id, ended, root),
        signing.sign(Kind.DELEGATION, other.id, given, root),
    )
    await features.approvals.submit(other, raws, actor="owner")
    await features.networks.load()
    features.networks._registrar._key = SigningKeyPair(bytes(32))  # type: ignore[attr-defined]
    with pytest.raises(WarrenError) as refused:
        await features.networks.load()
    assert refused.value.code is Code.STATE_DAMAGED


@pytest.mark.parametrize("ago_s", [-50, 1000])
def test_an_invites_holder_says_nothing_of_who_came_by_it(ago_s: int) -> None:
    """Nor once it is over: a document of the order of the one that counts would be its signer's own, and in time."""
    network, now = Network(), DATE + 1000
    held = [
        *network.base(),
        network.delegation("invite", ("admit",), limits=AdmissionLimits(count=5), not_after=now - ago_s),
        network.member("anna", by="invite"),
        network.member("ben", by="invite"),
    ]
    ben = held[-1]
    words = (
        network.member("ben", by="invite", counter=network.counter, ipv4="100.96.0.7", joined=joined)
        for joined in range(1, 100)
    )
    lower = next(one for one in words if one.digest < ben.digest)
    with pytest.raises(WarrenError) as refused:
        judge(network.id, [one.raw for one in held], [lower.raw], now)
    assert refused.value.code is Code.FORBIDDEN


@pytest.mark.parametrize("how", ["demote", "end alone"])
async def test_an_admins_account_goes_with_the_admin_who_made_it_one(features: Features, how: str) -> None:
    """Nodes take nobody for an admin whose giver is none; nobody could take the role from the account afterwards."""
    network, now, keys = features.network, int(features.clock[0]), {}
    for name in ("anna", "ben"):
        keys[name] = SigningKeyPair(os.urandom(32))
        user = f"u-{name}"
        async with features.database.write() as connection:
            row = UserRow(user, "", user, user, password=None, is_admin=False, created_at=now, disabled_at=None)
            await account_store.add_user(connection, row)

        def approve(draft: Draft, name: str = name, user: str = user) -> None:
            acts.approve(draft, keys[name].public, hostname=name, user=user)

        await features.approvals.submit(network, await sign(features, approve), actor="owner")
    anna, ben = keys["anna"], keys["ben"]
    promoted = await sign(features, lambda draft: acts.promote(draft, anna.public))
    await features.approvals.submit(network, promoted, actor="owner")
    draft = Draft(await view_of(features), Pen(anna), now=now, readable=is_readable)
    acts.promote(draft, ben.public)
    await features.approvals.submit(network, draft.batch().raws, actor="anna")

    def act(draft: Draft) -> None:
        if how == "demote":
            acts.demote(draft, anna.public)
        else:
            draft.end_delegation(anna.public, 0)

    await features.approvals.submit(network, await sign(features, act), actor="owner")
    assert ben.public in (await view_of(features)).members
    async with features.database.read() as connection:
        for user in ("u-anna", "u-ben"):
            assert (await account_store.read_roles(connection, user))[network.id] == Role.MEMBER, user


async def test_who_came_by_an_invite_that_is_over_stays_gone_behind_a_restored_server(features: Features) -> None:
    network, who, invite = features.network, SigningKeyPair(os.urandom(32)), Invite(features)
    await invite.make()
    await features.approvals.bring(network, invite.join(who))
    features.clock[0] += 2 * 86_400
    async with features.database.read() as connection:
        copy = LiveNetwork(network.row, await store.read_documents(connection, network.id))
    now = int(features.clock[0])
    body = Removal(counter=5, date=now, of="membership", subject=who.public)
    await features.approvals.submit(network, (signing.sign(Kind.REMOVAL, network.id, body, who),), actor="gone")
    told, held = network.state.difference(0), copy.state.difference(0)
    assert told is not None
    assert held is not None
    view = learn(copy.id, [copy.row.genesis, *held.documents], told.documents, now)
    assert compare(copy, view.documents).removed == (who.public,)


async def test_the_servers_clock_follows_only_whom_nodes_trust_with_dates(features: Features) -> None:
    """Each who may sign anything has a head, an invite's holder too; its date would be that of every network here."""
    network, now, invite = features.network, int(features.clock[0]), Invite(features)
    await invite.make()
    adm, seen = await admin(features, "adm"), list[float]()
    features.networks._on_date = seen.append
    for key in (adm, invite.key):
        body = Head(counter=9, date=now + 10 * 365 * 86_400, authority=key.public, digest=bytes(32))
        await features.approvals.submit(network, (signing.sign(Kind.HEAD, network.id, body, key),), actor="x")
        assert network.state.document(Kind.HEAD, key.public) is not None
    await features.networks.load()
    assert max(seen) == now
    features.clock[0] += 100
    await features.approvals.submit(features.network, await sign(features, acts.unlock), actor="owner")
    await features.join(await features.key(), "late")
    assert seen[-1] == now + 100


async def test_nobody_stops_a_network_by_more_heads_than_a_membership_holds(features: Features) -> None:
    """Whoever was given any right may have one."""
    network, adm, now = features.network, await admin(features, "adm"), int(features.clock[0])
    raws = []
    for _ in range(limits.DOCUMENT_LIST_MAX + 1):
        key = SigningKeyPair(os.urandom(32))
        given = Delegation(counter=1, date=now, delegate=key.public, rights=("routes",))
        head = Head(counter=1, date=now, authority=key.public, digest=bytes(32))
        raws += [signing.sign(Kind.DELEGATION, network.id, given, adm), signing.sign(Kind.HEAD, network.id, head, key)]
    await features.approvals.submit(network, tuple(raws), actor="adm")
    late = await features.join(await features.key(), "late")
    before = network.membership(late)
    assert before is not None
    root, registrar = network.row.root_key, features.networks.registrar_key
    assert {root, registrar} <= {one.authority for one in before.heads}
    demoted = await sign(features, lambda draft: acts.demote(draft, adm.public))
    await features.approvals.submit(network, demoted, actor="owner")
    after = network.membership(adm.public)
    assert after is not None
    assert {root, registrar} <= {one.authority for one in after.heads}


async def test_who_left_is_not_taken_in_while_a_restored_server_waits_for_its_nodes(features: Features) -> None:
    """A node told of its own word that it left before its machine showed the membership that it kept."""
    network, who, now = features.network, SigningKeyPair(os.urandom(32)), int(features.clock[0])
    body = Membership(
        counter=network.row.sequence + 1, date=now, identity=who.public, hostname="gone", ipv4=str(network.prefix4[9])
    )
    membership = await features.networks._registrar.admit(network.id, body, network.prefix4)
    left = Removal(counter=5, date=now, of="membership", subject=who.public)
    features.restored._begin(network).told.add(signing.sign(Kind.REMOVAL, network.id, left, who))
    await features.restored.look(network, who.public, membership, ())
    assert not network.state.is_member(who.public)
    assert network.is_removed(who.public)
