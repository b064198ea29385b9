"""Which network a mail domain is, for one transaction: by a provider's word or by a proof.

Decides when a network loses one: what it has by a proof alone goes with that proof, after so many looks in vain, or
when another's proof is in the DNS in its place. Before, while nobody knows, nobody comes in where perhaps a former
owner rules, and nobody else has it either (SECURITY.md rule 10). What a provider vouched for stays until it is given
up. Must not know who asks.
Invariant: whoever changes the holding of a domain took its turn, `write(of=turn_of(domain))`.
"""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from warren.limits import DOMAIN_LOOKS_MISSED_MAX
from warren.model.ids import NetworkId
from warren.server.audit.service import Action, record
from warren.server.domains import rules, store
from warren.server.domains.store import ClaimRow
from warren.server.providers import store as provider_store


def turn_of(domain: str) -> bytes:
    """The subject of transactions about a domain; no network's id, which are of fixed length."""
    return b"warren/domain/" + domain.encode()


async def lets_in(connection: AsyncConnection, domain: str, network: NetworkId, now: int) -> bool:
    """Whether people come into this network by its domain: not by a proof that was not seen of late."""
    if not await provider_store.stands_by_proof(connection, domain):
        return True
    known = await store.read(connection, network, domain=domain)
    return any(rules.is_in_force(one.seen_at, one.missed, now) for one in known)


async def note_missed(connection: AsyncConnection, claim: ClaimRow, now: int) -> None:
    """A look at `now` (Unix seconds) did not find a claim's proof; after many the proof ends, and what its network has
    by it alone."""
    missed = rules.missed_after(claim.seen_at, claim.missed, claim.missed_at, now)
    if missed == claim.missed and not rules.is_lapsed(missed):
        return
    await store.note_missed(connection, claim, missed, now)
    if rules.is_lapsed(missed) and not rules.is_lapsed(claim.missed):
        await _lapsed(connection, claim, now)


async def give_way(connection: AsyncConnection, domain: str, texts: Iterable[str], now: int) -> bool:
    """Free the domain for whose proof is among the texts that the DNS has for it. True where its network had it by
    proofs alone, none of them is in force, and the DNS has none of them any more: it is another's who rules there."""
    network = await provider_store.network_of_domain(connection, domain)
    if network is None or await lets_in(connection, domain, network, now):
        return False
    live = [one for one in await store.read(connection, network, domain=domain) if _is_live(one)]
    if any(rules.proof_of(one.token) in texts for one in live):
        return False
    for claim in live:
        await store.note_missed(connection, claim, DOMAIN_LOOKS_MISSED_MAX, now)
        await _lapsed(connection, claim, now)
    await provider_store.drop_domain(connection, domain, network)
    return True


async def _lapsed(connection: AsyncConnection, claim: ClaimRow, now: int) -> None:
    await record(
        connection, Action.DOMAIN_LAPSED, actor="server", at=now, network=claim.network, subject=claim.domain
    )  # fmt: skip
    if any(_is_live(one) for one in await store.read(connection, claim.network, domain=claim.domain)):
        return
    if await provider_store.stands_by_proof(connection, claim.domain):
        await provider_store.drop_domain(connection, claim.domain, claim.network)


def _is_live(claim: ClaimRow) -> bool:
    return claim.seen_at is not None and not rules.is_lapsed(claim.missed)
