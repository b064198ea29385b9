"""The only door to mail domains of networks: proved by DNS, given up, and whether an admin approves each person.

Decides when the DNS is asked: when an owner asks for it, and DOMAIN_LOOK_EVERY_S after a proof was seen, also for one
that lapsed: it is in force again when its record is back, whoever proved it still owns the network, and nobody else has
the domain. Decides whose word a proof makes count: the DNS says whose a domain is, not which provider knows its people,
so that is the one that the account itself signs on by, or that it names; none for an account of this server's own that
names none. Must not know HTTP or sign-on; `providers.domains` lets people in.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import DOMAINS_A_NETWORK_MAX
from warren.model.names import printable
from warren.protocol.rest.domains import Domain, Domains
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import LOCAL_ISSUER, Role
from warren.server.audit.service import Action, record
from warren.server.db.engine import Database
from warren.server.domains import rules, store
from warren.server.domains.holding import give_way, note_missed, turn_of
from warren.server.domains.lookup import TxtLookup
from warren.server.domains.store import ClaimRow
from warren.server.networks.live import LiveNetwork
from warren.server.providers import store as provider_store
from warren.server.providers.settings import Provider


class DomainProofs:
    """Of every network. `clock`: Unix seconds; `providers`: whom people may sign on by."""

    def __init__(
        self, database: Database, lookup: TxtLookup, clock: Callable[[], float], providers: Iterable[Provider] = ()
    ) -> None:
        self._database = database
        self._lookup = lookup
        self._clock = clock
        self._providers = tuple(providers)

    async def proved(self, issuer: str) -> frozenset[str]:
        """The domains with a proof that makes this provider's word count."""
        now = int(self._clock())
        async with self._database.read() as connection:
            known = await store.read(connection)
        return frozenset(one.domain for one in known if one.issuer == issuer and _is_in_force(one, now))

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

    async def prove(self, network: LiveNetwork, user: str, text: str, *, actor: str, provider: str = "") -> Domain:
        """Begin the proof of a domain; where this account began it before, look for it in the DNS. `provider`: the id
        or issuer of the one whose word is to count; empty: as it was, at first the account's own. Raises WarrenError
        INVALID_ARGUMENT, CONFLICT (it is another network's), NOT_FOUND (given up meanwhile), BUSY or TIMEOUT."""
        domain, issuer = rules.parse_domain(text), self._issuer(provider) if provider else None
        claim, is_new = await self._claim(network, user, domain, issuer=issuer, actor=actor)
        if not is_new:
            found = await self._lookup.texts_for(user, rules.record_name(domain))
            if rules.proof_of(claim.token) in found:
                try:
                    await self._take(network, claim, found, actor)
                except IntegrityError as error:  # somebody whom a provider vouches for opened its network meanwhile
                    raise _another_networks(domain) from error
        shown = await self.show(network, user)
        for one in shown.domains:
            if one.domain == domain:
                return one
        raise _no_domain(domain)

    async def give_up(self, network: LiveNetwork, text: str, *, actor: str) -> None:
        """The domain is not this network's any more; who came by it stays. Raises WarrenError NOT_FOUND."""
        domain, now = rules.parse_domain(text), int(self._clock())
        async with self._database.write(of=turn_of(domain)) as connection:
            had = await provider_store.drop_domain(connection, domain, network.id)
            if not await store.drop(connection, network.id, domain) and not had:
                raise _no_domain(domain)
            await record(connection, Action.DOMAIN_GIVEN_UP, actor=actor, at=now, network=network.id, subject=domain)

    async def look_again(self) -> None:
        """Look for the records of proofs that were not seen for a while; those missed often end, those that are back
        count again."""
        now = int(self._clock())
        async with self._database.read() as connection:
            known = await store.read(connection)
        for claim in known:
            if not rules.is_due(claim.seen_at, claim.missed, claim.missed_at, now):
                continue
            try:
                texts = await self._lookup.texts(rules.record_name(claim.domain))
            except WarrenError:  # the DNS is away, and says nothing of the record
                continue
            # somebody whom a provider vouches for may have opened its network meanwhile
            with contextlib.suppress(IntegrityError):
                await self._note_look(claim, texts, now)

    async def _note_look(self, claim: ClaimRow, texts: Sequence[str], now: int) -> None:
        async with self._database.write(of=turn_of(claim.domain)) as connection:
            if await _as_it_is(connection, claim) != claim:  # given up, or proved, while the DNS was asked
                return
            is_there = rules.proof_of(claim.token) in texts and await _may_still(connection, claim)
            owner = await provider_store.network_of_domain(connection, claim.domain)
            if not is_there or owner not in {None, claim.network}:
                await note_missed(connection, claim, now)
                return
            if owner is None:
                await provider_store.add_domain(connection, claim.domain, claim.network, now, by_proof=True)
            await store.note_seen(connection, claim, now)
            if rules.is_lapsed(claim.missed):
                await record(
                    connection, Action.DOMAIN_PROVED, actor="server", at=now, network=claim.network,
                    subject=claim.domain, detail={"issuer": claim.issuer},
                )  # fmt: skip

    def _issuer(self, provider: str) -> str:
        for one in self._providers:
            if provider in {one.id, one.issuer}:
                return one.issuer
        known = ", ".join(one.id for one in self._providers)
        raise WarrenError(
            Code.INVALID_ARGUMENT,
            f"nobody signs on here by {printable(provider[:80])!r}",
            f"one of: {known}" if known else "this server's admin sets providers up (warren server --providers)",
        )

    async def _claim(
        self, network: LiveNetwork, user: str, domain: str, *, issuer: str | None, actor: str
    ) -> tuple[ClaimRow, bool]:
        now = int(self._clock())
        async with self._database.write(of=network.id) as connection:
            known = await store.read(connection, network.id)
            claim = next((one for one in known if (one.domain, one.user) == (domain, user)), None)
            is_new = claim is None
            if claim is None:
                if len(known) >= DOMAINS_A_NETWORK_MAX:
                    text = f"a network claims at most {DOMAINS_A_NETWORK_MAX} domains"
                    raise WarrenError(Code.BUSY, text, "give one up")
                own = await _own_issuer(connection, user) if issuer is None else issuer
                token = rules.new_token(os.urandom(rules.TOKEN_BYTES))
                claim = ClaimRow(network.id, domain, user, token, now, None, own)
                await store.add(connection, claim)
            elif issuer in {None, claim.issuer}:
                return claim, is_new
            else:
                claim = replace(claim, issuer=issuer)
                await store.set_issuer(connection, claim, claim.issuer)
            await record(
                connection, Action.DOMAIN_CLAIMED, actor=actor, at=now, network=network.id, subject=domain,
                detail={"issuer": claim.issuer},
            )  # fmt: skip
        return claim, is_new

    async def _take(self, network: LiveNetwork, claim: ClaimRow, texts: Sequence[str], actor: str) -> None:
        now = int(self._clock())
        async with self._database.write(of=turn_of(claim.domain)) as connection:
            if await _as_it_is(connection, claim) is None:  # given up while the DNS was asked
                return
            owner = await provider_store.network_of_domain(connection, claim.domain)
            if owner not in {None, network.id}:
                if not await give_way(connection, claim.domain, texts, now):
                    raise _another_networks(claim.domain)
                owner = None
            if owner is None:
                await provider_store.add_domain(connection, claim.domain, network.id, now, by_proof=True)
            await store.note_seen(connection, claim, now)
            if not _is_in_force(claim, now):
                await record(
                    connection, Action.DOMAIN_PROVED, actor=actor, at=now, network=network.id, subject=claim.domain,
                    detail={"issuer": claim.issuer},
                )  # fmt: skip

    async def _shown(self, connection: AsyncConnection, network: LiveNetwork, user: str) -> Domains:
        now = int(self._clock())
        own = await provider_store.domains_of(connection, network.id)
        claimed = await store.read(connection, network.id)
        found = []
        for domain in sorted({*own, *(one.domain for one in claimed)}):
            about = [one for one in claimed if one.domain == domain]
            mine = next((one for one in about if one.user == user), None)
            seen = max((one.seen_at for one in about if one.seen_at is not None), default=None)
            proofs = [one for one in about if _is_in_force(one, now)]
            counting = {one.issuer for one in (*proofs, mine) if one is not None and one.issuer}
            found.append(
                Domain(
                    domain=domain,
                    is_in_force=domain in own and bool(proofs or not own[domain]),
                    vouched=domain in own and not own[domain],
                    record="" if mine is None else rules.record_name(domain),
                    proof="" if mine is None else rules.proof_of(mine.token),
                    seen_at=None if seen is None else float(seen),
                    issuers=tuple(sorted(counting)),
                )
            )
        return Domains(approve=await store.approves_each(connection, network.id), domains=tuple(found))


