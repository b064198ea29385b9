"""Table and queries of pre-auth keys.

Must not decide anything. Consumption is one conditional UPDATE ... RETURNING, so that of any number of parallel uses of
a single-use key one wins, on SQLite and on PostgreSQL (SECURITY.md rule 14). That a key was used is a fact of its row,
never derived from members (rule 15).
"""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    and_,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.model.ids import NetworkId
from warren.protocol.rest.paging import ByDate
from warren.server.db.keyset import Down, Up, page
from warren.server.db.metadata import Bytes, Seconds, metadata

join_keys = Table(
    "join_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), nullable=False),
    Column("public", Bytes, nullable=False),
    Column("reusable", Boolean(name="reusable"), nullable=False),
    Column("ephemeral", Boolean(name="ephemeral"), nullable=False),
    Column("tags", Text, nullable=False),
    Column("user", String(16)),  # whose machine it admits; no foreign key: the fact outlives the account
    Column("uses", BigInteger, nullable=False),
    Column("created_at", Seconds, nullable=False),
    Column("expires_at", Seconds, nullable=False),
    Column("used_at", Seconds),
    Column("revoked_at", Seconds),
    Column("uses_max", BigInteger),  # of a reusable key; none: any number
    Index(None, "network"),
)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One pre-auth key: `public` verifies who has its seed; `tags` is JSON; `user`: whose machine it admits;
    `uses_max`: how many a reusable one admits (None: any number)."""

    id: str
    network: NetworkId
    public: bytes
    reusable: bool
    ephemeral: bool
    tags: str
    user: str | None
    uses: int
    created_at: int
    expires_at: int
    used_at: int | None
    revoked_at: int | None
    uses_max: int | None = None

    @property
    def is_used_up(self) -> bool:
        """Whether it admitted as many as it may."""
        return self.uses >= (self.uses_max or self.uses + 1) if self.reusable else self.uses > 0


_COLUMNS = tuple(join_keys.c[name] for name in KeyRow.__slots__)


async def add(connection: AsyncConnection, row: KeyRow) -> None:
    """Store a new key."""
    await connection.execute(insert(join_keys).values(**{name: getattr(row, name) for name in KeyRow.__slots__}))


async def read(connection: AsyncConnection, key_id: str) -> KeyRow | None:
    """One key, whatever its state."""
    row = (await connection.execute(select(*_COLUMNS).where(join_keys.c.id == key_id))).first()
    return None if row is None else KeyRow(*row)


async def read_page(
    connection: AsyncConnection, network: NetworkId, *, after: ByDate | None, limit: int
) -> list[KeyRow]:
    """So many keys of a network behind a place, the newest first."""
    statement = select(*_COLUMNS).where(join_keys.c.network == network)
    order = (Down(join_keys.c.created_at), Up(join_keys.c.id))
    return [KeyRow(*row) for row in await connection.execute(page(statement, order, after=after, limit=limit))]


async def count_live(connection: AsyncConnection, network: NetworkId, now: int) -> int:
    """How many keys could still admit someone."""
    statement = select(func.count()).where(join_keys.c.network == network, *_live(now))
    return int((await connection.execute(statement)).scalar_one())


async def consume(connection: AsyncConnection, key_id: str, network: NetworkId, now: int) -> KeyRow | None:
    """Use the key once more; None where it is unknown, used, expired or revoked, and then nothing has changed."""
    statement = (
        update(join_keys)
        .where(join_keys.c.id == key_id, join_keys.c.network == network, *_live(now))
        .values(uses=join_keys.c.uses + 1, used_at=now)
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else KeyRow(*row)


async def revoke_unused(connection: AsyncConnection, network: NetworkId, *, made_before: int, now: int) -> int:
    """Revoke keys for one use that were never used and are older than `made_before` (Unix seconds); how many."""
    statement = (
        update(join_keys)
        .where(
            join_keys.c.network == network,
            join_keys.c.reusable.is_(False),
            join_keys.c.uses == 0,
            join_keys.c.created_at < made_before,
            join_keys.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    return int((await connection.execute(statement)).rowcount)


async def revoke(connection: AsyncConnection, key_id: str, network: NetworkId, now: int) -> KeyRow | None:
    """Revoke; None where it is unknown. Revoking again keeps the first date."""
    statement = (
        update(join_keys)
        .where(join_keys.c.id == key_id, join_keys.c.network == network)
        .values(revoked_at=func.coalesce(join_keys.c.revoked_at, now))
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else KeyRow(*row)


def _live(now: int) -> tuple[ColumnElement[bool], ...]:
    return (
        join_keys.c.revoked_at.is_(None),
        join_keys.c.expires_at > now,
        or_(
            and_(join_keys.c.reusable, join_keys.c.uses_max.is_(None)),
            and_(join_keys.c.reusable, join_keys.c.uses < join_keys.c.uses_max),
            join_keys.c.uses == 0,
        ),
    )
