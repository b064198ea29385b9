"""Invitations and the clock: one that waited too long lets nobody in."""

import os

import pytest
from sqlalchemy import text
from tests.unit.server.conftest import Features

from warren.errors import Code, WarrenError
from warren.server.accounts.service import Accounts
from warren.server.accounts.store import UserRow
from warren.server.invitations.rules import LIFETIME_S
from warren.server.invitations.service import Invitations


async def someone(features: Features) -> UserRow:
    accounts = Accounts(features.database, lambda: features.clock[0])
    return await accounts.known_by("https://idp.example", os.urandom(4).hex(), name="anna", groups=())


async def test_an_invitation_and_a_question_expire(features: Features) -> None:
    invitations = Invitations(features.database, lambda: features.clock[0])
    invited, asks, late = [await someone(features) for _ in range(3)]
    await invitations.publish(features.network, "come", actor="test")
    for one in (invited, late):
        assert not await invitations.invite(features.network, one, "", actor="test")
    assert not await invitations.ask(features.network, asks, "", actor="test")
    features.clock[0] += LIFETIME_S - 1
    await invitations.accept(features.network, invited, actor="test")
    features.clock[0] += 1
    with pytest.raises(WarrenError) as caught:
        await invitations.accept(features.network, late, actor="test")
    assert caught.value.code is Code.NOT_FOUND
    assert not await invitations.invite(features.network, asks, "", actor="test"), "the old question is no yes"
    assert [one.user for one in await invitations.of_network(features.network, after=None, limit=9)] == [asks.id]
    async with features.database.read() as connection:
        roles = (await connection.execute(text('SELECT "user" FROM network_roles'))).scalars().all()
    assert roles == [invited.id]
