"""What an admin cannot do by delegations that nobody asked for, to the registrar's key or another admin's (review F).

The server takes a key's rights as nodes do, along the chain from the root: what it promises they believe.
"""

import asyncio
import os

import msgspec
import pytest
from tests.unit.server.conftest import CHALLENGE, Features
from tests.unit.server.test_approvals import sign, view_of
from tests.unit.server.test_liberties import Invite
from tests.unit.server.test_restored import NOBODY, Copied

from warren.errors import Code, WarrenError
from warren.model.ids import Identity, show_identity
from warren.model.keys import SigningKeyPair
from warren.protocol.control.events import JoinWanted
from warren.server.restored.rules import shows_more
from warren.server.sessions.admission import Admission
from warren.trust import acts, signing
from warren.trust.batches import Draft
from warren.trust.documents import AdmissionLimits, Delegation, Kind, Removal, Right
from warren.trust.office import ADMIN_RIGHTS, admins, is_locked


async def admin(features: Features, name: str) -> SigningKeyPair:
    """A machine that the root let in and promoted."""
    key = SigningKeyPair(os.urandom(32))

    def approve(draft: Draft) -> None:
        acts.approve(draft, key.public, hostname=name)

    for act in (approve, lambda draft: acts.promote(draft, key.public)):
        await features.approvals.submit(features.network, await sign(features, act), actor="owner")
    return key


async def plant(features: Features, by: SigningKeyPair, target: bytes, **fields: object) -> None:
    """Hand in a delegation by this admin."""
    body = Delegation(counter=2**20, date=int(features.clock[0]), delegate=target, **fields)  # type: ignore[arg-type]
    raw = signing.sign(Kind.DELEGATION, features.network.id, body, by)
    await features.approvals.submit(features.network, (raw,), actor="adm")


PLANTED = {
    "a higher epoch": {"epoch": 7, "rights": (Right.ADMIT.value,)},
    "more than it has": {"epoch": 0, "under": 0, "rights": tuple(map(str, ADMIN_RIGHTS[2:]))},
    "all of it": {"epoch": 7, "rights": (Right.ADMIT.value, *map(str, ADMIN_RIGHTS[2:]))},
    "a right less": {"epoch": 0, "rights": (Right.POLICY.value,)},
    "a count": {"epoch": 0, "rights": (Right.ADMIT.value,), "limits": AdmissionLimits(ipv4="100.64.0.0/10", count=1)},
}


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("is_kicked", [False, True])
async def test_the_registrar_goes_on_as_nodes_believe(features: Features, what: str, is_kicked: bool) -> None:  # noqa: FBT001
    network, adm, ben = features.network, await admin(features, "adm"), await admin(features, "ben")
    cat = await features.join(await features.key(), "cat")
    for target in (features.networks._registrar.public, ben.public):
        await plant(features, adm, target, **PLANTED[what])
    assert all(network.may(features.networks._registrar.public, right) for right in signing.REGISTRAR_RIGHTS)
    if is_kicked:
        kick = await sign(features, lambda draft: acts.kick(draft, adm.public))
        await features.approvals.submit(network, kick, actor="owner")
    late = await features.join(await features.key(), "late")
    assert late in (await view_of(features)).members, "who is told that it is in is in"
    await features.devices.remove(network, cat, actor="owner", revoke_key=False)
    view = await view_of(features)
    assert cat not in view.members
    assert cat in view.removed
    assert ben.public in admins(view)
    assert (network.is_admin(ben.public), network.is_locked) == (True, is_locked(view)) == (True, False)
    for act in (acts.lock, acts.unlock):
        await features.approvals.submit(network, await sign(features, act), actor="owner")
        assert network.is_locked is is_locked(await view_of(features))
    assert await features.join(await features.key(), "later") in (await view_of(features)).members


