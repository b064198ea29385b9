"""What the server does by the clock."""

from tests.unit.server.conftest import Ended, Features

from warren.errors import Code
from warren.limits import EPHEMERAL_GRACE_S, EPHEMERAL_LIFETIME_S, HEAD_REDATE_S
from warren.model.ids import Identity


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
