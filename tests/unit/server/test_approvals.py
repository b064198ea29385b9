"""Machines that an admin lets in: for whom, with which groups, and not for somebody who is shut out."""

import os

import pytest
from tests.unit.server.conftest import Ended, Features
from tests.unit.trust.founding import DATE, Network

from warren.errors import Code, WarrenError
from warren.limits import EPHEMERAL_GRACE_S
from warren.model.ids import Identity
from warren.model.keys import Secret, SigningKeyPair
from warren.node.ledger import Held
from warren.node.trouble import Troubles
from warren.policy.language import is_readable
from warren.server.accounts import store as account_store
from warren.server.accounts.store import UserRow
from warren.server.approvals import rules
from warren.server.networks import store as network_store
from warren.trust import acts, admission_key, root_key
from warren.trust.authenticate import Authentic
from warren.trust.batches import Draft, Pen
from warren.trust.documents import AdmissionLimits, Membership, Right
from warren.trust.floors import Floors
from warren.trust.office import ADMIN_RIGHTS
from warren.trust.verify import verify
from warren.trust.view import View

ALICE = "ualice00000"


async def view_of(features: Features) -> View:
    network = features.network
    async with features.database.read() as connection:
        held = [one.raw for one in await network_store.read_documents(connection, network.id)]
    known = rules._authentic(network.id, [network.row.genesis, *held])
    return verify(network.id, known, floors=Floors(), now=int(features.clock[0]), readable=is_readable)


async def sign(features: Features, *given: object) -> tuple[bytes, ...]:
    """What the root signs of these acts."""
    _, root = root_key.parse_root(features.networks.root_secret(features.network).reveal())
    draft = Draft(await view_of(features), Pen(root), now=int(features.clock[0]), readable=is_readable)
    for act in given:
        act(draft)  # type: ignore[operator]
    return draft.batch().raws


async def machine_of_alice(features: Features) -> Identity:
    """Alice's machine asks to be let into the locked network."""
    async with features.database.write() as connection:
        alice = UserRow(ALICE, "https://idp.example", "1", "alice", None, False, 1, None, '["eng","ops"]')  # noqa: FBT003
        await account_store.add_user(connection, alice)
        seed = os.urandom(32)
        public = SigningKeyPair(seed).public
        row = await features.invites.approve(connection, features.network, public, ALICE, 300)
    line = admission_key.format_key(
        admission_key.AdmissionKey(row.id, Secret(seed), features.invites.pin(features.network))
    )
    await features.approvals.submit(features.network, await sign(features, acts.lock), actor="owner")
    join = features.join_message(line, SigningKeyPair(os.urandom(32)), "cam")
    await features.approvals.ask(features.network, join, hostname="cam")
    return Identity(join.identity)


async def approve(features: Features, identity: Identity) -> None:
    (waits,) = await features.approvals.waiting(features.network)

    def act(draft: Draft) -> None:
        acts.approve(draft, identity, hostname="cam", user=waits.user, groups=tuple(waits.groups))

    await features.approvals.submit(features.network, await sign(features, act), actor="owner")


async def test_who_is_approved_has_the_groups_that_their_provider_said_of_them_last(features: Features) -> None:
    identity = await machine_of_alice(features)
    async with features.database.write() as connection:
        await account_store.set_label(connection, ALICE, name="alice", groups='["ops"]')
    await approve(features, identity)
    member = (await view_of(features)).members[identity].membership
    assert isinstance(member, Membership)
    assert (member.user, member.groups) == (ALICE, ("ops",))


async def test_nobody_approves_a_machine_of_somebody_who_is_shut_out(features: Features) -> None:
    identity = await machine_of_alice(features)
    async with features.database.write() as connection:
        await account_store.set_disabled(connection, ALICE, 7)
    with pytest.raises(WarrenError) as caught:
        await approve(features, identity)
    assert caught.value.code is Code.FORBIDDEN
    assert identity not in (await view_of(features)).members
    async with features.database.write() as connection:
        await account_store.set_disabled(connection, ALICE, None)
    await approve(features, identity)
    assert identity in (await view_of(features)).members


def test_whom_an_invite_admitted_in_time_stays_stored_when_it_has_ended() -> None:
    network, end = Network(), DATE + 50
    invite = network.delegation("invite", [Right.ADMIT], not_after=end, limits=AdmissionLimits(count=2))
    held = [one.raw for one in (*network.base(), invite, network.member("a", by="invite"))]
    judged = rules.judge(network.id, held, [network.settings(name="other").raw], end + 1)
    assert judged.gone == ()
    assert network.identity("a") in judged.view.members
    assert not [kind for kind, _, raw in judged.changes if raw is None]
    with pytest.raises(WarrenError) as caught:
        rules.judge(network.id, held, [network.member("b", by="invite").raw], end + 1, is_joining=True)
    assert caught.value.code is Code.FORBIDDEN


