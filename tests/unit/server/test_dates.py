"""A server's clock goes by its own key's dates; what others sign may be dated a little ahead of it, and moves nobody's
time but their own network's (review R7G)."""

import os

import msgspec
import pytest
from tests.unit.server.conftest import Features
from tests.unit.server.test_approvals import sign, view_of

from warren.errors import Code, WarrenError
from warren.limits import DATE_AHEAD_MAX_S, HEAD_REDATE_S
from warren.model.keys import SigningKeyPair
from warren.policy.language import DEFAULT_TEXT
from warren.protocol.rest.networks import take_over_statement
from warren.server.networks import founding
from warren.trust import root_key, signing
from warren.trust.documents import Delegation, Head, Kind
from warren.trust.founding import found

YEAR_S = 365 * 86_400


def root_of(features: Features) -> SigningKeyPair:
    """What its owner holds once `network root export` showed it, wherever else it lives."""
    return root_key.parse_root(features.networks.root_secret(features.network).reveal())[1]


async def hand_in(features: Features, key: SigningKeyPair, ahead_s: int, **fields: object) -> None:
    """A head of this key whose clock is ahead."""
    date = int(features.clock[0]) + ahead_s
    body = Head(counter=2**20, date=date, authority=key.public, digest=bytes(32))
    raw = signing.sign(Kind.HEAD, features.network.id, msgspec.structs.replace(body, **fields), key)
    await features.approvals.submit(features.network, (raw,), actor="owner")


@pytest.mark.parametrize("whose", ["root", "another that may attest"])
async def test_who_is_trusted_with_dates_moves_no_time_but_its_own_networks(features: Features, whose: str) -> None:
    now, seen, key = int(features.clock[0]), list[float](), root_of(features)
    if whose != "root":
        key = SigningKeyPair(os.urandom(32))
        given = Delegation(counter=0, date=0, delegate=key.public, rights=("attest",))
        batch = await sign(features, lambda draft: draft.put(Kind.DELEGATION, given))
        await features.approvals.submit(features.network, batch, actor="owner")
    features.networks._on_date = seen.append
    await hand_in(features, key, DATE_AHEAD_MAX_S)
    assert (await view_of(features)).newest_date == now + DATE_AHEAD_MAX_S
    if whose == "root":
        with pytest.raises(WarrenError) as refused:
            await hand_in(features, key, 10 * YEAR_S, counter=2**20 + 1)
        assert refused.value.code is Code.CLOCK
        assert "87600 hours ahead" in refused.value.text
    else:  # of who merely attests no far date counts, here or on nodes
        await hand_in(features, key, 10 * YEAR_S, counter=2**20 + 1)
    await features.networks.load()
    assert max(seen) == now
    assert (await view_of(features)).newest_date <= now + DATE_AHEAD_MAX_S
    assert await features.join(await features.key(), "late") in (await view_of(features)).members


async def test_a_network_that_was_founded_by_a_clock_far_ahead_is_not_taken_in(features: Features) -> None:
    async def adopt(ahead_s: int) -> None:
        founded = found(
            SigningKeyPair(os.urandom(32)),
            random=bytes(16),
            name="home",
            prefix4=features.network.prefix4,
            prefix6=features.network.prefix6,
            server=features.network.settings.servers[0],
            registrar=features.networks.registrar_key,
            policy=DEFAULT_TEXT,
            now=int(features.clock[0]) + ahead_s,
        )
        await features.networks.adopt("home", founded.genesis, [one.raw for one in founded.documents], actor="owner")

    with pytest.raises(WarrenError) as refused:
        await adopt(YEAR_S)
    assert refused.value.code is Code.CLOCK
    await adopt(DATE_AHEAD_MAX_S)


async def test_a_network_that_lives_in_the_future_is_judged_and_dated_on(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose owner's clock was far ahead before this was refused: it goes on, and nothing runs in circles."""
    network, root = features.network, root_of(features)
    await features.networks.forget_root(network, root.sign(take_over_statement(network.id)), actor="owner")
    monkeypatch.setattr(founding, "DATE_AHEAD_MAX_S", 10 * YEAR_S)
    await hand_in(features, root, YEAR_S)
    monkeypatch.undo()
    features.clock[0] += HEAD_REDATE_S + 1
    features.networks.heads_overtaken.clear()
    await features.networks.redate_heads()
    assert not features.networks.heads_overtaken.is_set()
    await hand_in(features, root, 0, counter=2**20 + 1)
