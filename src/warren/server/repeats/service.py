"""The only door to repeated requests: carried out once, answered as often as the same key comes.

Decides the order: what was answered before is answered again; else the change keeps its answer in its own transaction,
so a crash after the commit loses no answer and doubles nothing, and one before it leaves nothing. Of requests that come
at once with one key, one commits; the others find its answer. A refusal changes nothing and is not kept: the same
request may be carried out later. What is kept is forgotten after REPEAT_LIFETIME_S, or when a person has
REPEATS_A_PERSON_MAX of them (their own oldest go), or the server REPEATS_MAX. Must not know HTTP.
"""

import hmac
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import WarrenError
from warren.failpoints import reach
from warren.limits import REPEAT_LIFETIME_S, REPEATS_A_PERSON_MAX, REPEATS_MAX
from warren.model.keys import Secret
from warren.server.db.engine import Database
from warren.server.repeats import rules, store
from warren.server.repeats.kept import AnsweredMeanwhileError, Keep, keep_nothing
from warren.server.repeats.rules import Asked, Marks
from warren.server.repeats.store import RepeatRow

AnswerT = TypeVar("AnswerT", bound=msgspec.Struct)
ResultT = TypeVar("ResultT")


class Repeats:
    """Answers that are kept. `key`: 32 secret bytes of this server; `clock`: Unix seconds."""

    def __init__(self, database: Database, key: Secret[bytes], clock: Callable[[], float]) -> None:
        self._database = database
        self._key = key
        self._clock = clock

    async def once(
        self,
        asked: Asked | None,
        kind: type[AnswerT],
        change: Callable[[Keep[ResultT]], Awaitable[ResultT]],
        shown: Callable[[ResultT], AnswerT],
    ) -> AnswerT:
        """Carry `change` out and return what is `shown` of it; None asked: without a key. Raises what the change
        raises, and WarrenError REPEAT_MISMATCH where the key came with another request before."""
        if asked is None:
            return shown(await change(keep_nothing))
        by = rules.marks(asked, self._key.reveal())
        before = await self._before(by, kind)
        if before is not None:
            return before
        await self._make_room(asked.person)
        answers: list[AnswerT] = []

        async def keep(connection: AsyncConnection, result: ResultT) -> None:
            answers.append(shown(result))
            if not await store.add(connection, self._row(by, asked.person, answers[-1]), since=self._since()):
                raise AnsweredMeanwhileError
            reach("repeat.kept")

        try:
            await change(keep)
        except (AnsweredMeanwhileError, WarrenError):
            meanwhile = await self._before(by, kind)
            if meanwhile is None:
                raise
            return meanwhile
        reach("repeat.committed")
        return answers[-1]

    def _row(self, by: Marks, person: str, answer: msgspec.Struct) -> RepeatRow:
        salt = os.urandom(rules.SALT_BYTES)
        sealed = rules.wrap(msgspec.json.encode(answer), by, salt)
        return RepeatRow(by.row, person, by.request, salt, sealed, int(self._clock()))

    async def _before(self, by: Marks, kind: type[AnswerT]) -> AnswerT | None:
        """What this key was answered, None where it was not. Raises WarrenError REPEAT_MISMATCH."""
        async with self._database.read() as connection:
            row = await store.read(connection, by.row, since=self._since())
        if row is None:
            return None
        if not hmac.compare_digest(row.request, by.request):
            raise rules.used_for_another()
        return msgspec.json.decode(rules.unwrap(row.sealed, by, row.salt), type=kind)

    async def _make_room(self, person: str) -> None:
        """Before the change's own transaction, so that it holds no rows of others; those who come at once may go
        beyond a limit by one each."""
        async with self._database.read() as connection:
            own, every = await store.count(connection, person), await store.count(connection, None)
        if own < REPEATS_A_PERSON_MAX and every < REPEATS_MAX:
            return
        async with self._database.write() as connection:
            await store.drop_old(connection, until=self._since())
            if own >= REPEATS_A_PERSON_MAX:
                await store.drop_oldest(connection, person, number=own - REPEATS_A_PERSON_MAX + 1)
            if every >= REPEATS_MAX:
                await store.drop_oldest(connection, None, number=every - REPEATS_MAX + 1)

    async def forget_old(self) -> None:
        """Forget what nobody is answered any more. Raises WarrenError STORE_UNAVAILABLE."""
        async with self._database.write() as connection:
            await store.drop_old(connection, until=self._since())

    def _since(self) -> int:
        """What was kept after this moment counts."""
        return int(self._clock()) - REPEAT_LIFETIME_S
