"""SECURITY.md rule 14, on each database: of fifty transactions that use the same thing up at once, one does.

Each in a transaction of its own, so on PostgreSQL they do run beside each other; sqlite takes one writer at a time.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.unit.server.conftest import Features

from warren.model.ids import NetworkId
from warren.server.accounts.service import Accounts
from warren.server.factors import store as factors
from warren.server.factors.store import TotpRow
from warren.server.invitations import store as invitations
from warren.server.invitations.rules import Kind
from warren.server.invitations.store import InvitationRow
from warren.server.invites import store as keys
from warren.server.providers import store as providers
from warren.server.providers.store import FlowRow
from warren.server.signon import store as signon
from warren.server.signon.store import DeviceRow

AT_ONCE = 50
NOW, LATER = 1_000, 2_000
USED_UP = {
    "a pre-auth key",
    "an invitation",
    "a recovery code",
    "a step of an app",
    "a challenge of a passkey",
    "a code of a device, decided",
    "a code of a device, taken",
    "a sign-on by a provider",
    "the link of the first admin",
}
ENDLESS = {"a recovery code", "a step of an app"}
"""A code is good until it is used; of an app, what its clock says counts (`test_ends.py`)."""


@dataclass(frozen=True, slots=True)
class Things:
    """One of each, to be used up."""

    user: str
    network: NetworkId
    key: str
    digest: bytes

    async def put(self, connection: AsyncConnection) -> None:
        """Store them."""
        await invitations.put(connection, InvitationRow(self.network, self.user, Kind.INVITED, "test", "", NOW, LATER))
        await factors.put_recovery_codes(connection, self.user, [self.digest])
        await factors.put_totp(connection, TotpRow(self.user, b"", b"", NOW, NOW, 0))
        await factors.add_challenge(connection, self.digest, b"owner", NOW, LATER)
        for state in ("pending", "approved"):
            row = DeviceRow(
                digest=self.digest + state.encode(), code=state[:8].upper(), hostname="", system="", address="",
                state=state, user=None, join_public=None, wished="", network=None, created_at=NOW, expires_at=LATER,
            )  # fmt: skip
            await signon.add_device(connection, row)
        await providers.add_flow(connection, FlowRow(self.digest, "one", "/account", "", LATER))
        await signon.put_first_link(connection, self.digest, LATER)

    def uses(self, now: int = NOW) -> dict[str, Callable[[AsyncConnection], Awaitable[object]]]:
        """How each is used up at this moment; what comes of it is true where it was."""
        return {
            "a pre-auth key": lambda c: keys.consume(c, self.key, self.network, now),
            "an invitation": lambda c: invitations.take(c, self.network, self.user, Kind.INVITED, now=now),
            "a recovery code": lambda c: factors.use_recovery_code(c, self.user, self.digest, now),
            "a step of an app": lambda c: factors.use_step(c, self.user, 7, confirm_at=None),
            "a challenge of a passkey": lambda c: factors.take_challenge(c, self.digest, b"owner", now),
            "a code of a device, decided": lambda c: signon.decide_device(
                c, "PENDING", user=self.user, state="approved", network=None, factor_at=None, now=now
            ),
            "a code of a device, taken": lambda c: signon.spend_device(c, self.digest + b"approved", now, LATER),
            "a sign-on by a provider": lambda c: providers.take_flow(c, self.digest, "one", now),
            "the link of the first admin": lambda c: signon.use_first_link(c, self.digest, now),
        }


@pytest.fixture(name="things")
async def _things(features: Features) -> Things:
    user = await Accounts(features.database, lambda: NOW).known_by("https://idp", "anna", name="anna", groups=())
    features.clock[0] = NOW
    made = await features.invites.create(
        features.network, reusable=False, ephemeral=False, tags=(), expires_s=LATER - NOW, actor="test"
    )
    things = Things(user.id, features.network.id, made.row.id, os.urandom(32))
    async with features.database.write() as connection:
        await things.put(connection)
    assert things.uses().keys() == USED_UP
    return things


async def test_what_is_over_is_used_by_nobody(features: Features, things: Things) -> None:
    over = things.uses(LATER)
    for what in USED_UP - ENDLESS:
        async with features.database.write() as connection:
            assert not await over[what](connection), what


async def test_of_fifty_that_use_it_at_once_one_does(features: Features, things: Things) -> None:
    async def attempt(use: Callable[[AsyncConnection], Awaitable[object]]) -> bool:
        async with features.database.write() as connection:
            return bool(await use(connection))

    for what, use in things.uses().items():
        used = await asyncio.gather(*(attempt(use) for _ in range(AT_ONCE)))
        assert used.count(True) == 1, what