@pytest.mark.parametrize("ends_in_s", [None, 5])
async def test_whom_another_key_may_let_in_this_server_does_not(
    features: Features, ends_in_s: int | None, admission: Admission
) -> None:
    """Its own registrar sleeps: who is told by it that it is in would be in for nobody."""
    network, adm = features.network, await admin(features, "adm")
    await features.approvals.submit(network, await sign(features, acts.lock), actor="owner")
    end = {} if ends_in_s is None else {"not_after": int(features.clock[0]) + ends_in_s}
    await plant(features, adm, SigningKeyPair(os.urandom(32)).public, rights=(Right.ADMIT.value,), **end)
    key = await features.key(reusable=False)
    for _ in range(2):
        assert network.is_locked is is_locked(await view_of(features))
        who = SigningKeyPair(os.urandom(32))
        join = features.join_message(key, who, "late")
        with pytest.raises(WarrenError) as waits:
            await admission.join(network, JoinWanted(join, CHALLENGE))
        assert waits.value.code is Code.WAITING
        features.clock[0] += 10


@pytest.mark.parametrize("how", ["leaves", "went"])
async def test_whose_own_word_it_takes_goes_by_it_where_another_key_may_let_in(
    features: Features, admission: Admission, how: str
) -> None:
    """The registrar sleeps, so it ends nobody's membership, though people are not all who admit."""
    network, adm, who = features.network, await admin(features, "adm"), SigningKeyPair(os.urandom(32))
    join = features.join_message(await features.key(ephemeral=True), who, "short")
    await features.devices.join(network, join, CHALLENGE)
    await features.approvals.submit(network, await sign(features, acts.lock), actor="owner")
    await plant(features, adm, SigningKeyPair(os.urandom(32)).public, rights=(Right.ADMIT.value,))
    assert network.is_locked
    assert is_locked(await view_of(features))
    body = Removal(counter=1, date=int(features.clock[0]), of="membership", subject=who.public)
    word = signing.sign(Kind.REMOVAL, network.id, body, who)
    if how == "leaves":
        await admission.leave(network, who.public, word)
    else:
        await features.approvals.keep_farewell(network, who.public, word)
        await features.housekeeping._renew_or_end(network, who.public)
    assert not network.state.is_member(who.public)
    assert who.public not in (await view_of(features)).members


async def test_who_comes_while_the_network_is_being_locked_uses_up_nothing(features: Features) -> None:
    """Its turn comes after the lock's."""
    network, who, key = features.network, SigningKeyPair(os.urandom(32)), await features.key(reusable=False)
    await features.approvals.submit(network, await sign(features, acts.lock), actor="owner")
    join = features.join_message(key, who, "late")
    with pytest.raises(WarrenError) as refused:
        await features.devices.join(network, join, CHALLENGE)
    assert refused.value.code is Code.BUSY
    assert not network.state.is_member(who.public)
    await features.approvals.submit(network, await sign(features, acts.unlock), actor="owner")
    await features.devices.join(network, join, CHALLENGE)
    assert who.public in (await view_of(features)).members


async def test_a_removal_whose_turn_comes_after_a_lock_is_refused(features: Features) -> None:
    """Nodes would go on with a machine that this server takes for gone."""
    network, who = features.network, await features.join(await features.key(), "stays")
    lock = await sign(features, acts.lock)
    async with features.database.write(of=network.id):
        locked = asyncio.create_task(features.approvals.submit(network, lock, actor="owner"))
        await asyncio.sleep(0.05)
        ended = asyncio.create_task(features.devices.remove(network, who, actor="owner", revoke_key=False))
        await asyncio.sleep(0.05)
    await locked
    with pytest.raises(WarrenError) as refused:
        await ended
    assert refused.value.code is Code.FORBIDDEN
    assert network.state.is_member(who)


@pytest.mark.parametrize("act", [acts.lock, None])
async def test_a_renewal_whose_turn_comes_late_takes_nobodys_place(features: Features, act: object) -> None:
    """The owner signed for the machine meanwhile; what the registrar would put there nobody believes, or is older."""
    network, now = features.network, int(features.clock[0])
    who = await features.join(await features.key(ephemeral=True), "late")
    before = network.membership(who)
    assert before is not None
    promote = await sign(features, act or (lambda draft: acts.promote(draft, who)))
    await features.approvals.submit(network, promote, actor="owner")
    await features.devices._renew(network, who, before, now + 9000, now)
    view = await view_of(features)
    assert view.members[who].membership == network.membership(who) != before
    assert view.members[who].signer == view.root


