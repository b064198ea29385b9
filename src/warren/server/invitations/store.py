"""Tables and queries of invitations, questions and listed networks. Must not decide anything. Times in Unix seconds.

An invitation is taken by one DELETE ... RETURNING with its conditions, so that it counts once (SECURITY.md rule 14).
"""

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, ForeignKey, Index, String, Table, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.model.ids import NetworkId
from warren.protocol.rest.paging import ByDateAndNetwork, ByDateAndPair
from warren.server.db.keyset import Up, page
from warren.server.db.metadata import Bytes, Seconds, metadata

invitations = Table(
    "invitations",
    metadata,
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("user", String(16), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("by", String(255), nullable=False),
    Column("text", String(400), nullable=False),
    Column("created_at", Seconds, nullable=False),
    Column("expires_at", Seconds, nullable=False),
    Index(None, "user"),
)

put_out = Table(
    "put_out",
    metadata,
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("user", String(16), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Seconds, nullable=False),
    Index(None, "user"),
)
"""People whose role an admin ended, or whose question one denied: no mail domain brings them back."""

listings = Table(
    "listings",
    metadata,
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("about", String(400), nullable=False),
    Column("listed_at", Seconds, nullable=False),
)


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """A person and a network of whom one has spoken (`rules.Kind`), `by` whom, with what words."""

    network: NetworkId
    user: str
    kind: str
    by: str
    text: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class ListingRow:
    """A listed network, and what is said of it."""

    network: NetworkId
    about: str
    listed_at: int


_COLUMNS = tuple(invitations.c[name] for name in InvitationRow.__slots__)


async def put(connection: AsyncConnection, row: InvitationRow) -> None:
    """Store it in place of what there was between these two."""
    await take(connection, row.network, row.user, None, now=0)
    await connection.execute(insert(invitations).values(**{name: getattr(row, name) for name in row.__slots__}))


async def take(
    connection: AsyncConnection, network: NetworkId, user: str, kind: str | None, *, now: int
) -> InvitationRow | None:
    """Take it away; None where there is none of this kind that still counts."""
    wanted: list[ColumnElement[bool]] = [
        invitations.c.network == network,
        invitations.c.user == user,
        invitations.c.expires_at > now,
    ]
    if kind is not None:
        wanted.append(invitations.c.kind == kind)
    row = (await connection.execute(delete(invitations).where(*wanted).returning(*_COLUMNS))).first()
    return None if row is None else InvitationRow(*row)


async def read(
    connection: AsyncConnection,
    *,
    network: NetworkId | None = None,
    user: str | None = None,
    now: int,
    after: ByDateAndPair | None,
    limit: int,
) -> list[InvitationRow]:
    """So much of what waits of a network or a person behind a place, the oldest first."""
    statement = select(*_COLUMNS).where(invitations.c.expires_at > now)
    if network is not None:
        statement = statement.where(invitations.c.network == network)
    if user is not None:
        statement = statement.where(invitations.c.user == user)
    order = (Up(invitations.c.created_at), Up(invitations.c.user), Up(invitations.c.network))
    return [InvitationRow(*row) for row in await connection.execute(page(statement, order, after=after, limit=limit))]


async def count(connection: AsyncConnection, *, network: NetworkId | None = None, user: str | None = None) -> int:
    """How many there are of a network or a person."""
    wanted = invitations.c.network == network if network is not None else invitations.c.user == user
    statement = select(func.count()).select_from(invitations).where(wanted)
    return int((await connection.execute(statement)).scalar_one())


async def drop_expired(connection: AsyncConnection, now: int) -> None:
    """Forget what waited too long."""
    await connection.execute(delete(invitations).where(invitations.c.expires_at <= now))


async def note_put_out(connection: AsyncConnection, network: NetworkId, user: str, now: int) -> None:
    """An admin does not want this person in the network."""
    await forget_put_out(connection, network, user)
    await connection.execute(insert(put_out).values(network=network, user=user, at=now))


async def forget_put_out(connection: AsyncConnection, network: NetworkId, user: str) -> None:
    """One does again."""
    await connection.execute(delete(put_out).where(put_out.c.network == network, put_out.c.user == user))


async def is_put_out(connection: AsyncConnection, network: NetworkId, user: str) -> bool:
    """Whether the last word of an admin about this person was no."""
    statement = select(put_out.c.network).where(put_out.c.network == network, put_out.c.user == user)
    return (await connection.execute(statement)).first() is not None


async def put_listing(connection: AsyncConnection, network: NetworkId, about: str, now: int) -> None:
    """List a network, or change what is said of it."""
    await drop_listing(connection, network)
    await connection.execute(insert(listings).values(network=network, about=about, listed_at=now))


async def drop_listing(connection: AsyncConnection, network: NetworkId) -> bool:
    """List it no more; False where it was not listed."""
    statement = delete(listings).where(listings.c.network == network).returning(listings.c.network)
    return (await connection.execute(statement)).first() is not None


async def read_listings_page(
    connection: AsyncConnection, *, after: ByDateAndNetwork | None, limit: int
) -> list[ListingRow]:
    """So many listed networks behind a place, the oldest first."""
    statement = select(listings.c.network, listings.c.about, listings.c.listed_at)
    order = (Up(listings.c.listed_at), Up(listings.c.network))
    return [ListingRow(*row) for row in await connection.execute(page(statement, order, after=after, limit=limit))]


async def read_listings(connection: AsyncConnection) -> dict[NetworkId, str]:
    """What is said of each listed network, the oldest first."""
    statement = select(listings.c.network, listings.c.about).order_by(listings.c.listed_at, listings.c.network)
    return {NetworkId(bytes(row[0])): str(row[1]) for row in await connection.execute(statement)}
