"""Second factors on a real database file: guessing is stopped by account and by address, steps and codes count once."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pyotp
import pytest

from warren.errors import Code, WarrenError
from warren.model.keys import Secret
from warren.server.accounts.service import Accounts
from warren.server.accounts.store import UserRow
from warren.server.db.engine import Database, sqlite_url
from warren.server.db.migrate import migrate
from warren.server.factors.passkeys import Place
from warren.server.factors.rules import Demands
from warren.server.factors.service import Factors
from warren.server.factors.totp import unwrap, wrap
from warren.server.signon.rules import FAILURES_AN_ACCOUNT_MAX, FAILURES_AN_ADDRESS_MAX
from warren.server.throttle import FAILURES_WITHIN_S


@dataclass(slots=True)
class World:
    """Factors of a server on a clock that tests move."""

    factors: Factors
    accounts: Accounts
    now: float = 1_800_000_000.0

    async def person(self, name: str) -> UserRow:
        return await self.accounts.known_by("https://p.example", name, name=name, groups=())

    async def with_app(self, name: str) -> tuple[UserRow, pyotp.TOTP, tuple[str, ...]]:
        user = await self.person(name)
        secret = await self.factors.begin_app(user)
        app = pyotp.TOTP(base64.b32encode(secret).decode())
        codes = await self.factors.confirm_app(user, app.at(self.now), "setup")
        self.now += 30
        return user, app, codes

    async def refused(self, user: UserRow, code: str, address: str = "a") -> Code:
        with pytest.raises(WarrenError) as caught:
            await self.factors.check_code(user, code, address)
        return caught.value.code


@pytest.fixture(name="world")
async def _world(tmp_path: Path) -> AsyncIterator[World]:
    database = Database(sqlite_url(tmp_path / "x.db"))
    await migrate(database)
    holder: list[World] = []
    factors = Factors(
        database=database,
        key=Secret(bytes(32)),
        place=Place("localhost", "http://localhost"),
        demands=Demands(),
        clock=lambda: holder[0].now,
        monotonic=lambda: holder[0].now,
    )
    holder.append(World(factors, Accounts(database, lambda: holder[0].now)))
    yield holder[0]
    await database.close()


async def test_an_account_is_guessed_at_ten_times_from_anywhere(world: World) -> None:
    user, app, codes = await world.with_app("anna")
    for number in range(FAILURES_AN_ACCOUNT_MAX):
        assert await world.refused(user, "AAAA-AAAA-AAAA-AAAA", f"address {number}") is Code.FORBIDDEN
    assert await world.refused(user, app.at(world.now)) is Code.BUSY
    assert await world.refused(user, codes[0]) is Code.BUSY
    world.now += FAILURES_WITHIN_S + 1
    await world.factors.check_code(user, app.at(world.now), "a")


async def test_an_address_guesses_at_all_accounts_together_fifty_times(world: World) -> None:
    people = [(await world.with_app(f"u{number}"))[0] for number in range(FAILURES_AN_ADDRESS_MAX // 9 + 1)]
    for number in range(FAILURES_AN_ADDRESS_MAX):
        assert await world.refused(people[number // 9], "AAAA-AAAA-AAAA-AAAA") is Code.FORBIDDEN
    fresh, app, _ = await world.with_app("fresh")
    assert await world.refused(fresh, app.at(world.now)) is Code.BUSY
    await world.factors.check_code(fresh, app.at(world.now), "another address")


async def test_people_who_are_right_use_up_no_tries_of_their_address(world: World) -> None:
    user, app, _ = await world.with_app("anna")
    for _ in range(FAILURES_AN_ADDRESS_MAX + 1):
        world.now += 30
        await world.factors.check_code(user, app.at(world.now), "office")


async def test_a_step_counts_once_and_never_an_older_one_after_it(world: World) -> None:
    user, app, _ = await world.with_app("anna")
    await world.factors.check_code(user, app.at(world.now), "a")
    assert await world.refused(user, app.at(world.now)) is Code.FORBIDDEN
    assert await world.refused(user, app.at(world.now - 30)) is Code.FORBIDDEN
    assert await world.refused(user, app.at(world.now + 90)) is Code.FORBIDDEN
    await world.factors.check_code(user, app.at(world.now + 30), "a")


async def test_the_last_factor_takes_the_recovery_codes_with_it(world: World) -> None:
    user, _, codes = await world.with_app("anna")
    assert (await world.factors.held(user.id)).recovery_codes == len(codes)
    await world.factors.remove_app(user)
    assert (await world.factors.held(user.id)).recovery_codes == 0
    assert await world.refused(user, codes[0]) is Code.FORBIDDEN


async def test_an_app_that_was_never_confirmed_is_no_factor(world: World) -> None:
    user = await world.person("anna")
    await world.factors.begin_app(user)
    assert not (await world.factors.held(user.id)).any
    assert await world.refused(user, "000000") is Code.FORBIDDEN


def test_a_sealed_secret_opens_for_its_user_and_key_only() -> None:
    sealed = wrap(b"secret", key=bytes(32), salt=b"s" * 32, user="u1")
    assert unwrap(sealed, key=bytes(32), salt=b"s" * 32, user="u1") == b"secret"
    for key, user in ((b"\1" * 32, "u1"), (bytes(32), "u2")):
        with pytest.raises(WarrenError):
            unwrap(sealed, key=key, salt=b"s" * 32, user=user)
