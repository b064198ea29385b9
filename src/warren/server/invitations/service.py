"""The only door to invitations: a person comes into a network when they and one of its admins both said so.

Decides the order of it: whoever speaks first leaves a line, the other's yes takes that line away and gives the role in
one transaction, with the account held (somebody who is shut out meanwhile comes in nowhere). Must not know HTTP.
"""

from collections.abc import Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import ASKS_A_USER_MAX, INVITATIONS_A_NETWORK_MAX, SERVER_NETWORKS_MAX
from warren.model.ids import NetworkId
from warren.protocol.rest.paging import ByDateAndNetwork, ByDateAndPair
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.accounts.service import hold_groups
from warren.server.accounts.store import UserRow
from warren.server.audit.service import Action, record
from warren.server.db.engine import Database
from warren.server.invitations import rules, store
from warren.server.invitations.rules import Kind
from warren.server.invitations.store import InvitationRow, ListingRow
from warren.server.networks.live import LiveNetwork
from warren.server.repeats.kept import Keep, keep_nothing

_IN, _WAITS = True, False
"""What comes of an invitation or a question: the person is in at once, or the other side's word is waited for."""


class Invitations:
    """Invitations and questions of every network. `clock`: Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    # --- admins ---

    async def invite(
        self, network: LiveNetwork, user: UserRow, text: str, *, actor: str, keep: Keep[bool] = keep_nothing
    ) -> bool:
        """Invite a person; whether they are in at once, because they had asked. Raises WarrenError CONFLICT (is in
        already), BUSY, FORBIDDEN (is shut out) or INVALID_ARGUMENT."""
        now, words = int(self._clock()), rules.parse_text(text)
        async with self._database.write() as connection:
            await store.drop_expired(connection, now)
            await _check_outside(connection, network.id, user.id)
            if await store.take(connection, network.id, user.id, Kind.ASKED, now=now) is not None:
                await self._let_in(connection, network, user, actor=actor, now=now)
                await keep(connection, _IN)
                return _IN
            if await store.count(connection, network=network.id) >= INVITATIONS_A_NETWORK_MAX:
                raise WarrenError(Code.BUSY, f"{INVITATIONS_A_NETWORK_MAX} people are invited already", "withdraw some")
            row = InvitationRow(network.id, user.id, Kind.INVITED, actor, words, now, now + rules.LIFETIME_S)
            await store.put(connection, row)
            await record(connection, Action.PERSON_INVITED, actor=actor, at=now, network=network.id, subject=user.id)
            await keep(connection, _WAITS)
        return _WAITS

    async def withdraw(
        self, network: LiveNetwork, user: UserRow, *, actor: str, keep: Keep[None] = keep_nothing
    ) -> None:
        """End an invitation, deny a question, or end a plain member's role; machines that they added stay. Who was
        denied or put out comes back by an admin's word only, not by a mail domain. Raises WarrenError NOT_FOUND."""
        now = int(self._clock())
        async with self._database.write(of=network.id) as connection:
            waited = await store.take(connection, network.id, user.id, None, now=now)
            was_in = await account_store.drop_role(connection, network.id, user.id, Role.MEMBER)
            if waited is None and not was_in:
                raise WarrenError(
                    Code.NOT_FOUND, "nothing waits of this person, nor are they a plain member", "warren invite list"
                )
            if was_in or (waited is not None and waited.kind == Kind.ASKED):
                await store.note_put_out(connection, network.id, user.id, now)
            await record(connection, Action.PERSON_OUT, actor=actor, at=now, network=network.id, subject=user.id)
            await keep(connection, None)

    async def of_network(self, network: LiveNetwork, *, after: ByDateAndPair | None, limit: int) -> list[InvitationRow]:
        """So much of what waits behind a place, the longest first."""
        async with self._database.read() as connection:
            now = int(self._clock())
            return await store.read(connection, network=network.id, now=now, after=after, limit=limit)

    async def publish(self, network: LiveNetwork, about: str, *, actor: str) -> None:
        """List a network: everybody who is signed on sees its name and these words, and may ask. Raises WarrenError
        INVALID_ARGUMENT."""
        words, now = rules.parse_text(about), int(self._clock())
        async with self._database.write() as connection:
            await store.put_listing(connection, network.id, words, now)
            await record(
                connection, Action.NETWORK_LISTED, actor=actor, at=now, network=network.id, subject=network.row.name,
                detail={"about": words},
            )  # fmt: skip

    async def unpublish(self, network: LiveNetwork, *, actor: str) -> None:
        """List it no more; who asked waits on. Raises WarrenError NOT_FOUND."""
        now = int(self._clock())
        async with self._database.write() as connection:
            if not await store.drop_listing(connection, network.id):
                raise rules.not_listed()
            await record(
                connection, Action.NETWORK_UNLISTED, actor=actor, at=now, network=network.id, subject=network.row.name
            )

    # --- people ---

    async def of_user(
        self, user: str, *, after: ByDateAndPair | None = None, limit: int = SERVER_NETWORKS_MAX
    ) -> list[InvitationRow]:
        """What waits of this person, the longest first; so much behind a place."""
        async with self._database.read() as connection:
            return await store.read(connection, user=user, now=int(self._clock()), after=after, limit=limit)

    async def listed(self) -> Mapping[NetworkId, str]:
        """What is said of each listed network."""
        async with self._database.read() as connection:
            return await store.read_listings(connection)

    async def listing(self, *, after: ByDateAndNetwork | None, limit: int) -> list[ListingRow]:
        """So many listed networks behind a place, the oldest first."""
        async with self._database.read() as connection:
            return await store.read_listings_page(connection, after=after, limit=limit)

    async def accept(self, network: LiveNetwork, user: UserRow, *, actor: str, keep: Keep[None] = keep_nothing) -> None:
        """Take an invitation. Raises WarrenError NOT_FOUND or FORBIDDEN."""
        now = int(self._clock())
        async with self._database.write() as connection:
            if await store.take(connection, network.id, user.id, Kind.INVITED, now=now) is None:
                raise rules.not_invited()
            await self._let_in(connection, network, user, actor=actor, now=now)
            await keep(connection, None)

    async def decline(
        self, network: LiveNetwork, user: UserRow, *, actor: str, keep: Keep[None] = keep_nothing
    ) -> None:
        """Want it no more: an invitation, or what this person asked. Raises WarrenError NOT_FOUND."""
        now = int(self._clock())
        async with self._database.write() as connection:
            if await store.take(connection, network.id, user.id, None, now=now) is None:
                raise rules.not_invited()
            await record(connection, Action.PERSON_OUT, actor=actor, at=now, network=network.id, subject=user.id)
            await keep(connection, None)

    async def ask(
        self, network: LiveNetwork, user: UserRow, text: str, *, actor: str, keep: Keep[bool] = keep_nothing
    ) -> bool:
        """Ask to be let into a listed network; whether the person is in at once, because they were invited. Raises
        WarrenError NOT_FOUND (not listed), CONFLICT, BUSY, FORBIDDEN or INVALID_ARGUMENT."""
        now, words = int(self._clock()), rules.parse_text(text)
        async with self._database.write() as connection:
            await store.drop_expired(connection, now)
            if await store.take(connection, network.id, user.id, Kind.INVITED, now=now) is not None:
                await self._let_in(connection, network, user, actor=actor, now=now)
                await keep(connection, _IN)
                return _IN
            if network.id not in await store.read_listings(connection):
                raise rules.not_listed()
            await _check_outside(connection, network.id, user.id)
            if (
                await store.count(connection, user=user.id) >= ASKS_A_USER_MAX
                or await store.count(connection, network=network.id) >= INVITATIONS_A_NETWORK_MAX
            ):
                raise WarrenError(Code.BUSY, "too many questions wait", "warren invite decline NETWORK")
            row = InvitationRow(network.id, user.id, Kind.ASKED, actor, words, now, now + rules.LIFETIME_S)
            await store.put(connection, row)
            await record(
                connection, Action.PERSON_ASKED, actor=actor, at=now, network=network.id, subject=user.id,
                detail={"text": words},
            )  # fmt: skip
            await keep(connection, _WAITS)
        return _WAITS

    async def _let_in(
        self, connection: AsyncConnection, network: LiveNetwork, user: UserRow, *, actor: str, now: int
    ) -> None:
        await hold_groups(connection, user.id)
        await account_store.set_role(connection, network.id, user.id, Role.MEMBER, but=Role.OWNER)
        await store.forget_put_out(connection, network.id, user.id)
        await record(connection, Action.PERSON_IN, actor=actor, at=now, network=network.id, subject=user.id)


async def _check_outside(connection: AsyncConnection, network: NetworkId, user: str) -> None:
    await hold_groups(connection, user)
    if network in await account_store.read_roles(connection, user):
        raise WarrenError(Code.CONFLICT, "this person is in the network already")
