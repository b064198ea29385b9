"""Table and queries of members.

Must not decide anything. A removed member's row stays without hostname and address: it says that this identity is gone,
and frees both for others. Times in Unix seconds; `offset` is the address's place in the network's IPv4 prefix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    Update,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.model.ids import Identity, NetworkId
from warren.protocol.rest.paging import ByName
from warren.server.db.keyset import Up, page
from warren.server.db.metadata import Bytes, Seconds, metadata

members = Table(
    "members",
    metadata,
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("identity", Bytes, primary_key=True),
    Column("hostname", String(63)),
    Column("offset", BigInteger),
    Column("user", String(255), nullable=False),
    Column("tags", Text, nullable=False),
    Column("os", String(255), nullable=False),
    Column("ephemeral", Boolean(name="ephemeral"), nullable=False),
    Column("key_id", String(16)),
    Column("joined_at", Seconds, nullable=False),
    Column("last_seen", Seconds),
    Column("removed_at", Seconds),
    Column("farewell", Bytes),  # its own signed word that it leaves, told when it has been away for too long
    UniqueConstraint("network", "hostname"),
    UniqueConstraint("network", "offset"),
    Index(None, "key_id"),
)


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member, or one that was (`removed_at` set, `hostname` and `offset` None)."""

    network: NetworkId
    identity: Identity
    hostname: str | None
    offset: int | None
    user: str
    tags: str
    os: str
    ephemeral: bool
    key_id: str | None
    joined_at: int
    last_seen: int | None
    removed_at: int | None


_COLUMNS = tuple(members.c[name] for name in MemberRow.__slots__)


async def add(connection: AsyncConnection, row: MemberRow) -> None:
    """Add a member. Raises IntegrityError where identity, hostname or address is there already."""
    await connection.execute(insert(members).values(**{name: getattr(row, name) for name in MemberRow.__slots__}))


async def put(connection: AsyncConnection, row: MemberRow) -> None:
    """Add a member in the place of one that was removed. Raises IntegrityError where name or address is taken."""
    statement = delete(members).where(
        members.c.network == row.network, members.c.identity == row.identity, members.c.removed_at.is_not(None)
    )
    await connection.execute(statement)
    await add(connection, row)


async def read(connection: AsyncConnection, network: NetworkId, identity: Identity) -> MemberRow | None:
    """One member, removed ones too."""
    statement = select(*_COLUMNS).where(members.c.network == network, members.c.identity == identity)
    row = (await connection.execute(statement)).first()
    return None if row is None else MemberRow(*row)


async def read_all(connection: AsyncConnection, network: NetworkId) -> list[MemberRow]:
    """Every present member by hostname."""
    statement = (
        select(*_COLUMNS)
        .where(members.c.network == network, members.c.removed_at.is_(None))
        .order_by(members.c.hostname)
    )
    return [MemberRow(*row) for row in await connection.execute(statement)]


async def read_page(
    connection: AsyncConnection, network: NetworkId, *, after: ByName | None, limit: int
) -> list[MemberRow]:
    """The same, so many behind a place."""
    order = (Up(func.coalesce(members.c.hostname, "")), Up(members.c.identity))
    statement = select(*_COLUMNS).where(members.c.network == network, members.c.removed_at.is_(None))
    rows = await connection.execute(page(statement, order, after=after, limit=limit))
    return [MemberRow(*row) for row in rows]


async def read_of_user(connection: AsyncConnection, user: str) -> list[MemberRow]:
    """A person's present machines in every network."""
    statement = (
        select(*_COLUMNS).where(members.c.user == user, members.c.removed_at.is_(None)).order_by(members.c.hostname)
    )
    return [MemberRow(*row) for row in await connection.execute(statement)]


async def read_ephemeral(connection: AsyncConnection, network: NetworkId) -> list[MemberRow]:
    """Present members that go when they are away."""
    statement = select(*_COLUMNS).where(
        members.c.network == network, members.c.removed_at.is_(None), members.c.ephemeral
    )
    return [MemberRow(*row) for row in await connection.execute(statement)]


async def count(connection: AsyncConnection) -> Mapping[bytes, int]:
    """How many present members each network has."""
    statement = (
        select(members.c.network, func.count()).where(members.c.removed_at.is_(None)).group_by(members.c.network)
    )
    return {bytes(network): int(number) for network, number in await connection.execute(statement)}


async def taken_offsets(connection: AsyncConnection, network: NetworkId) -> list[int]:
    """Places of the IPv4 prefix in use, ascending."""
    statement = (
        select(members.c.offset)
        .where(members.c.network == network, members.c.offset.is_not(None))
        .order_by(members.c.offset)
    )
    return [int(row[0]) for row in await connection.execute(statement)]


async def is_offset_free(connection: AsyncConnection, network: NetworkId, offset: int) -> bool:
    """Whether nobody has this place."""
    statement = select(members.c.identity).where(members.c.network == network, members.c.offset == offset)
    return (await connection.execute(statement)).first() is None


async def taken_hostnames(connection: AsyncConnection, network: NetworkId, candidates: Sequence[str]) -> set[str]:
    """Which of these names somebody has."""
    statement = select(members.c.hostname).where(members.c.network == network, members.c.hostname.in_(candidates))
    return {str(row[0]) for row in await connection.execute(statement)}


async def mark_removed(
    connection: AsyncConnection, network: NetworkId, identity: Identity, now: int
) -> MemberRow | None:
    """End a membership and free its name and address; returns the row as it was, None where nobody was there."""
    before = await read(connection, network, identity)
    if before is None or before.removed_at is not None:
        return None
    statement = (
        update(members)
        .where(members.c.network == network, members.c.identity == identity, members.c.removed_at.is_(None))
        .values(removed_at=now, hostname=None, offset=None)
    )
    result = await connection.execute(statement)
    return before if result.rowcount == 1 else None


async def keep_farewell(connection: AsyncConnection, network: NetworkId, identity: Identity, removal: bytes) -> None:
    """Store a member's own word that it leaves, in place of an earlier one."""
    await connection.execute(_present(network, identity).values(farewell=removal))


async def read_farewell(connection: AsyncConnection, network: NetworkId, identity: Identity) -> bytes | None:
    """A present member's own word that it leaves; None where it left none."""
    statement = select(members.c.farewell).where(
        members.c.network == network, members.c.identity == identity, members.c.removed_at.is_(None)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None or row[0] is None else bytes(row[0])


async def set_ephemeral(connection: AsyncConnection, network: NetworkId, identity: Identity, *, is_it: bool) -> None:
    """Say whether a member goes when it is away."""
    await connection.execute(_present(network, identity).values(ephemeral=is_it))


def _present(network: NetworkId, identity: Identity) -> Update:
    return update(members).where(
        members.c.network == network, members.c.identity == identity, members.c.removed_at.is_(None)
    )


async def write_last_seen(connection: AsyncConnection, seen: Mapping[tuple[NetworkId, Identity], int]) -> None:
    """Store when members had a session last."""
    statement = (
        update(members)
        .where(members.c.network == bindparam("n"), members.c.identity == bindparam("i"))
        .values(last_seen=bindparam("at"))
    )
    rows = [{"n": network, "i": identity, "at": at} for (network, identity), at in seen.items()]
    if rows:
        await connection.execute(statement, rows)
