"""Turns at something dear: who goes next."""

import asyncio

from warren.limits import PASSWORD_HASHES_AT_ONCE
from warren.server.accounts.passwords import Passwords
from warren.server.accounts.turns import FairTurns


async def test_who_asks_often_delays_who_asks_once_by_one_turn_only() -> None:
    turns, order, go_on = FairTurns(1), list[str](), asyncio.Event()

    async def ask(who: str) -> None:
        async with turns.turn(who[0]):
            order.append(who)
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        for who in ("a0", "a1", "a2", "a3", "b0", "c0", "b1"):
            group.create_task(ask(who))
        await asyncio.sleep(0)
        go_on.set()
    assert order == ["a0", "a1", "b0", "c0", "a2", "b1", "a3"]


async def test_no_more_than_so_many_are_at_it_and_whoever_gives_up_takes_nobodys_turn() -> None:
    turns, at_it, most = FairTurns(2), 0, 0
    go_on = asyncio.Event()

    async def ask(who: str) -> None:
        nonlocal at_it, most
        async with turns.turn(who):
            at_it += 1
            most = max(most, at_it)
            await go_on.wait()
            at_it -= 1

    tasks = [asyncio.create_task(ask(str(number % 3))) for number in range(12)]
    await asyncio.sleep(0)
    for gone in (tasks[0], tasks[5], tasks[11]):  # one who is at it, two who wait
        gone.cancel()
    at_it -= 1
    await asyncio.sleep(0)
    go_on.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(one, asyncio.CancelledError) for one in done) == 3
    assert most == 2
    async with asyncio.timeout(60), turns.turn("x"), turns.turn("y"):
        pass  # both are free again


async def test_a_turn_that_is_given_to_who_is_cancelled_at_that_moment_goes_on() -> None:
    turns = FairTurns(1)
    async with turns.turn("a"):
        leaving = asyncio.create_task(_hold(turns, "b"))
        staying = asyncio.create_task(_hold(turns, "c"))
        await asyncio.sleep(0)
    leaving.cancel()  # its turn was given, it has not run since
    async with asyncio.timeout(60):
        await staying
        await asyncio.wait({leaving})
    async with asyncio.timeout(60), turns.turn("d"):
        pass


async def _hold(turns: FairTurns, who: str) -> None:
    async with turns.turn(who):
        pass


async def test_one_address_that_tries_ten_passwords_makes_nobody_else_wait_for_them() -> None:
    passwords = Passwords()
    await passwords.is_right(None, "first", "1.1.1.1")
    tries = [asyncio.create_task(passwords.is_right(None, "not it", "6.6.6.6")) for _ in range(10)]
    await asyncio.sleep(0)
    stored = "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"
    assert not await passwords.is_right(stored, "own", "1.1.1.1")
    assert sum(one.done() for one in tries) <= PASSWORD_HASHES_AT_ONCE + 1, "those in work, and one of the address"
    assert await asyncio.gather(*tries) == [False] * 10
