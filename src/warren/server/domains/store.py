"""Tables and queries of claims to mail domains, and of networks that approve each person. Must not decide anything.
Times in Unix seconds."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Integer, String, Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.model.ids import NetworkId
from warren.server.db.metadata import Bytes, Seconds, metadata

claims = Table(
    "domain_claims",
    metadata,
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("domain", String(253), primary_key=True),
    Column("user", String(16), primary_key=True),  # empty: the server's own admin; no foreign key: it may go
    Column("token", String(64), nullable=False),
    Column("claimed_at", Seconds, nullable=False),
    Column("seen_at", Seconds),
    Column("issuer", String(255), nullable=False, server_default=""),  # empty: no provider's
    Column("missed", Integer, nullable=False, server_default="0"),
    Column("missed_at", Seconds),
)

approved_each = Table(
    "approved_each",
    metadata,
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("since", Seconds, nullable=False),
)


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """That an account says that a domain is its network's; `seen_at`: when its own text was seen in the DNS last.
    `issuer`: of the provider whose word of a verified mail address there then counts; empty: no provider's. `missed`:
    how many looks since then were in vain, the last one that counted `missed_at`."""

    network: NetworkId
    domain: str
    user: str
    token: str
    claimed_at: int
    seen_at: int | None
    issuer: str
    missed: int = 0
    missed_at: int | None = None


_COLUMNS = tuple(claims.c[name] for name in ClaimRow.__slots__)


async def add(connection: AsyncConnection, row: ClaimRow) -> None:
    """Store a new claim."""
    await connection.execute(insert(claims).values(**{name: getattr(row, name) for name in ClaimRow.__slots__}))


async def read(
    connection: AsyncConnection, network: NetworkId | None = None, *, domain: str | None = None
) -> list[ClaimRow]:
    """The claims of a network, or all; to this domain, or any."""
    statement = select(*_COLUMNS).order_by(claims.c.domain, claims.c.claimed_at)
    if network is not None:
        statement = statement.where(claims.c.network == network)
    if domain is not None:
        statement = statement.where(claims.c.domain == domain)
    return [ClaimRow(*row) for row in await connection.execute(statement)]


async def note_seen(connection: AsyncConnection, row: ClaimRow, seen_at: int) -> None:
    """When a claim's text was seen; looks in vain are counted anew."""
    await _change(connection, row, seen_at=seen_at, missed=0, missed_at=None)


async def note_missed(connection: AsyncConnection, row: ClaimRow, missed: int, missed_at: int) -> None:
    """How many looks for a claim's text were in vain, and when the last one was."""
    await _change(connection, row, missed=missed, missed_at=missed_at)


async def set_issuer(connection: AsyncConnection, row: ClaimRow, issuer: str) -> None:
    """Whose word counts for a claim."""
    await _change(connection, row, issuer=issuer)


async def drop(connection: AsyncConnection, network: NetworkId, domain: str) -> bool:
    """Forget every claim of a network to a domain; False where there was none."""
    statement = delete(claims).where(claims.c.network == network, claims.c.domain == domain)
    return bool((await connection.execute(statement)).rowcount)


async def approves_each(connection: AsyncConnection, network: NetworkId) -> bool:
    """Whether who comes by a mail domain waits for an admin."""
    statement = select(approved_each.c.network).where(approved_each.c.network == network)
    return (await connection.execute(statement)).first() is not None


async def set_approves_each(connection: AsyncConnection, network: NetworkId, *, each: bool, now: int) -> None:
    """Say whether they wait."""
    await connection.execute(delete(approved_each).where(approved_each.c.network == network))
    if each:
        await connection.execute(insert(approved_each).values(network=network, since=now))


async def _change(connection: AsyncConnection, row: ClaimRow, **values: str | int | None) -> None:
    """Of the claim of this account, network and domain."""
    claim = (claims.c.network == row.network, claims.c.domain == row.domain, claims.c.user == row.user)
    await connection.execute(update(claims).where(*claim).values(**values))