async def test_a_copy_of_a_server_goes_on_seeing_that_it_is_one(features: Features) -> None:
    adm = await admin(features, "adm")
    await plant(features, adm, features.networks._registrar.public, **PLANTED["a count"])
    kick = await sign(features, lambda draft: acts.kick(draft, adm.public))
    await features.approvals.submit(features.network, kick, actor="owner")
    copied = await Copied(features).make()
    assert shows_more(copied.copy, NOBODY, b"", copied.heads())
    assert shows_more(copied.copy, copied.late, copied.membership(), ())


async def test_a_network_that_was_unlocked_remembers_who_let_whom_in(features: Features) -> None:
    """The registrar renews an ephemeral machine then, and `invite revoke` still ends it."""
    network, who, invite = features.network, SigningKeyPair(os.urandom(32)), Invite(features)
    await invite.make()
    now = int(features.clock[0])
    await features.approvals.bring(network, invite.join(who, ephemeral=True, expires=now + 3600))
    await features.approvals.submit(network, await sign(features, acts.unlock), actor="owner")
    features.clock[0] += 3000
    await features.devices.renew(network, who.public)
    member = (await view_of(features)).members[who.public]
    assert member.signer != invite.key.public
    assert member.membership.invite == invite.key.public
    revoke = await sign(features, lambda draft: acts.revoke_invite(draft, invite.key.public))
    await features.approvals.submit(network, revoke, actor="owner")
    assert who.public not in (await view_of(features)).members


async def test_what_an_admin_says_of_a_machine_with_a_far_number_this_server_says_again(features: Features) -> None:
    """Both speak in one order, so it follows that number; else nodes take its renewal for older."""
    network, adm, now = features.network, await admin(features, "adm"), int(features.clock[0])
    who = await features.join(await features.key(ephemeral=True), "short")
    before = network.membership(who)
    assert before is not None
    far = msgspec.structs.replace(before, counter=features.networks.furthest(network) - 10, expires=now + 60)
    raw = signing.sign(Kind.MEMBERSHIP, network.id, far, adm)
    await features.approvals.submit(network, (raw,), actor="adm")
    await features.devices.renew(network, who)
    member = (await view_of(features)).members[who]
    assert member.signer == features.networks.registrar_key
    after = network.membership(who)
    assert after is not None
    assert after.counter > far.counter


async def test_leavers_do_not_carry_the_networks_number_on_however_many_there_are(features: Features) -> None:
    """With one reusable key, step by step, until nodes that are new take all that this server signs for a jump."""
    network = features.network
    key = await features.key()
    await features.join(key, "stays")
    before = network.row.sequence
    for number in range(2):
        plain = SigningKeyPair(os.urandom(32))
        await features.devices.join(network, features.join_message(key, plain, f"p{number}"), CHALLENGE)
        furthest = features.networks.furthest(network)
        body = Removal(counter=furthest, date=int(features.clock[0]), of="membership", subject=plain.public, epoch=0)
        raw = signing.sign(Kind.REMOVAL, network.id, body, plain)
        await features.approvals.submit(network, (raw,), actor=show_identity(plain.public))
        assert not network.state.is_member(plain.public)
    assert network.row.sequence < before + 100


async def test_a_leaver_with_the_greatest_number_stops_nobody(features: Features) -> None:
    network, plain = features.network, SigningKeyPair(os.urandom(32))
    await features.devices.join(network, features.join_message(await features.key(), plain, "plain"), CHALLENGE)
    number = features.networks.furthest(network)
    body = Removal(counter=number, date=int(features.clock[0]), of="membership", subject=plain.public, epoch=0)
    raw = signing.sign(Kind.REMOVAL, network.id, body, plain)
    await features.approvals.submit(network, (raw,), actor="plain")
    cat: Identity = await features.join(await features.key(), "cat")
    for act in (lambda draft: acts.promote(draft, cat), acts.lock):
        await features.approvals.submit(network, await sign(features, act), actor="owner")
    assert cat in admins(await view_of(features))
