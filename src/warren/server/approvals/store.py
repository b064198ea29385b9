"""Table and queries of machines that wait. Must not decide anything. Times in Unix seconds."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, String, Table, Text, delete, false, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.model.ids import Identity, NetworkId
from warren.server.db.metadata import Bytes, Seconds, metadata

waiting_joins = Table(
    "waiting_joins",
    metadata,
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("identity", Bytes, primary_key=True),
    Column("hostname", String(63), nullable=False),
    Column("user", String(255), nullable=False),
    Column("tags", Text, nullable=False),
    Column("os", String(255), nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("record", Bytes, nullable=False),
    Column("asked_at", Seconds, nullable=False),
    Column("denied_at", Seconds),
    Column("ephemeral", Boolean(name="ephemeral"), nullable=False, server_default=false()),
)


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A machine that waits, or was denied; `tags` is JSON, `record` its own first record."""

    network: NetworkId
    identity: Identity
    hostname: str
    user: str
    tags: str
    os: str
    key_id: str
    record: bytes
    asked_at: int
    denied_at: int | None
    ephemeral: bool = False


_COLUMNS = tuple(waiting_joins.c[name] for name in WaitingRow.__slots__)


async def put(connection: AsyncConnection, row: WaitingRow) -> None:
    """Store who waits, in place of what the same machine asked before."""
    await drop(connection, row.network, row.identity)
    await connection.execute(
        insert(waiting_joins).values(**{name: getattr(row, name) for name in WaitingRow.__slots__})
    )


async def read(connection: AsyncConnection, network: NetworkId, identity: Identity) -> WaitingRow | None:
    """One machine that waits or was denied."""
    statement = select(*_COLUMNS).where(waiting_joins.c.network == network, waiting_joins.c.identity == identity)
    row = (await connection.execute(statement)).first()
    return None if row is None else WaitingRow(*row)


async def read_all(connection: AsyncConnection, network: NetworkId) -> list[WaitingRow]:
    """Who waits, the longest first."""
    statement = (
        select(*_COLUMNS)
        .where(waiting_joins.c.network == network, waiting_joins.c.denied_at.is_(None))
        .order_by(waiting_joins.c.asked_at, waiting_joins.c.identity)
    )
    return [WaitingRow(*row) for row in await connection.execute(statement)]


async def deny(connection: AsyncConnection, network: NetworkId, identity: Identity, now: int) -> bool:
    """Refuse one; False where nobody of this identity waits."""
    statement = (
        update(waiting_joins)
        .where(
            waiting_joins.c.network == network,
            waiting_joins.c.identity == identity,
            waiting_joins.c.denied_at.is_(None),
        )
        .values(denied_at=now)
    )
    return bool((await connection.execute(statement)).rowcount)


async def drop(connection: AsyncConnection, network: NetworkId, identity: Identity) -> None:
    """Forget one."""
    await connection.execute(
        delete(waiting_joins).where(waiting_joins.c.network == network, waiting_joins.c.identity == identity)
    )


async def forget_before(connection: AsyncConnection, network: NetworkId, before: int) -> None:
    """Forget who asked before then, denied ones too."""
    await connection.execute(
        delete(waiting_joins).where(waiting_joins.c.network == network, waiting_joins.c.asked_at < before)
    )
