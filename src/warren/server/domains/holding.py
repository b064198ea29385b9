"""Which network a mail domain is, for one transaction: by a provider's word or by a proof.

Decides when a network loses one: what it has by a proof alone goes with that proof, so that whoever has the domain by
then may prove it, and nobody comes in where its former owner rules (SECURITY.md rule 10). What a provider vouched for
stays until it is given up. Must not know who asks.
Invariant: whoever changes the holding of a domain took its turn, `write(of=turn_of(domain))`.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from warren.model.ids import NetworkId
from warren.server.audit.service import Action, record
from warren.server.domains import rules, store
from warren.server.providers import store as provider_store


def turn_of(domain: str) -> bytes:
    """The subject of transactions about a domain; no network's id, which are of fixed length."""
    return b"warren/domain/" + domain.encode()


async def holder(connection: AsyncConnection, domain: str, now: int) -> NetworkId | None:
    """The network of a domain, after proofs that are too old at `now` (Unix seconds) have ended."""
    await end_lapsed(connection, domain, now)
    return await provider_store.network_of_domain(connection, domain)


async def end_lapsed(connection: AsyncConnection, domain: str, now: int) -> None:
    """End the proofs of a domain that are too old, and what its network has by those alone."""
    live = set()
    for claim in await store.read(connection, domain=domain):
        if rules.is_kept(claim.seen_at, now):
            live.add(claim.network)
        elif claim.seen_at is not None:
            await store.note_seen(connection, claim, None)
            await record(
                connection, Action.DOMAIN_LAPSED, actor="server", at=now, network=claim.network, subject=domain
            )
    network = await provider_store.network_of_domain(connection, domain)
    if network is not None and network not in live and await provider_store.stands_by_proof(connection, domain):
        await provider_store.drop_domain(connection, domain, network)
