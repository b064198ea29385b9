"""The only door to mail domains of networks: proved by DNS, given up, and whether an admin approves each person.

Decides when the DNS is asked: when an owner asks for it, and DOMAIN_LOOK_EVERY_S after a proof was seen, as long as
whoever proved it still owns the network. Must not know HTTP or sign-on; `providers.domains` lets people in.
"""

import os
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import DOMAIN_LOOK_EVERY_S, DOMAINS_A_NETWORK_MAX
from warren.protocol.rest.domains import Domain, Domains
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.audit.service import Action, record
from warren.server.db.engine import Database
from warren.server.domains import rules, store
from warren.server.domains.lookup import TxtLookup
from warren.server.domains.store import ClaimRow
from warren.server.networks.live import LiveNetwork
from warren.server.providers import store as provider_store


class DomainProofs:
    """Of every network. `clock`: Unix seconds."""

    def __init__(self, database: Database, lookup: TxtLookup, clock: Callable[[], float]) -> None:
        self._database = database
        self._lookup = lookup
        self._clock = clock

    async def proved(self) -> frozenset[str]:
        """The domains with a proof that counts."""
        now = int(self._clock())
        async with self._database.read() as connection:
            return frozenset(one.domain for one in await store.read(connection) if rules.is_kept(one.seen_at, now))

    async def show(self, network: LiveNetwork, user: str) -> Domains:
        """The network's domains, with the proof that this account has to give for those that it claimed."""
        async with self._database.read() as connection:
            return await self._shown(connection, network, user)

    async def set_approve(self, network: LiveNetwork, user: str, *, each: bool, actor: str) -> Domains:
        """Have everybody who comes by a mail domain wait for an admin, or nobody."""
        now = int(self._clock())
        async with self._database.write() as connection:
            await store.set_approves_each(connection, network.id, each=each, now=now)
            await record(
                connection, Action.DOMAIN_APPROVAL, actor=actor, at=now, network=network.id,
                subject=network.row.name, detail={"approve_each": each},
            )  # fmt: skip
            return await self._shown(connection, network, user)

    async def prove(self, network: LiveNetwork, user: str, text: str, *, actor: str) -> Domain:
        """Begin the proof of a domain; where this account began it before, look for it in the DNS. Raises WarrenError
        INVALID_ARGUMENT, CONFLICT (it is another network's), BUSY or TIMEOUT."""
        domain = rules.parse_domain(text)
        claim, is_new = await self._claim(network, user, domain, actor)
        if not is_new and rules.proof_of(claim.token) in await self._lookup.texts(rules.record_name(domain)):
            await self._take(network, claim, actor)
        shown = await self.show(network, user)
        return next(one for one in shown.domains if one.domain == domain)

    async def give_up(self, network: LiveNetwork, text: str, *, actor: str) -> None:
        """The domain is not this network's any more; who came by it stays. Raises WarrenError NOT_FOUND."""
        domain, now = rules.parse_domain(text), int(self._clock())
        async with self._database.write() as connection:
            had = await provider_store.drop_domain(connection, domain, network.id)
            if not await store.drop(connection, network.id, domain) and not had:
                raise WarrenError(
                    Code.NOT_FOUND, f"{domain} is no domain of this network", "warren network domain list"
                )
            await record(connection, Action.DOMAIN_GIVEN_UP, actor=actor, at=now, network=network.id, subject=domain)

    async def look_again(self) -> None:
        """Look for the records of proofs that were not seen for a while; those that are gone for long end."""
        now = int(self._clock())
        async with self._database.read() as connection:
            due = [one for one in await store.read(connection) if (one.seen_at or now) <= now - DOMAIN_LOOK_EVERY_S]
        for claim in due:
            try:
                texts = await self._lookup.texts(rules.record_name(claim.domain))
            except WarrenError:  # the DNS is away; what was seen counts for some days
                texts = ()
            async with self._database.write() as connection:
                if rules.proof_of(claim.token) in texts and await _may_still(connection, claim):
                    await store.note_seen(connection, claim, now)
                elif not rules.is_kept(claim.seen_at, now):
                    await store.note_seen(connection, claim, None)
                    await record(
                        connection, Action.DOMAIN_LAPSED, actor="server", at=now, network=claim.network,
                        subject=claim.domain,
                    )  # fmt: skip

    async def _claim(self, network: LiveNetwork, user: str, domain: str, actor: str) -> tuple[ClaimRow, bool]:
        now = int(self._clock())
        async with self._database.write() as connection:
            known = await store.read(connection, network.id)
            for one in known:
                if (one.domain, one.user) == (domain, user):
                    return one, False
            if len(known) >= DOMAINS_A_NETWORK_MAX:
                raise WarrenError(Code.BUSY, f"a network claims at most {DOMAINS_A_NETWORK_MAX} domains", "give one up")
            claim = ClaimRow(network.id, domain, user, rules.new_token(os.urandom(rules.TOKEN_BYTES)), now, None)
            await store.add(connection, claim)
            await record(connection, Action.DOMAIN_CLAIMED, actor=actor, at=now, network=network.id, subject=domain)
        return claim, True

    async def _take(self, network: LiveNetwork, claim: ClaimRow, actor: str) -> None:
        now = int(self._clock())
        async with self._database.write() as connection:
            owner = await provider_store.network_of_domain(connection, claim.domain)
            if owner not in {None, network.id}:
                raise WarrenError(
                    Code.CONFLICT, f"{claim.domain} is another network's on this server", "its owner has to give it up"
                )
            if owner is None:
                await provider_store.add_domain(connection, claim.domain, network.id, now)
            await store.note_seen(connection, claim, now)
            if claim.seen_at is None:
                await record(
                    connection, Action.DOMAIN_PROVED, actor=actor, at=now, network=network.id, subject=claim.domain
                )

    async def _shown(self, connection: AsyncConnection, network: LiveNetwork, user: str) -> Domains:
        now = int(self._clock())
        own = await provider_store.domains_of(connection, network.id)
        claimed = await store.read(connection, network.id)
        found = []
        for domain in sorted({*own, *(one.domain for one in claimed)}):
            about = [one for one in claimed if one.domain == domain]
            mine = next((one for one in about if one.user == user), None)
            seen = max((one.seen_at for one in about if one.seen_at is not None), default=None)
            is_proved = any(rules.is_kept(one.seen_at, now) for one in about)
            found.append(
                Domain(
                    domain=domain,
                    is_in_force=domain in own and (is_proved or not about),
                    vouched=domain in own and not about,
                    record="" if mine is None else rules.record_name(domain),
                    proof="" if mine is None else rules.proof_of(mine.token),
                    seen_at=None if seen is None else float(seen),
                )
            )
        return Domains(approve=await store.approves_each(connection, network.id), domains=tuple(found))


async def _may_still(connection: AsyncConnection, claim: ClaimRow) -> bool:
    """Whether who proved it still owns the network; the server's own admin has no account."""
    if not claim.user:
        return True
    user = await account_store.read_user(connection, claim.user)
    roles = await account_store.read_roles(connection, claim.user)
    return user is not None and user.disabled_at is None and roles.get(claim.network) == Role.OWNER
