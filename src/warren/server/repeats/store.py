"""Table and queries of answers that are kept for repeated requests. Must not decide anything.

A row is made by one INSERT that does nothing where the same key has one that still counts, in the transaction of the
change: of two that come at once one is carried out. Times in Unix seconds.
"""

from dataclasses import dataclass

from sqlalchemy import Column, Index, String, Table, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.server.db.metadata import Bytes, Seconds, metadata

repeats = Table(
    "repeats",
    metadata,
    Column("id", Bytes, primary_key=True),
    Column("person", String(16), nullable=False),  # no foreign key: an account's end needs no answer to go first
    Column("request", Bytes, nullable=False),
    Column("salt", Bytes, nullable=False),
    Column("sealed", Bytes, nullable=False),
    Column("kept_at", Seconds, nullable=False),
    Index(None, "person", "kept_at"),
    Index(None, "kept_at"),
)


@dataclass(frozen=True, slots=True)
class RepeatRow:
    """One answer: `id` and `request` as `rules.Marks` says, `sealed` under a key of `salt`."""

    id: bytes
    person: str
    request: bytes
    salt: bytes
    sealed: bytes
    kept_at: int


_COLUMNS = tuple(repeats.c[name] for name in RepeatRow.__slots__)
_ADD = text(
    "INSERT INTO repeats (id, person, request, salt, sealed, kept_at)"
    " VALUES (:id, :person, :request, :salt, :sealed, :kept_at)"
    " ON CONFLICT (id) DO UPDATE SET request = excluded.request, salt = excluded.salt, sealed = excluded.sealed,"
    " kept_at = excluded.kept_at WHERE repeats.kept_at <= :since"
)


async def add(connection: AsyncConnection, row: RepeatRow, *, since: int) -> bool:
    """Keep an answer; False where this key has one that was kept after `since`."""
    values = {name: getattr(row, name) for name in RepeatRow.__slots__} | {"since": since}
    return (await connection.execute(_ADD, values)).rowcount == 1


async def read(connection: AsyncConnection, row: bytes, *, since: int) -> RepeatRow | None:
    """The answer of this key, if it was kept after `since`."""
    statement = select(*_COLUMNS).where(repeats.c.id == row, repeats.c.kept_at > since)
    found = (await connection.execute(statement)).first()
    return None if found is None else RepeatRow(*found)


async def count(connection: AsyncConnection, person: str | None) -> int:
    """How many answers are kept, of one person or all."""
    statement = select(func.count()).select_from(repeats)
    if person is not None:
        statement = statement.where(repeats.c.person == person)
    return int((await connection.execute(statement)).scalar_one())


async def drop_old(connection: AsyncConnection, *, until: int) -> None:
    """Forget what was kept until then."""
    await connection.execute(delete(repeats).where(repeats.c.kept_at <= until))


async def drop_oldest(connection: AsyncConnection, person: str | None, *, number: int) -> None:
    """Forget so many of the oldest, of one person or of all."""
    oldest = select(repeats.c.id).order_by(repeats.c.kept_at, repeats.c.id).limit(number)
    if person is not None:
        oldest = oldest.where(repeats.c.person == person)
    await connection.execute(delete(repeats).where(repeats.c.id.in_(oldest)))
