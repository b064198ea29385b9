"""Memberships with an end: who gets one, what renews by itself, and what a person renews; on a clock that is moved."""

import os

import pytest
from tests.unit.server.conftest import Ended, Features

from warren.errors import Code, WarrenError
from warren.limits import EPHEMERAL_GRACE_S, EPHEMERAL_LIFETIME_S, EXPIRY_WARNED_S, MACHINE_LIFE_S
from warren.model.ids import Identity
from warren.model.keys import SigningKeyPair
from warren.server.devices import rules
from warren.trust import admission_key
from warren.trust.documents import Membership
from warren.trust.ephemeral import is_ephemeral

DAY_S = 86_400
LIFE_S = 90 * DAY_S


@pytest.fixture(name="features")
def _features(features: Features) -> Features:
    features.devices._life_s = LIFE_S  # as the setting does
    return features


async def persons_key(features: Features, user: str) -> str:
    """A key that this person approved."""
    seed = os.urandom(32)
    async with features.database.write() as connection:
        await features.invites.approve(connection, features.network, SigningKeyPair(seed).public, user, 3600)
    root, server = features.network.first_root, b""
    return admission_key.format_key(admission_key.make_delegated(seed, features.network.id, root, server))


async def tagged(features: Features, name: str) -> Identity:
    created = await features.invites.create(
        features.network, reusable=True, ephemeral=False, tags=("server",), expires_s=3600, actor="test"
    )
    return await features.join(created.secret.reveal(), name)


def expires_of(features: Features, identity: Identity) -> int | None:
    body = features.network.membership(identity)
    assert body is not None
    return body.expires


async def renewed(features: Features, identity: Identity, line: str, by: bytes | None = None) -> int | None:
    key = admission_key.parse(line)
    challenge = admission_key.renewal_challenge(key.id)
    signature = admission_key.sign_join(key.seed, Identity(by or identity), features.network.id, challenge)
    return (await features.devices.renew_by_key(features.network, identity, key.id, signature)).expires


async def test_people_and_tagged_machines_get_an_end_and_others_none(features: Features) -> None:
    now = int(features.clock[0])
    mine = await features.join(await persons_key(features, "usr_1"), "laptop")
    assert expires_of(features, mine) == now + LIFE_S
    assert expires_of(features, await tagged(features, "web")) == now + LIFE_S
    assert expires_of(features, await features.join(await features.key(), "plain")) is None
    features.devices._life_s = 0  # the default
    assert expires_of(features, await features.join(await persons_key(features, "usr_1"), "phone")) is None


async def test_a_tagged_machine_is_renewed_by_itself_while_it_is_here(features: Features) -> None:
    here, away = await tagged(features, "here"), await tagged(features, "away")
    mine = await features.join(await persons_key(features, "usr_1"), "laptop")
    for identity in (here, mine):
        features.hub.attach(features.network.id, identity, Ended())
    first = expires_of(features, here)
    features.clock[0] += LIFE_S / 2 - DAY_S
    await features.housekeeping.renew_tagged()
    assert expires_of(features, here) == first
    features.clock[0] += 2 * DAY_S
    await features.housekeeping.renew_tagged()
    assert expires_of(features, here) == int(features.clock[0]) + LIFE_S
    assert [expires_of(features, one) for one in (away, mine)] == [first, first]
    await features.devices.renew(features.network, away)  # as its next session does
    assert expires_of(features, away) == int(features.clock[0]) + LIFE_S
    await features.devices.renew(features.network, mine)
    assert expires_of(features, mine) == first


async def test_a_person_renews_their_machine_before_its_end_and_after(features: Features) -> None:
    mine = await features.join(await persons_key(features, "usr_1"), "laptop")
    features.clock[0] += LIFE_S - DAY_S
    assert features.networks.count_ending() == {"ending_soon": 1.0, "ended": 0.0}
    assert await renewed(features, mine, await persons_key(features, "usr_1")) == int(features.clock[0]) + LIFE_S
    assert features.networks.count_ending() == {"ending_soon": 0.0, "ended": 0.0}
    features.clock[0] += LIFE_S + 30 * DAY_S
    await features.housekeeping.sweep_ephemeral()
    features.clock[0] += EPHEMERAL_GRACE_S + 1
    await features.housekeeping.sweep_ephemeral()  # it has an end, and is not ephemeral: nothing is forgotten
    assert features.networks.count_ending()["ended"] == 1.0
    assert await renewed(features, mine, await persons_key(features, "usr_1")) == int(features.clock[0]) + LIFE_S


async def test_another_ones_key_a_used_one_and_a_forged_signature_renew_nothing(features: Features) -> None:
    mine = await features.join(await persons_key(features, "usr_1"), "laptop")
    first = expires_of(features, mine)
    good = await persons_key(features, "usr_1")
    stranger = SigningKeyPair(os.urandom(32)).public
    for line, by, code in (
        (await persons_key(features, "usr_2"), None, Code.FORBIDDEN),
        (await features.key(), None, Code.FORBIDDEN),
        (good, stranger, Code.KEY_UNKNOWN),  # signed for another machine
        (await features.key(reusable=False), None, Code.FORBIDDEN),
    ):
        with pytest.raises(WarrenError) as caught:
            await renewed(features, mine, line, by)
        assert caught.value.code is code
        assert expires_of(features, mine) == first
    await renewed(features, mine, good)
    with pytest.raises(WarrenError) as caught:
        await renewed(features, mine, good)  # played again
    assert caught.value.code is Code.KEY_USED
    plain = await features.join(await features.key(), "plain")
    with pytest.raises(WarrenError) as caught:
        await renewed(features, plain, await persons_key(features, "usr_1"))
    assert caught.value.code is Code.CONFLICT


def membership(**fields: object) -> Membership:
    return Membership(counter=1, date=1000, identity=bytes(32), **fields)  # type: ignore[arg-type]


def test_what_is_ephemeral_is_known_by_how_long_it_lasts() -> None:
    assert is_ephemeral(membership(expires=1000 + EPHEMERAL_LIFETIME_S))
    assert not is_ephemeral(membership(expires=1000 + DAY_S))
    assert not is_ephemeral(membership())


def test_a_tagged_machine_outlives_the_setting_that_gave_it_an_end() -> None:
    body = membership(expires=1000 + LIFE_S, tags=("web",))
    assert rules.own_renewal(body, life_s=0, now=1000 + LIFE_S - 1) == 1000 + LIFE_S - 1 + MACHINE_LIFE_S
    assert EXPIRY_WARNED_S < MACHINE_LIFE_S / 2  # renewed before anybody is warned