def test_an_invites_signature_counts_only_for_who_joins_with_it() -> None:
    network = Network()
    invite = network.delegation("invite", [Right.ADMIT], limits=AdmissionLimits(count=2))
    held, brought = [one.raw for one in (*network.base(), invite)], [network.member("b", by="invite").raw]
    with pytest.raises(WarrenError, match="who joins with it") as caught:
        rules.judge(network.id, held, brought, DATE)
    assert caught.value.code is Code.FORBIDDEN
    assert [one.identity for one in rules.judge(network.id, held, brought, DATE, is_joining=True).came] == [
        network.identity("b")
    ]


async def _sweep_after(features: Features, seconds: float) -> None:
    await features.housekeeping.sweep_ephemeral()
    features.clock[0] += seconds
    await features.housekeeping.sweep_ephemeral()


async def test_an_ephemeral_machine_of_a_locked_network_vanishes_by_its_own_word(features: Features) -> None:
    line, identity = await features.key(ephemeral=True), SigningKeyPair(os.urandom(32))
    await features.devices.join(features.network, features.join_message(line, identity, "ci"), bytes(range(32)))
    silent = await features.join(line, "silent")
    await features.approvals.submit(features.network, await sign(features, acts.lock), actor="owner")
    draft = Draft(await view_of(features), Pen(identity), now=int(features.clock[0]), readable=is_readable)
    draft.remove(identity.public)
    farewell = draft.batch().raws[0]
    with pytest.raises(WarrenError) as caught:
        await features.approvals.keep_farewell(features.network, silent, farewell)
    assert caught.value.code is Code.FORBIDDEN
    await features.approvals.keep_farewell(features.network, identity.public, farewell)
    session = Ended()
    features.hub.attach(features.network.id, identity.public, session)
    await _sweep_after(features, EPHEMERAL_GRACE_S + 1)
    assert features.network.state.is_member(identity.public), "it is here"
    features.hub.detach(features.network.id, identity.public, session)
    await _sweep_after(features, EPHEMERAL_GRACE_S + 1)
    assert features.network.is_removed(identity.public)
    assert features.network.state.is_member(silent), "it gave no word, so its time has to run out"
    assert identity.public not in (await view_of(features)).members


async def test_a_machine_that_joins_a_locked_network_as_ephemeral_waits_as_one(features: Features) -> None:
    line = await features.key(ephemeral=True)
    await features.approvals.submit(features.network, await sign(features, acts.lock), actor="owner")
    join = features.join_message(line, SigningKeyPair(os.urandom(32)), "ci")
    await features.approvals.ask(features.network, join, hostname="ci")
    (waits,) = await features.approvals.waiting(features.network)
    assert waits.ephemeral


def test_two_admins_who_approve_one_machine_in_the_same_second_contradict_nobody() -> None:
    """Found by review B of issue 7 (F4): it was an alarm on every machine for good."""
    network = Network()
    admins = [network.delegation(who, ADMIN_RIGHTS) for who in ("anna", "ben")]
    held = [*network.base(), *admins, network.member("anna"), network.member("ben")]
    view = network.verify(held)

    def approved(who: str, hostname: str = "cam") -> list[Authentic]:
        draft = Draft(view, Pen(network.key(who)), now=DATE + 100)
        acts.approve(draft, network.identity("cam"), hostname=hostname)
        return [network.open(raw) for raw in draft.batch().raws]

    for first, second in ((approved("anna"), approved("ben")), (approved("ben"), approved("anna"))):
        known = [*held, *first]
        judged = rules.judge(network.id, [one.raw for one in known], [one.raw for one in second], DATE + 100)
        assert network.identity("cam") in judged.view.members
        both = network.verify([*known, *second])
        assert both.health == ()
        troubles = Troubles()
        troubles.take(Held(both, both.refused, 0.0), 0.0)
        assert "conflict" not in {one.code for one in troubles.shown(Held(both, (), 0.0), network.identity("anna"), 1)}
    other = network.verify([*held, *approved("anna"), *approved("ben", "camera")])
    assert [note.code for note in other.health] == ["conflict"]


def test_who_changes_the_root_after_another_is_told_that_it_is_done_already() -> None:
    network = Network()
    base = network.base()
    held = [*base, network.root_change("next", kept=base[1:])]
    assert network.verify(held).root == network.identity("next")
    late = [network.root_change("another", kept=base[1:]), network.head("root", under=0)]
    with pytest.raises(WarrenError, match="was changed already") as caught:
        rules.judge(network.id, [one.raw for one in held], [one.raw for one in reversed(late)], DATE + 100)
    assert caught.value.code is Code.CONFLICT