async def _as_it_is(connection: AsyncConnection, claim: ClaimRow) -> ClaimRow | None:
    """A claim that was read before; None where it was given up since, by whomever."""
    known = await store.read(connection, claim.network, domain=claim.domain)
    return next((one for one in known if (one.user, one.token) == (claim.user, claim.token)), None)


def _is_in_force(claim: ClaimRow, now: int) -> bool:
    return rules.is_in_force(claim.seen_at, claim.missed, now)


async def _own_issuer(connection: AsyncConnection, user: str) -> str:
    """Of the provider that this account signs on by; empty where that is none."""
    account = await account_store.read_user(connection, user) if user else None
    return "" if account is None or account.issuer == LOCAL_ISSUER else account.issuer


def _another_networks(domain: str) -> WarrenError:
    return WarrenError(Code.CONFLICT, f"{domain} is another network's on this server", "its owner has to give it up")


def _no_domain(domain: str) -> WarrenError:
    return WarrenError(Code.NOT_FOUND, f"{domain} is no domain of this network", "warren network domain list")


async def _may_still(connection: AsyncConnection, claim: ClaimRow) -> bool:
    """Whether who proved it still owns the network; the server's own admin has no account."""
    if not claim.user:
        return True
    user = await account_store.read_user(connection, claim.user)
    roles = await account_store.read_roles(connection, claim.user)
    return user is not None and user.disabled_at is None and roles.get(claim.network) == Role.OWNER
