"""The only door to pre-auth keys: made, listed, revoked, checked and consumed.

Decides what a key's state is called and why one does not admit. Must not know members: that a key was used is a fact of
the key. The secret is shown by `create` once; only the public half is stored.
Invariant: `consume` is called in the transaction that stores the member, so either both happened or neither.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import KEYS_PER_NETWORK_MAX
from warren.model.ids import NetworkId
from warren.model.keys import Secret
from warren.model.names import parse_tag, printable
from warren.protocol.rest.keys import KeyState
from warren.protocol.rest.paging import ByDate
from warren.server.audit.service import Action, record
from warren.server.db.engine import Database
from warren.server.invites import store
from warren.server.invites.store import KeyRow
from warren.server.networks.live import LiveNetwork
from warren.server.repeats.kept import Keep, keep_nothing
from warren.trust import admission_key

RANDOM_BYTES = 39  # what admission_key.make takes: 7 for the id, 32 for the seed


@dataclass(frozen=True, slots=True)
class Created:
    """A new key: `secret` is the whole line, shown once."""

    secret: Secret[str]
    row: KeyRow


class Invites:
    """Pre-auth keys of every network."""

    def __init__(self, database: Database, server_public: bytes, clock: Callable[[], float]) -> None:
        """`server_public` goes into each key's pin; `clock`: Unix seconds."""
        self._database = database
        self._server_public = server_public
        self._clock = clock

    def now(self) -> int:
        """Unix seconds, for the state of a key."""
        return int(self._clock())

    async def create(
        self,
        network: LiveNetwork,
        *,
        reusable: bool,
        ephemeral: bool,
        tags: Sequence[str],
        expires_s: int,
        actor: str,
        uses: int | None = None,
        keep: Keep[Created] = keep_nothing,
    ) -> Created:
        """Make a key; a reusable one for at most `uses` machines. `keep` hears of it in the same transaction.

        Raises WarrenError INVALID_ARGUMENT (a tag), BUSY (too many live keys) or STORE_UNAVAILABLE.
        """
        words = sorted({parse_tag(tag) for tag in tags})
        now = self.now()
        key = admission_key.make(os.urandom(RANDOM_BYTES), network.id, network.first_root, self._server_public)
        row = KeyRow(
            id=key.id,
            network=network.id,
            public=key.public,
            reusable=reusable,
            ephemeral=ephemeral,
            tags=msgspec.json.encode(words).decode(),
            user=None,
            uses=0,
            created_at=now,
            expires_at=now + expires_s,
            used_at=None,
            revoked_at=None,
            uses_max=uses,
        )
        created = Created(Secret(admission_key.format_key(key)), row)
        async with self._database.write() as connection:
            if await store.count_live(connection, network.id, now) >= KEYS_PER_NETWORK_MAX:
                raise WarrenError(
                    Code.BUSY, f"the network has {KEYS_PER_NETWORK_MAX} live keys", "revoke those that nobody needs"
                )
            await store.add(connection, row)
            await record(
                connection,
                Action.KEY_CREATED,
                actor=actor,
                at=now,
                network=network.id,
                subject=key.id,
                detail={
                    "reusable": reusable,
                    "ephemeral": ephemeral,
                    "uses": uses,
                    "tags": words,
                    "expires_at": row.expires_at,
                },
            )
            await keep(connection, created)
        return created

    async def approve(
        self, connection: AsyncConnection, network: LiveNetwork, public: bytes, user: str, lifetime_s: int
    ) -> KeyRow:
        """A single-use key for a machine that a person approved, within somebody's transaction; the machine made it and
        keeps the secret half. Its id is of the key itself, so that it is found again by that."""
        now = self.now()
        row = KeyRow(
            id=admission_key.id_of(public),
            network=network.id,
            public=public,
            reusable=False,
            ephemeral=False,
            tags="[]",
            user=user,
            uses=0,
            created_at=now,
            expires_at=now + lifetime_s,
            used_at=None,
            revoked_at=None,
        )
        await store.add(connection, row)
        await record(
            connection, Action.KEY_CREATED, actor=user, at=now, network=network.id, subject=row.id,
            detail={"approved_for": user},
        )  # fmt: skip
        return row

    async def approved(self, connection: AsyncConnection, public: bytes, user: str) -> KeyRow | None:
        """The key that a machine got by an approval of this person, by its public half."""
        row = await store.read(connection, admission_key.id_of(public))
        return row if row is not None and (row.public, row.user) == (public, user) else None

    def pin(self, network: LiveNetwork) -> bytes:
        """The 16 bytes by which a machine knows this network and this server."""
        return admission_key.pin(network.id, network.first_root, self._server_public)

    async def page(self, network: LiveNetwork, *, after: ByDate | None, limit: int) -> list[KeyRow]:
        """So many of a network's keys behind a place, the newest first."""
        async with self._database.read() as connection:
            return await store.read_page(connection, network.id, after=after, limit=limit)

    async def find(self, key_id: str) -> KeyRow | None:
        """One key, whatever its state."""
        async with self._database.read() as connection:
            return await store.read(connection, key_id)

    async def revoke(self, network: LiveNetwork, key_id: str, *, actor: str) -> KeyRow:
        """Revoke a key; whom it admitted stays. Raises WarrenError NOT_FOUND or STORE_UNAVAILABLE."""
        async with self._database.write() as connection:
            row = await revoke_within(connection, network.id, key_id, actor=actor, now=self.now())
        if row is None:
            raise WarrenError(
                Code.NOT_FOUND, f"there is no key {printable(key_id[:80])!r}", "warren key list shows what there is"
            )
        return row


async def revoke_within(
    connection: AsyncConnection, network: NetworkId, key_id: str, *, actor: str, now: int
) -> KeyRow | None:
    """Revoke within somebody's transaction; None where there is no such key."""
    row = await store.revoke(connection, key_id, network, now)
    if row is not None and row.revoked_at == now:
        await record(connection, Action.KEY_REVOKED, actor=actor, at=now, network=network, subject=key_id)
    return row


async def consume(connection: AsyncConnection, network: NetworkId, key_id: str, now: int) -> KeyRow:
    """Use the key once, within the admission's transaction. Raises WarrenError KEY_* for one that does not admit."""
    row = await store.consume(connection, key_id, network, now)
    if row is None:
        raise refusal(await store.read(connection, key_id), network, now)
    return row


def state_of(row: KeyRow, now: int) -> KeyState:
    """What a key's state is called; the strongest reason first."""
    if row.revoked_at is not None:
        return "revoked"
    if row.is_used_up:
        return "used"
    return "expired" if row.expires_at <= now else "live"


def refusal(row: KeyRow | None, network: NetworkId, now: int) -> WarrenError:
    """Why a key does not admit anybody; a foreign key is as unknown as one that never was."""
    another = "ask whoever gave it to you for another; admins make one by `warren key create` or `warren invite create`"
    if row is None or row.network != network:
        return unknown_key()
    match state_of(row, now):
        case "revoked":
            return WarrenError(Code.KEY_REVOKED, "this key was revoked", another)
        case "used":
            return WarrenError(Code.KEY_USED, "this key has admitted as many machines as it may", another)
        case "expired":
            return WarrenError(Code.KEY_EXPIRED, "this key has expired", another)
        case "live":
            return WarrenError(Code.BUSY, "this key was used at the same moment", "try again")


def unknown_key() -> WarrenError:
    """The refusal for a key that this server does not know, or whose secret the node does not have."""
    return WarrenError(
        Code.KEY_UNKNOWN,
        "this server does not know the key",
        "copy the whole key, or ask whoever gave it to you for another",
    )
