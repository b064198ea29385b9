"""Table and queries of the audit log. There is no query that changes or deletes a row."""

from dataclasses import dataclass

from sqlalchemy import Column, Index, String, Table, Text, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.limits import PAGE_MAX
from warren.model.ids import NetworkId
from warren.protocol.rest.paging import ByNumber
from warren.server.db.keyset import Down, page
from warren.server.db.metadata import Bytes, RowNumber, Seconds, metadata

audit = Table(
    "audit",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("at", Seconds, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("action", String(64), nullable=False),
    Column("network", Bytes),  # no foreign key: what happened stays when the network goes
    Column("subject", String(255), nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "network", "number"),
)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change; `detail` is a JSON object without secrets."""

    number: int
    at: int
    actor: str
    action: str
    network: NetworkId | None
    subject: str
    detail: str


async def add(
    connection: AsyncConnection,
    *,
    at: int,
    actor: str,
    action: str,
    network: NetworkId | None,
    subject: str,
    detail: str,
) -> None:
    """Append a row."""
    await connection.execute(
        insert(audit).values(at=at, actor=actor, action=action, network=network, subject=subject, detail=detail)
    )


async def read_networks(connection: AsyncConnection, action: str) -> list[NetworkId]:
    """The networks to which this was ever done."""
    statement = select(audit.c.network).where(audit.c.action == action, audit.c.network.is_not(None)).distinct()
    return [NetworkId(network) for (network,) in await connection.execute(statement)]


async def read_newest(
    connection: AsyncConnection,
    network: NetworkId | None,
    *,
    after: ByNumber | None = None,
    limit: int = PAGE_MAX,
    action: str = "",
) -> list[AuditRow]:
    """The newest rows, of one network or all, behind a place; `action`: of this word or kind."""
    columns = tuple(audit.c[name] for name in AuditRow.__slots__)
    statement = page(select(*columns), (Down(audit.c.number),), after=after, limit=limit)
    if network is not None:
        statement = statement.where(audit.c.network == network)
    if action:
        kind = audit.c.action.startswith(f"{action}.", autoescape=True)
        statement = statement.where(or_(audit.c.action == action, kind))
    return [AuditRow(*row) for row in await connection.execute(statement)]
