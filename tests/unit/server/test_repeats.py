"""Answers that are kept: for a day, so many of each person, and readable with the word alone that they came with."""

import os

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import REPEAT_LIFETIME_S
from warren.model.keys import Secret
from warren.protocol.rest.tokens import Tokens
from warren.server.db.engine import Database
from warren.server.db.migrate import migrate
from warren.server.repeats import rules, service
from warren.server.repeats.kept import Keep
from warren.server.repeats.rules import Asked
from warren.server.repeats.service import Repeats

SECRET = bytes(range(32))


class Counting:
    """A change that counts how often it was carried out."""

    def __init__(self, database: Database, now: list[float]) -> None:
        self.database = database
        self.repeats = Repeats(database, Secret(SECRET), lambda: now[0])
        self.times = 0

    async def once(self, key: str, *, person: str = "ann", said: bytes = b"x") -> str | None:
        async def change(keep: Keep[int]) -> int:
            async with self.database.write() as connection:
                self.times += 1
                await keep(connection, self.times)
            return self.times

        asked = Asked(caller=person, person=person, key=key, said=said)
        answer = await self.repeats.once(asked, Tokens, change, lambda number: Tokens(tokens=(), next=str(number)))
        return answer.next

    async def kept(self) -> int:
        async with self.database.read() as connection:
            return int((await connection.execute(text("SELECT count(*) FROM repeats"))).scalar_one())


async def test_an_answer_is_given_again_for_a_day(url: str | URL) -> None:
    database, now = Database(url), [1e9]
    await migrate(database)
    counting = Counting(database, now)
    assert [await counting.once("a"), await counting.once("a"), await counting.once("b")] == ["1", "1", "2"]
    now[0] += REPEAT_LIFETIME_S - 1
    assert await counting.once("a") == "1"
    now[0] += 1
    await counting.repeats.forget_old()
    assert await counting.kept() == 0
    assert await counting.once("a") == "3"
    await database.close()


async def test_what_is_too_old_is_no_answer_though_it_was_not_forgotten_yet(url: str | URL) -> None:
    database, now = Database(url), [1e9]
    await migrate(database)
    counting = Counting(database, now)
    assert await counting.once("a") == "1"
    now[0] += REPEAT_LIFETIME_S
    assert await counting.once("a") == "2"
    assert await counting.once("a") == "2"
    await database.close()


async def test_a_person_has_so_many_and_the_server_too(url: str | URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REPEATS_A_PERSON_MAX", 3)
    monkeypatch.setattr(service, "REPEATS_MAX", 5)
    database, now = Database(url), [1e9]
    await migrate(database)
    counting = Counting(database, now)
    assert await counting.once("first", person="bob") == "1"
    for number in range(5):
        now[0] += 1
        await counting.once(f"k{number}")
    assert await counting.kept() == 4
    assert await counting.once("k2") == "4", "her newest three are there"
    assert await counting.once("first", person="bob") == "1", "and what somebody else asked before that"
    for number in range(5):
        now[0] += 1
        await counting.once(f"k{number}", person=f"p{number}")
    assert await counting.kept() == 5
    await database.close()


async def test_an_answer_that_another_servers_key_sealed_is_not_made_up(url: str | URL) -> None:
    database, now = Database(url), [1e9]
    await migrate(database)
    counting = Counting(database, now)
    assert await counting.once("a") == "1"
    async with database.write() as connection:
        await connection.execute(text("UPDATE repeats SET sealed = salt"))
    with pytest.raises(WarrenError) as caught:
        await counting.once("a")
    assert caught.value.code is Code.STATE_DAMAGED
    await database.close()


def test_marks_differ_by_caller_word_and_server_and_what_was_said_is_hidden_by_all_three() -> None:
    base = Asked(caller="t1", person="u", key="word", said=b"body")
    others = [
        rules.marks(Asked(caller="t2", person="u", key="word", said=b"body"), SECRET),
        rules.marks(Asked(caller="t1", person="u", key="words", said=b"body"), SECRET),
        rules.marks(base, bytes(32)),
    ]
    own = rules.marks(base, SECRET)
    assert own == rules.marks(base, SECRET)
    assert rules.marks(Asked(caller="t1", person="u", key="word", said=b"other"), SECRET).row == own.row
    for other in others:
        assert not {other.row, other.request, other.seal} & {own.row, own.request, own.seal}
        salt = os.urandom(rules.SALT_BYTES)
        with pytest.raises(WarrenError):
            rules.unwrap(rules.wrap(b"secret", own, salt), other, salt)
    assert "seal" not in repr(own)


def test_parts_of_a_request_do_not_run_into_each_other() -> None:
    assert rules.said_of("POST", "/a", b"b", b"c") != rules.said_of("POST", "/ab", b"", b"c")
    assert rules.said_of("POST", "/a", b"", b"bc") != rules.said_of("POST", "/a", b"b", b"c")


async def test_who_raises_in_keep_undoes_the_change(url: str | URL) -> None:
    database = Database(url)
    await migrate(database)
    repeats = Repeats(database, Secret(SECRET), lambda: 1e9)

    async def change(keep: Keep[int]) -> int:
        async with database.write() as connection:
            await _touch(connection)
            await keep(connection, 1)
            raise WarrenError(Code.BUSY, "no")

    asked = Asked(caller="t", person="u", key="k", said=b"")
    with pytest.raises(WarrenError):
        await repeats.once(asked, Tokens, change, lambda _: Tokens(tokens=()))
    async with database.read() as connection:
        for table in ("repeats", "audit"):
            assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0  # noqa: S608
    await database.close()


async def _touch(connection: AsyncConnection) -> None:
    row = "INSERT INTO audit (at, actor, action, subject, detail) VALUES (1, 'a', 'b', 'c', '{}')"
    await connection.execute(text(row))
