"""Tables and queries of sessions in a browser, programs that ask to be approved, and the first admin's link.

Must not decide anything. Every consume is one conditional UPDATE ... RETURNING (SECURITY.md rule 14). Of every secret a
digest is stored.
"""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.server.db.metadata import Bytes, Seconds, metadata

sessions = Table(
    "sessions",
    metadata,
    Column("digest", Bytes, primary_key=True),
    Column("user", String(16), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Seconds, nullable=False),
    Column("seen_at", Seconds, nullable=False),
    Column("expires_at", Seconds, nullable=False),
    Column("step", String(16), nullable=False, server_default="whole"),
    Column("factor_at", Seconds),
    Index(None, "user"),
)

device_requests = Table(
    "device_requests",
    metadata,
    Column("digest", Bytes, primary_key=True),
    Column("code", String(16), nullable=False, unique=True),
    Column("hostname", String(255), nullable=False),
    Column("system", String(255), nullable=False),
    Column("address", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("user", String(16), ForeignKey("users.id", ondelete="CASCADE")),
    Column("join_public", Bytes),
    Column("wished", String(63), nullable=False),
    Column("network", Bytes, ForeignKey("networks.id", ondelete="CASCADE")),
    Column("created_at", Seconds, nullable=False),
    Column("expires_at", Seconds, nullable=False),
    Column("factor_at", Seconds),
)

first_links = Table(
    "first_links",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("digest", Bytes, nullable=False),
    Column("expires_at", Seconds, nullable=False),
    Column("used_at", Seconds),
)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A person signed on in a browser. `step`: how far (`rules.Step`); `factor_at`: when a second factor was shown."""

    digest: bytes
    user: str
    created_at: int
    seen_at: int
    expires_at: int
    step: str
    factor_at: int | None


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A program that asks: `digest` of the secret that it polls with, the `code` that a person types, what it says of
    itself, from which address, and what became of it (pending, approved, denied, spent).

    One that asks to join has a `join_public`, names the network that it `wished`, and gets the `network` that the
    person chose. `factor_at`: when the person who approved it last showed a second factor.
    """

    digest: bytes
    code: str
    hostname: str
    system: str
    address: str
    state: str
    user: str | None
    join_public: bytes | None
    wished: str
    network: bytes | None
    created_at: int
    expires_at: int
    factor_at: int | None = None


_SESSION = tuple(sessions.c[name] for name in SessionRow.__slots__)
_DEVICE = tuple(device_requests.c[name] for name in DeviceRow.__slots__)


async def add_session(connection: AsyncConnection, row: SessionRow) -> None:
    """Store a new session."""
    await connection.execute(insert(sessions).values(**{name: getattr(row, name) for name in SessionRow.__slots__}))


async def read_session(connection: AsyncConnection, digest: bytes) -> SessionRow | None:
    """One session, whatever its age."""
    row = (await connection.execute(select(*_SESSION).where(sessions.c.digest == digest))).first()
    return None if row is None else SessionRow(*row)


async def see_session(connection: AsyncConnection, digest: bytes, now: int) -> None:
    """It was used."""
    await connection.execute(update(sessions).where(sessions.c.digest == digest).values(seen_at=now))


async def drop_session(connection: AsyncConnection, digest: bytes) -> None:
    """Sign off."""
    await connection.execute(delete(sessions).where(sessions.c.digest == digest))


async def drop_sessions_of(connection: AsyncConnection, user: str) -> int:
    """Sign a person off everywhere; how many sessions that ended."""
    ended = await connection.execute(delete(sessions).where(sessions.c.user == user).returning(sessions.c.user))
    return len(ended.all())


async def drop_expired(connection: AsyncConnection, now: int) -> None:
    """Forget sessions and requests that are over."""
    await connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
    await connection.execute(delete(device_requests).where(device_requests.c.expires_at <= now))


async def count_devices(connection: AsyncConnection, address: str | None) -> int:
    """How many requests there are, of one address or of all."""
    statement = select(func.count()).select_from(device_requests)
    if address is not None:
        statement = statement.where(device_requests.c.address == address)
    return int((await connection.execute(statement)).scalar_one())


async def add_device(connection: AsyncConnection, row: DeviceRow) -> None:
    """Store a request. Raises IntegrityError where the code is taken."""
    values = {name: getattr(row, name) for name in DeviceRow.__slots__}
    await connection.execute(insert(device_requests).values(**values))


async def find_device(connection: AsyncConnection, code: str, now: int) -> DeviceRow | None:
    """The request that waits under this code."""
    statement = select(*_DEVICE).where(
        device_requests.c.code == code, device_requests.c.state == "pending", device_requests.c.expires_at > now
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else DeviceRow(*row)


async def read_device(connection: AsyncConnection, digest: bytes) -> DeviceRow | None:
    """One request by the digest of its secret."""
    row = (await connection.execute(select(*_DEVICE).where(device_requests.c.digest == digest))).first()
    return None if row is None else DeviceRow(*row)


async def decide_device(
    connection: AsyncConnection,
    code: str,
    *,
    user: str,
    state: str,
    network: bytes | None,
    factor_at: int | None,
    now: int,
) -> DeviceRow | None:
    """Approve or deny what waits under this code; None where nothing does any more."""
    statement = (
        update(device_requests)
        .where(device_requests.c.code == code, device_requests.c.state == "pending", device_requests.c.expires_at > now)
        .values(state=state, user=user, network=network, factor_at=factor_at)
        .returning(*_DEVICE)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else DeviceRow(*row)


async def spend_device(connection: AsyncConnection, digest: bytes, now: int, until: int) -> DeviceRow | None:
    """Take what was approved, once; None where there is nothing to take. The row stays until then (Unix seconds)."""
    statement = (
        update(device_requests)
        .where(
            device_requests.c.digest == digest,
            device_requests.c.state == "approved",
            device_requests.c.expires_at > now,
        )
        .values(state="spent", expires_at=until)
        .returning(*_DEVICE)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else DeviceRow(*row)


async def put_first_link(connection: AsyncConnection, digest: bytes, expires_at: int) -> None:
    """The one link by which the first admin comes in, in place of an older one."""
    await connection.execute(delete(first_links))
    await connection.execute(insert(first_links).values(number=1, digest=digest, expires_at=expires_at))


async def is_first_link(connection: AsyncConnection, digest: bytes, now: int) -> bool:
    """Whether this link is good."""
    statement = select(first_links.c.number).where(
        first_links.c.digest == digest, first_links.c.used_at.is_(None), first_links.c.expires_at > now
    )
    return (await connection.execute(statement)).first() is not None


async def use_first_link(connection: AsyncConnection, digest: bytes, now: int) -> bool:
    """Use it, once; whether it was good."""
    statement = (
        update(first_links)
        .where(first_links.c.digest == digest, first_links.c.used_at.is_(None), first_links.c.expires_at > now)
        .values(used_at=now)
        .returning(first_links.c.number)
    )
    return (await connection.execute(statement)).first() is not None
