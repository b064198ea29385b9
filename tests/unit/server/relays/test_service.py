"""What a member is told of relays: grants for it alone, no longer than its membership, renewed at half."""

import pytest
from tests.unit.server.conftest import Features

from warren.errors import Code, WarrenError
from warren.limits import EPHEMERAL_LIFETIME_S, RELAY_GRANT_LIFE_S
from warren.model.keys import SigningKeyPair
from warren.protocol.control.messages import RelayPlace
from warren.protocol.relay.grants import parse_grant
from warren.server.relays.service import Relays

SIGNER = SigningKeyPair(bytes([9]) * 32)
OWN = RelayPlace(number=7, name="main", key=b"k" * 32, udp=("192.0.2.1:3478",))
FAR = RelayPlace(number=8, name="far", key=b"f" * 32, udp=("198.51.100.1:3478",))


def made(features: Features) -> Relays:
    relays = Relays(SIGNER, (FAR,), lambda: features.clock[0])
    assert relays.set_own(OWN)
    assert not relays.set_own(OWN)
    return relays


async def test_a_grant_is_for_this_member_and_all_relays_told(features: Features) -> None:
    member = await features.join(await features.key(), "a")
    told = made(features).told(features.network, member)
    grant, signer = parse_grant(told.grant)
    now = int(features.clock[0])
    assert told.relays == (OWN, FAR)
    assert (grant.network, grant.identity, grant.relays, signer) == (features.network.id, member, (7, 8), SIGNER.public)
    assert (grant.issued_s, grant.not_after_s) == (now, now + RELAY_GRANT_LIFE_S)
    assert told.renew_at_s == now + RELAY_GRANT_LIFE_S / 2


async def test_a_grant_ends_with_the_membership(features: Features) -> None:
    member = await features.join(await features.key(ephemeral=True), "a")
    grant, _ = parse_grant(made(features).told(features.network, member).grant)
    assert grant.not_after_s == int(features.clock[0]) + EPHEMERAL_LIFETIME_S


async def test_without_relays_there_is_no_grant(features: Features) -> None:
    member = await features.join(await features.key(), "a")
    told = Relays(SIGNER, (), lambda: features.clock[0]).told(features.network, member)
    assert (told.relays, told.grant) == ((), b"")


async def test_a_home_is_a_relay_that_was_told_or_none(features: Features) -> None:
    relays = made(features)
    for number in (0, 7, 8):
        relays.check(number)
    with pytest.raises(WarrenError) as refused:
        relays.check(9)
    assert refused.value.code is Code.INVALID_ARGUMENT


async def test_a_home_is_told_to_the_others_and_stays_while_its_node_is_away(features: Features) -> None:
    member = await features.join(await features.key(), "a")
    network = features.network
    network.set_presence(member, online=True, last_seen=5)
    before = network.state.version
    assert network.set_home(member, 7)
    assert not network.set_home(member, 7)
    network.set_presence(member, online=False, last_seen=6)
    told = network.state.difference(before)
    assert told is not None
    assert [(one.identity, one.online, one.relay) for one in told.presence] == [(member, False, 7)]
