"""Tables and queries of people who are at their provider, and of the networks of mail domains.

Must not decide anything. Of a flow only the digest of its cookie is stored: state, nonce and PKCE verifier follow from
the cookie itself (`service.py`), so that a stolen row is of no use.
"""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, String, Table, delete, false, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.model.ids import NetworkId
from warren.server.db.metadata import Bytes, Seconds, metadata

flows = Table(
    "sign_on_flows",
    metadata,
    Column("digest", Bytes, primary_key=True),
    Column("provider", String(32), nullable=False),
    Column("afterwards", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("expires_at", Seconds, nullable=False),
)

domains = Table(
    "domains",
    metadata,
    Column("domain", String(253), primary_key=True),
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), nullable=False),
    Column("opened_at", Seconds, nullable=False),
    Column("by_proof", Boolean(name="by_proof"), nullable=False, server_default=false()),
)
"""`by_proof`: no provider's word made it this network's but a record in the DNS, with which it goes."""


@dataclass(frozen=True, slots=True)
class FlowRow:
    """Somebody was sent to a `provider`, and goes to `afterwards` when they are back."""

    digest: bytes
    provider: str
    afterwards: str
    address: str
    expires_at: int


_FLOW = tuple(flows.c[name] for name in FlowRow.__slots__)


async def add_flow(connection: AsyncConnection, row: FlowRow) -> None:
    """Store a new flow."""
    await connection.execute(insert(flows).values(**{name: getattr(row, name) for name in FlowRow.__slots__}))


async def count_flows(connection: AsyncConnection, address: str | None) -> int:
    """How many flows there are, of one address or of all."""
    statement = select(func.count()).select_from(flows)
    if address is not None:
        statement = statement.where(flows.c.address == address)
    return int((await connection.execute(statement)).scalar_one())


async def take_flow(connection: AsyncConnection, digest: bytes, provider: str, now: int) -> FlowRow | None:
    """Use a flow, once, by the provider that it was begun with; None where there is no such one."""
    statement = (
        delete(flows)
        .where(flows.c.digest == digest, flows.c.provider == provider, flows.c.expires_at > now)
        .returning(*_FLOW)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else FlowRow(*row)


async def drop_expired_flows(connection: AsyncConnection, now: int) -> None:
    """Forget those who never came back."""
    await connection.execute(delete(flows).where(flows.c.expires_at <= now))


async def network_of_domain(connection: AsyncConnection, domain: str) -> NetworkId | None:
    """The network of a mail domain."""
    row = (await connection.execute(select(domains.c.network).where(domains.c.domain == domain))).first()
    return None if row is None else NetworkId(bytes(row[0]))


async def add_domain(
    connection: AsyncConnection, domain: str, network: NetworkId, now: int, *, by_proof: bool = False
) -> None:
    """This network is the domain's. Raises IntegrityError where it has one."""
    row = {"domain": domain, "network": network, "opened_at": now, "by_proof": by_proof}
    await connection.execute(insert(domains).values(**row))


async def stands_by_proof(connection: AsyncConnection, domain: str) -> bool:
    """Whether a proof alone made this domain its network's."""
    row = (await connection.execute(select(domains.c.by_proof).where(domains.c.domain == domain))).first()
    return row is not None and bool(row[0])


async def domains_of(connection: AsyncConnection, network: NetworkId) -> dict[str, bool]:
    """The mail domains of a network, and whether each stands by a proof alone."""
    found = await connection.execute(select(domains.c.domain, domains.c.by_proof).where(domains.c.network == network))
    return {str(row[0]): bool(row[1]) for row in found}


async def drop_domain(connection: AsyncConnection, domain: str, network: NetworkId) -> bool:
    """The domain is not this network's any more; False where it was not."""
    statement = delete(domains).where(domains.c.domain == domain, domains.c.network == network)
    return bool((await connection.execute(statement)).rowcount)
