"""Mail domains and their networks: the first person of a vouched-for domain opens it, the others join it.

Where its admins approve each, who comes later asks instead (`invitations`); whom an admin denied or put out comes in by
an admin's word only, however often they sign on. Decides that one domain has one network, however many of its people
come at the same moment. A domain gets here only when `rules.vouched_domain` named it
(SECURITY.md rule 10). Who opens it owns it; who comes later is a member, and keeps what role they were given since.
Must not know HTTP or how the person proved who they are.
"""

import asyncio
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import INVITATIONS_A_NETWORK_MAX
from warren.model.ids import NetworkId
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.accounts.store import UserRow
from warren.server.audit.service import Action, record
from warren.server.db.engine import Database
from warren.server.domains import store as domain_store
from warren.server.domains.holding import lets_in, turn_of
from warren.server.invitations import store as invitation_store
from warren.server.invitations.rules import LIFETIME_S, Kind
from warren.server.invitations.store import InvitationRow
from warren.server.networks.service import Networks
from warren.server.providers import store
from warren.server.providers.rules import network_names


class Domains:
    """Networks by mail domain. `clock`: Unix seconds."""

    def __init__(self, database: Database, networks: Networks, clock: Callable[[], float]) -> None:
        self._database = database
        self._networks = networks
        self._clock = clock
        self._one = asyncio.Lock()  # one server a database (`Database.alone`), so this is enough

    async def enter(self, user: UserRow, domain: str) -> None:
        """Make the person a member of the domain's network, which they open where there is none."""
        async with self._one:
            for name in network_names(domain):
                if await self._joined(user, domain) or await self._opened(name, user, domain):
                    return
        raise WarrenError(Code.CONFLICT, f"every name for a network of {domain} is taken", "ask this server's admin")

    async def _joined(self, user: UserRow, domain: str) -> bool:
        """False where the domain has no network; one whose proof nobody saw of late takes nobody, and stays its own."""
        now = int(self._clock())
        async with self._database.write(of=turn_of(domain)) as connection:
            network = await store.network_of_domain(connection, domain)
            if network is not None and await lets_in(connection, domain, network, now):
                await self._join(connection, network, user, domain)
        return network is not None

    async def _join(self, connection: AsyncConnection, network: NetworkId, user: UserRow, domain: str) -> None:
        if network in await account_store.read_roles(connection, user.id):
            return
        if await invitation_store.is_put_out(connection, network, user.id):
            return
        now = int(self._clock())
        if await domain_store.approves_each(connection, network):
            await self._ask(connection, network, user, domain, now)
            return
        await account_store.add_role(connection, network, user.id, Role.MEMBER)
        await invitation_store.take(connection, network, user.id, None, now=now)  # who is in waits for nothing
        await record(
            connection, Action.DOMAIN_JOINED, actor=user.name, at=now, network=network,
            subject=user.id, detail={"domain": domain},
        )  # fmt: skip

    async def _ask(self, connection: AsyncConnection, network: NetworkId, user: UserRow, domain: str, now: int) -> None:
        """They wait for an admin as who asks does; where they were invited, or wait already, nothing is new."""
        await invitation_store.drop_expired(connection, now)
        waiting = await invitation_store.read(connection, network=network, user=user.id, now=now, after=None, limit=1)
        if waiting or await invitation_store.count(connection, network=network) >= INVITATIONS_A_NETWORK_MAX:
            return
        text = f"came by the mail domain {domain}"
        row = InvitationRow(network, user.id, Kind.ASKED, user.name[:255], text, now, now + LIFETIME_S)
        await invitation_store.put(connection, row)
        await record(
            connection, Action.PERSON_ASKED, actor=user.name, at=now, network=network, subject=user.id,
            detail={"domain": domain},
        )  # fmt: skip

    async def _opened(self, name: str, user: UserRow, domain: str) -> bool:
        """False where somebody's network is called so, or where the domain was proved for one at this very moment."""

        async def mark(connection: AsyncConnection, network: NetworkId) -> None:
            now = int(self._clock())
            await store.add_domain(connection, domain, network, now)
            await record(
                connection, Action.DOMAIN_OPENED, actor=user.name, at=now, network=network,
                subject=user.id, detail={"domain": domain},
            )  # fmt: skip

        try:
            await self._networks.create(name, None, actor=user.name, owner=user.id, within=mark)
        except WarrenError as error:
            if error.code is not Code.CONFLICT:
                raise
            return False
        return True
