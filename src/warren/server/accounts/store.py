"""Tables and queries of accounts, their roles in networks and their API tokens.

Must not decide anything. Of a token only SHA-256 of 256 random bits is stored, of a password only argon2id's string
(SECURITY.md rule 16).
"""

from dataclasses import dataclass

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.model.ids import NetworkId
from warren.protocol.rest.paging import ByDate
from warren.server.db.keyset import Down, Up, page
from warren.server.db.metadata import Bytes, Seconds, metadata

users = Table(
    "users",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("issuer", String(255), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("password", String(255)),
    Column("is_admin", Boolean(name="is_admin"), nullable=False),
    Column("created_at", Seconds, nullable=False),
    Column("disabled_at", Seconds),
    Column("groups", Text, nullable=False, server_default="[]"),
    UniqueConstraint("issuer", "subject"),
)

network_roles = Table(
    "network_roles",
    metadata,
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("user", String(16), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Integer, nullable=False),
    Index(None, "user"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("user", String(16), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("digest", Bytes, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("created_at", Seconds, nullable=False),
    Column("expires_at", Seconds, nullable=False),
    Column("revoked_at", Seconds),
    Column("factor_at", Seconds),
    Index(None, "user"),
)


@dataclass(frozen=True, slots=True)
class UserRow:
    """One account; `password` is argon2id's string, None for people of a provider; `groups` a JSON list of what the
    provider said of them last."""

    id: str
    issuer: str
    subject: str
    name: str
    password: str | None
    is_admin: bool
    created_at: int
    disabled_at: int | None
    groups: str = "[]"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One API token; `scope` is its strongest, `factor_at` when its person had last shown a second factor."""

    id: str
    user: str
    name: str
    digest: bytes
    scope: str
    created_at: int
    expires_at: int
    revoked_at: int | None
    factor_at: int | None = None


_USER = tuple(users.c[name] for name in UserRow.__slots__)
_TOKEN = tuple(tokens.c[name] for name in TokenRow.__slots__)


async def add_user(connection: AsyncConnection, row: UserRow) -> None:
    """Add an account. Raises IntegrityError where (issuer, subject) is taken."""
    await connection.execute(insert(users).values(**{name: getattr(row, name) for name in UserRow.__slots__}))


async def read_users(connection: AsyncConnection) -> list[UserRow]:
    """Every account, the oldest first."""
    return [UserRow(*row) for row in await connection.execute(select(*_USER).order_by(users.c.created_at, users.c.id))]


async def read_users_page(connection: AsyncConnection, *, after: ByDate | None, limit: int) -> list[UserRow]:
    """So many accounts behind a place, the oldest first."""
    order = (Up(users.c.created_at), Up(users.c.id))
    statement = page(select(*_USER), order, after=after, limit=limit)
    return [UserRow(*row) for row in await connection.execute(statement)]


async def read_user(connection: AsyncConnection, user: str) -> UserRow | None:
    """One account by its id."""
    row = (await connection.execute(select(*_USER).where(users.c.id == user))).first()
    return None if row is None else UserRow(*row)


async def hold_user(connection: AsyncConnection, user: str) -> UserRow | None:
    """One account, which nobody changes until this transaction ends (SQLite has one writer anyway)."""
    statement = select(*_USER).where(users.c.id == user).with_for_update(read=True)
    row = (await connection.execute(statement)).first()
    return None if row is None else UserRow(*row)


async def find_user(connection: AsyncConnection, issuer: str, subject: str) -> UserRow | None:
    """One account by who vouches for it and what they call it."""
    statement = select(*_USER).where(users.c.issuer == issuer, users.c.subject == subject)
    row = (await connection.execute(statement)).first()
    return None if row is None else UserRow(*row)


async def set_disabled(connection: AsyncConnection, user: str, at: int | None) -> None:
    """Shut an account out (Unix seconds), or let it in again (None)."""
    await connection.execute(update(users).where(users.c.id == user).values(disabled_at=at))


async def set_label(connection: AsyncConnection, user: str, *, name: str, groups: str) -> None:
    """What the provider calls a person by now, and their groups (a JSON list)."""
    await connection.execute(update(users).where(users.c.id == user).values(name=name, groups=groups))


async def set_password(connection: AsyncConnection, user: str, password: str) -> None:
    """Store another argon2id string."""
    await connection.execute(update(users).where(users.c.id == user).values(password=password))


async def add_role(connection: AsyncConnection, network: NetworkId, user: str, role: int) -> None:
    """Give a person their first role in a network. Raises IntegrityError where they have one."""
    await connection.execute(insert(network_roles).values(network=network, user=user, role=role))


async def drop_role(connection: AsyncConnection, network: NetworkId, user: str, role: int) -> bool:
    """End this role of a person in a network; False where they do not have just this one."""
    statement = (
        delete(network_roles)
        .where(network_roles.c.network == network, network_roles.c.user == user, network_roles.c.role == role)
        .returning(network_roles.c.user)
    )
    return (await connection.execute(statement)).first() is not None


async def set_role(connection: AsyncConnection, network: NetworkId, user: str, role: int, *, but: int) -> None:
    """Give a person another role in a network; who has the role `but` keeps it."""
    known = (await read_roles(connection, user)).get(network)
    if known is None:
        await add_role(connection, network, user, role)
    elif known != but:
        statement = update(network_roles).where(network_roles.c.network == network, network_roles.c.user == user)
        await connection.execute(statement.values(role=role))


async def lower_role(connection: AsyncConnection, network: NetworkId, user: str, role: int, to: int) -> None:
    """Give a person who has just this role in a network the other; nothing for who has another, or none."""
    statement = update(network_roles).where(
        network_roles.c.network == network, network_roles.c.user == user, network_roles.c.role == role
    )
    await connection.execute(statement.values(role=to))


async def read_roles(connection: AsyncConnection, user: str) -> dict[NetworkId, int]:
    """What a person is, by network."""
    statement = select(network_roles.c.network, network_roles.c.role).where(network_roles.c.user == user)
    return {NetworkId(bytes(row[0])): int(row[1]) for row in await connection.execute(statement)}


async def read_users_of(connection: AsyncConnection, network: NetworkId) -> list[UserRow]:
    """Whoever has a role in a network."""
    statement = select(*_USER).join(network_roles, network_roles.c.user == users.c.id)
    rows = await connection.execute(statement.where(network_roles.c.network == network))
    return [UserRow(*row) for row in rows]


async def add_token(connection: AsyncConnection, row: TokenRow) -> None:
    """Store a new token."""
    await connection.execute(insert(tokens).values(**{name: getattr(row, name) for name in TokenRow.__slots__}))


async def read_token(connection: AsyncConnection, token: str) -> TokenRow | None:
    """One token by its id, whatever its state."""
    row = (await connection.execute(select(*_TOKEN).where(tokens.c.id == token))).first()
    return None if row is None else TokenRow(*row)


async def read_tokens(connection: AsyncConnection, user: str) -> list[TokenRow]:
    """A person's tokens, the newest first."""
    statement = select(*_TOKEN).where(tokens.c.user == user).order_by(tokens.c.created_at.desc(), tokens.c.id)
    return [TokenRow(*row) for row in await connection.execute(statement)]


async def read_tokens_page(
    connection: AsyncConnection, user: str, *, after: ByDate | None, limit: int
) -> list[TokenRow]:
    """The same, so many behind a place."""
    statement = select(*_TOKEN).where(tokens.c.user == user)
    order = (Down(tokens.c.created_at), Up(tokens.c.id))
    return [TokenRow(*row) for row in await connection.execute(page(statement, order, after=after, limit=limit))]


async def revoke_token(connection: AsyncConnection, token: str, user: str, at: int) -> TokenRow | None:
    """End a token of this person; None where they have none of that id. Again keeps the first date."""
    statement = (
        update(tokens)
        .where(tokens.c.id == token, tokens.c.user == user, tokens.c.revoked_at.is_(None))
        .values(revoked_at=at)
    )
    await connection.execute(statement)
    row = await read_token(connection, token)
    return row if row is not None and row.user == user else None
