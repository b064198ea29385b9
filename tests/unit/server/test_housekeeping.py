"""What the server does by the clock."""

import asyncio
import os

from tests.unit.server.conftest import Ended, Features
from tests.unit.server.test_approvals import sign, view_of
from tests.unit.server.test_planted import admin

from warren.errors import Code
from warren.limits import EPHEMERAL_GRACE_S, EPHEMERAL_LIFETIME_S, EXPIRED_KEPT_S, HEAD_REDATE_S
from warren.model.ids import Identity
from warren.model.keys import SigningKeyPair
from warren.protocol.control.events import ResumeWanted
from warren.server.networks.store import read_document
from warren.server.sessions.admission import Admission
from warren.trust import acts
from warren.trust.batches import Draft, Pen


def expires_of(features: Features, identity: Identity) -> int | None:
    body = features.network.membership(identity)
    assert body is not None
    return body.expires


async def test_an_ephemeral_member_that_went_is_removed_after_its_grace(features: Features) -> None:
    gone = await features.join(await features.key(ephemeral=True), "gone")
    stays = await features.join(await features.key(), "stays")
    session = Ended()
    features.hub.attach(features.network.id, gone, session)
    features.clock[0] += 10 * EPHEMERAL_GRACE_S
    await features.housekeeping.sweep_ephemeral()
    assert features.network.state.is_member(gone)
    features.hub.detach(features.network.id, gone, session)
    await features.housekeeping.sweep_ephemeral()  # notices that it went
    features.clock[0] += EPHEMERAL_GRACE_S - 1
    await features.housekeeping.sweep_ephemeral()
    assert features.network.state.is_member(gone)
    features.clock[0] += 2
    await features.housekeeping.sweep_ephemeral()
    assert not features.network.state.is_member(gone)
    assert features.network.is_removed(gone)
    assert features.network.state.is_member(stays)


async def test_an_ephemeral_member_that_is_here_is_renewed_at_half_its_time(features: Features) -> None:
    here = await features.join(await features.key(ephemeral=True), "here")
    features.hub.attach(features.network.id, here, Ended())
    first = expires_of(features, here)
    assert first == features.clock[0] + EPHEMERAL_LIFETIME_S
    await features.housekeeping.sweep_ephemeral()
    assert expires_of(features, here) == first
    features.clock[0] += EPHEMERAL_LIFETIME_S / 2 + 1
    await features.housekeeping.sweep_ephemeral()
    assert expires_of(features, here) == int(features.clock[0]) + EPHEMERAL_LIFETIME_S


async def test_a_member_that_comes_back_after_its_time_is_renewed_before_it_is_in(
    features: Features, admission: Admission
) -> None:
    """Found by tests/model, seed 10: a clock that was ahead let a membership run out, and the next round was far."""
    late = await features.join(await features.key(ephemeral=True), "late")
    features.clock[0] += EPHEMERAL_LIFETIME_S + 1
    membership = await admission.resume(features.network, ResumeWanted(late))
    assert expires_of(features, late) == int(features.clock[0]) + EPHEMERAL_LIFETIME_S
    assert membership == features.network.state.document("membership", late)


async def test_a_renewal_tells_the_record_again_for_whoever_forgot_it(features: Features) -> None:
    late = await features.join(await features.key(ephemeral=True), "late")
    told = features.network.state.version
    features.clock[0] += EPHEMERAL_LIFETIME_S + EXPIRED_KEPT_S
    await features.devices.renew(features.network, late)
    update = features.network.state.difference(told)
    assert update is not None
    assert features.network.state.document("record", late) in update.documents


async def test_of_two_sessions_of_a_node_the_one_that_began_first_ends(features: Features) -> None:
    """Found by tests/model, seed 1010: a join that was killed waited for its commit and ended its successor."""
    identity = await features.join(await features.key(), "twice")
    waited, successor = Ended(began_at=1.0), Ended(began_at=2.0)
    features.hub.attach(features.network.id, identity, successor)
    features.hub.attach(features.network.id, identity, waited)
    assert (waited.ended, successor.ended) == ([Code.CONFLICT], [])
    features.hub.detach(features.network.id, identity, waited)
    assert features.hub.is_online(features.network.id, identity)


async def test_a_renewal_that_waited_behind_a_removal_brings_nobody_back(features: Features) -> None:
    gone = await features.join(await features.key(ephemeral=True), "gone")
    features.clock[0] += EPHEMERAL_LIFETIME_S
    async with asyncio.TaskGroup() as group, features.database.write():
        group.create_task(features.devices.remove(features.network, gone, actor="test", revoke_key=False))
        group.create_task(features.devices.renew(features.network, gone))
        for _ in range(20):  # both wait for their turn to write
            await asyncio.sleep(0)
    async with features.database.read() as connection:
        assert await read_document(connection, features.network.id, "membership", gone) is None
    assert not features.network.state.is_member(gone)


async def test_a_member_with_a_plain_key_does_not_expire(features: Features) -> None:
    assert expires_of(features, await features.join(await features.key(), "plain")) is None


async def test_heads_are_dated_anew_before_anyone_has_to_worry(features: Features) -> None:
    before = {head.authority: head for head in features.network.heads()}
    features.clock[0] += HEAD_REDATE_S - 10
    await features.networks.redate_heads()
    assert {head.authority: head for head in features.network.heads()} == before
    features.clock[0] += 20
    await features.networks.redate_heads()
    after = {head.authority: head for head in features.network.heads()}
    assert after.keys() == before.keys()
    assert len(after) == 2
    for authority, head in after.items():
        assert head.date == int(features.clock[0])
        assert head.counter > before[authority].counter
        assert head.digest == before[authority].digest


async def test_an_admins_head_is_dated_anew_however_often_the_network_was_locked(features: Features) -> None:
    """By the delegation that the registrar has since then: else nobody new would know whom a sleeping admin let in."""
    adm, who = await admin(features, "adm"), SigningKeyPair(os.urandom(32)).public
    draft = Draft(await view_of(features), Pen(adm), now=int(features.clock[0]))
    acts.approve(draft, who, hostname="new")
    await features.approvals.submit(features.network, draft.batch().raws, actor="adm")
    for act in (acts.lock, acts.unlock, acts.lock):
        await features.approvals.submit(features.network, await sign(features, act), actor="owner")
        features.clock[0] += 10 * 86_400
        await features.networks.redate_heads()
        view = await view_of(features)
        assert view.health == ()
        assert view.heads[adm.public].date == int(features.clock[0])
        assert who in view.members


async def test_last_seen_is_stored(features: Features) -> None:
    identity = await features.join(await features.key(), "seen")
    session = Ended()
    features.hub.attach(features.network.id, identity, session)
    features.clock[0] += 1000
    features.hub.detach(features.network.id, identity, session)
    await features.housekeeping.store_last_seen()
    (member,) = await features.devices.all(features.network)
    assert member.last_seen == features.clock[0]


async def test_a_newer_session_ends_the_older_and_its_end_is_no_absence(features: Features) -> None:
    identity = await features.join(await features.key(), "twice")
    older, newer = Ended(), Ended()
    features.hub.attach(features.network.id, identity, older)
    features.hub.attach(features.network.id, identity, newer)
    assert older.ended == [Code.CONFLICT]
    features.hub.detach(features.network.id, identity, older)
    assert features.hub.is_online(features.network.id, identity)
    assert features.hub.count == 1
