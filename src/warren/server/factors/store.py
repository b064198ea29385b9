"""Tables and queries of second factors.

Must not decide anything. Every consume (a TOTP step, a recovery code, a challenge) is one conditional statement with
RETURNING (SECURITY.md rule 14): of many at once, one gets a row.
"""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.server.db.metadata import Bytes, Seconds, metadata

totp = Table(
    "totp",
    metadata,
    Column("user", String(16), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("salt", Bytes, nullable=False),
    Column("sealed", Bytes, nullable=False),
    Column("created_at", Seconds, nullable=False),
    Column("confirmed_at", Seconds),
    Column("last_step", BigInteger, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("digest", Bytes, primary_key=True),
    Column("user", String(16), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("used_at", Seconds),
    Index(None, "user"),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Bytes, primary_key=True),
    Column("user", String(16), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("public", Bytes, nullable=False),
    Column("counter", BigInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("created_at", Seconds, nullable=False),
    Column("used_at", Seconds),
    Index(None, "user"),
)

challenges = Table(
    "passkey_challenges",
    metadata,
    Column("digest", Bytes, primary_key=True),
    Column("owner", Bytes, nullable=False),
    Column("expires_at", Seconds, nullable=False),
)


@dataclass(frozen=True, slots=True)
class TotpRow:
    """A person's app; it counts once `confirmed_at` is set. `last_step`: the newest step that was used."""

    user: str
    salt: bytes
    sealed: bytes
    created_at: int
    confirmed_at: int | None
    last_step: int


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """One passkey: its credential id, COSE public key and signature counter."""

    id: bytes
    user: str
    public: bytes
    counter: int
    name: str
    created_at: int
    used_at: int | None


_TOTP = tuple(totp.c[name] for name in TotpRow.__slots__)
_PASSKEY = tuple(passkeys.c[name] for name in PasskeyRow.__slots__)


async def has_factor(connection: AsyncConnection, user: str) -> bool:
    """Whether a person has a confirmed app or a passkey."""
    app = exists().where(and_(totp.c.user == user, totp.c.confirmed_at.is_not(None)))
    key = exists().where(passkeys.c.user == user)
    return bool((await connection.execute(select(or_(app, key)))).scalar_one())


async def read_totp(connection: AsyncConnection, user: str) -> TotpRow | None:
    """A person's app, confirmed or not."""
    row = (await connection.execute(select(*_TOTP).where(totp.c.user == user))).first()
    return None if row is None else TotpRow(*row)


async def put_totp(connection: AsyncConnection, row: TotpRow) -> None:
    """Store an app in place of an older one."""
    await connection.execute(delete(totp).where(totp.c.user == row.user))
    await connection.execute(insert(totp).values(**{name: getattr(row, name) for name in TotpRow.__slots__}))


async def use_step(connection: AsyncConnection, user: str, step: int, *, confirm_at: int | None) -> bool:
    """Use a step, once; `confirm_at`: the first use, which makes the app count. Whether it was good."""
    counts = totp.c.confirmed_at.is_(None) if confirm_at is not None else totp.c.confirmed_at.is_not(None)
    values = {"last_step": step} if confirm_at is None else {"last_step": step, "confirmed_at": confirm_at}
    statement = (
        update(totp).where(totp.c.user == user, totp.c.last_step < step, counts).values(**values).returning(totp.c.user)
    )
    return (await connection.execute(statement)).first() is not None


async def drop_totp(connection: AsyncConnection, user: str) -> None:
    """Forget a person's app."""
    await connection.execute(delete(totp).where(totp.c.user == user))


async def put_recovery_codes(connection: AsyncConnection, user: str, digests: list[bytes]) -> None:
    """Fresh codes in place of all older ones."""
    await connection.execute(delete(recovery_codes).where(recovery_codes.c.user == user))
    if digests:
        await connection.execute(insert(recovery_codes), [{"digest": one, "user": user} for one in digests])


async def count_recovery_codes(connection: AsyncConnection, user: str) -> int:
    """How many are left."""
    statement = select(func.count()).where(recovery_codes.c.user == user, recovery_codes.c.used_at.is_(None))
    return int((await connection.execute(statement)).scalar_one())


async def use_recovery_code(connection: AsyncConnection, user: str, digest: bytes, now: int) -> bool:
    """Use one, once; whether it was good."""
    statement = (
        update(recovery_codes)
        .where(recovery_codes.c.digest == digest, recovery_codes.c.user == user, recovery_codes.c.used_at.is_(None))
        .values(used_at=now)
        .returning(recovery_codes.c.user)
    )
    return (await connection.execute(statement)).first() is not None


async def add_passkey(connection: AsyncConnection, row: PasskeyRow) -> None:
    """Store one. Raises IntegrityError where its id is taken."""
    await connection.execute(insert(passkeys).values(**{name: getattr(row, name) for name in PasskeyRow.__slots__}))


async def read_passkeys(connection: AsyncConnection, user: str) -> list[PasskeyRow]:
    """A person's passkeys, the oldest first."""
    statement = select(*_PASSKEY).where(passkeys.c.user == user).order_by(passkeys.c.created_at, passkeys.c.id)
    return [PasskeyRow(*row) for row in await connection.execute(statement)]


async def read_passkey(connection: AsyncConnection, credential: bytes) -> PasskeyRow | None:
    """One passkey by its credential id."""
    row = (await connection.execute(select(*_PASSKEY).where(passkeys.c.id == credential))).first()
    return None if row is None else PasskeyRow(*row)


async def use_passkey(connection: AsyncConnection, row: PasskeyRow, counter: int, now: int) -> bool:
    """Note a use whose counter came after `row` was read; False where another use was quicker."""
    statement = (
        update(passkeys)
        .where(passkeys.c.id == row.id, passkeys.c.counter == row.counter)
        .values(counter=counter, used_at=now)
        .returning(passkeys.c.id)
    )
    return (await connection.execute(statement)).first() is not None


async def drop_passkeys(connection: AsyncConnection, user: str, credential: bytes | None = None) -> bool:
    """Forget one, or all of a person's; whether there was any."""
    statement = delete(passkeys).where(passkeys.c.user == user)
    if credential is not None:
        statement = statement.where(passkeys.c.id == credential)
    return (await connection.execute(statement.returning(passkeys.c.id))).first() is not None


async def add_challenge(connection: AsyncConnection, digest: bytes, owner: bytes, now: int, expires_at: int) -> int:
    """Store a challenge, forget those that are over; how many there are."""
    await connection.execute(delete(challenges).where(challenges.c.expires_at <= now))
    await connection.execute(insert(challenges).values(digest=digest, owner=owner, expires_at=expires_at))
    return int((await connection.execute(select(func.count()).select_from(challenges))).scalar_one())


async def take_challenge(connection: AsyncConnection, digest: bytes, owner: bytes, now: int) -> bool:
    """Use a challenge, once, by whom it was made for; whether it was good."""
    statement = (
        delete(challenges)
        .where(challenges.c.digest == digest, challenges.c.owner == owner, challenges.c.expires_at > now)
        .returning(challenges.c.digest)
    )
    return (await connection.execute(statement)).first() is not None
