"""Tables and queries of networks and their documents.

Must not decide anything: rules and services do. A document is stored as the bytes that were received or signed, one row
for each (network, kind, subject), the newest only. `sequence` of a network counts its changes; taking the next number
locks the row, so that changes of one network are made one after the other on PostgreSQL as on SQLite.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    String,
    Table,
    UniqueConstraint,
    case,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.model.ids import NetworkId
from warren.server.db.metadata import Bytes, Seconds, metadata

networks = Table(
    "networks",
    metadata,
    Column("id", Bytes, primary_key=True),
    Column("name", String(63), nullable=False),
    Column("genesis", Bytes, nullable=False),
    Column("root", String(32), nullable=False),
    Column("root_key", Bytes, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("created_at", Seconds, nullable=False),
    UniqueConstraint("name"),
)

documents = Table(
    "documents",
    metadata,
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("subject", Bytes, primary_key=True),
    Column("raw", Bytes, nullable=False),
    Column("stored_at", Seconds, nullable=False),
)


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """One network; `root` says where its root key lives, `next_offset` is where the address allocator looks first."""

    id: NetworkId
    name: str
    genesis: bytes
    root: str
    root_key: bytes
    sequence: int
    next_offset: int
    created_at: int


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One stored document."""

    kind: str
    subject: bytes
    raw: bytes


# One statement for all of them, in the words that SQLite and PostgreSQL share.
_UPSERT = text(
    "INSERT INTO documents (network, kind, subject, raw, stored_at)"
    " VALUES (:network, :kind, :subject, :raw, :stored_at)"
    " ON CONFLICT (network, kind, subject) DO UPDATE SET raw = excluded.raw, stored_at = excluded.stored_at"
)
_COLUMNS = tuple(networks.c[name] for name in NetworkRow.__slots__)


async def add(connection: AsyncConnection, row: NetworkRow) -> None:
    """Add a network. Raises IntegrityError where the name is taken."""
    await connection.execute(insert(networks).values(**{name: getattr(row, name) for name in NetworkRow.__slots__}))


async def read_all(connection: AsyncConnection) -> list[NetworkRow]:
    """Every network, the oldest first."""
    result = await connection.execute(select(*_COLUMNS).order_by(networks.c.created_at, networks.c.name))
    return [NetworkRow(*row) for row in result]


async def advance(connection: AsyncConnection, network: NetworkId, at_least: int) -> NetworkRow | None:
    """Take the network's next sequence number, which locks its row until the end; None: no such network."""
    following = networks.c.sequence + 1
    statement = (
        update(networks)
        .where(networks.c.id == network)
        .values(sequence=case((following < at_least, at_least), else_=following))
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else NetworkRow(*row)


async def set_next_offset(connection: AsyncConnection, network: NetworkId, offset: int) -> None:
    """Remember where the address allocator looks first."""
    await connection.execute(update(networks).where(networks.c.id == network).values(next_offset=offset))


async def set_root(connection: AsyncConnection, network: NetworkId, root: str, root_key: bytes | None = None) -> None:
    """Say where the root key lives, and which one it is where that has changed."""
    values: dict[str, str | bytes] = {"root": root} if root_key is None else {"root": root, "root_key": root_key}
    await connection.execute(update(networks).where(networks.c.id == network).values(**values))


async def rename(connection: AsyncConnection, network: NetworkId, name: str) -> None:
    """Change the name. Raises IntegrityError where it is taken."""
    await connection.execute(update(networks).where(networks.c.id == network).values(name=name))


async def remove(connection: AsyncConnection, network: NetworkId) -> None:
    """Delete the network with everything that belongs to it."""
    await connection.execute(delete(networks).where(networks.c.id == network))


async def put(connection: AsyncConnection, network: NetworkId, rows: Sequence[DocumentRow], now: int) -> None:
    """Store documents in place of older ones of the same kind and subject."""
    values = [
        {"network": network, "kind": row.kind, "subject": row.subject, "raw": row.raw, "stored_at": now} for row in rows
    ]
    if values:
        await connection.execute(_UPSERT, values)


async def drop(connection: AsyncConnection, network: NetworkId, kind: str, subject: bytes) -> None:
    """Forget a document, if it is there."""
    await connection.execute(
        delete(documents).where(
            documents.c.network == network, documents.c.kind == kind, documents.c.subject == subject
        )
    )


async def read_documents(connection: AsyncConnection, network: NetworkId) -> list[DocumentRow]:
    """Every document of a network."""
    result = await connection.execute(
        select(documents.c.kind, documents.c.subject, documents.c.raw).where(documents.c.network == network)
    )
    return [DocumentRow(*row) for row in result]


async def read_document(connection: AsyncConnection, network: NetworkId, kind: str, subject: bytes) -> bytes | None:
    """One document's bytes."""
    result = await connection.execute(
        select(documents.c.raw).where(
            documents.c.network == network, documents.c.kind == kind, documents.c.subject == subject
        )
    )
    row = result.first()
    return None if row is None else bytes(row[0])
