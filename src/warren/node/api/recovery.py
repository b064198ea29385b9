"""`POST /v1/network/recovery`: which root is in force, who may recover it, and what they voted for so far.

Decides the words for it, also for who is about to sign (`api/sign.py`). `trust.successions` says what a vote is.
"""

import asyncio

from warren.errors import Code, WarrenError
from warren.model.ids import Identity, short_identity, show_identity
from warren.model.names import printable
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.roots import Roots
from warren.protocol.local.network import RecoveryRequest, RecoveryResult, RootProposal
from warren.trust.batches import Batch
from warren.trust.documents import RootChange
from warren.trust.lineage import proposal_of
from warren.trust.view import Proposal, View
from warren.trust.words import code_of


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Tell how it stands."""
    network = scope.roster.find(request.decode(RecoveryRequest).network)
    if network.held is None:
        raise WarrenError(Code.NOT_UP, f"nothing of {network.name} is known here yet", "wait for its server")
    view = network.held.view
    roots = Roots(scope.loaded.settings.state)
    root = await asyncio.to_thread(roots.in_force, network.id, view.root)
    proposals = await asyncio.to_thread(lambda: tuple(_shown(view, one) for one in view.proposals))
    keys = view.recovery.keys if view.recovery is not None else ()
    signers = view.delegations.keys() | view.voters.keys()
    await reply.result(
        RecoveryResult(
            network=network.name,
            root=show_identity(view.root),
            changes=view.generation,
            is_here=root is not None,
            admins=tuple(_name(view, Identity(key)) for key in keys),
            quorum=view.recovery.quorum if view.recovery is not None else 0,
            proposals=proposals,
            without_vote=tuple(_name(view, Identity(key)) for key in keys if key not in view.voters),
            signers=(
                *map(show_identity, sorted(signers)),
                *sorted(one.hostname for key, one in view.members.items() if key in signers),
            ),
        )
    )


def proposed(view: View, beginning: str) -> Proposal:
    """The proposal whose root begins so in hex; the only one where nothing is said. WarrenError NOT_FOUND."""
    found = [one for one in view.proposals if show_identity(Identity(one.change.root)).startswith(beginning.lower())]
    if len(found) != 1:
        text = "nobody proposed another root" if not view.proposals else "which of the proposed roots is meant?"
        raise WarrenError(Code.NOT_FOUND, text, "warren network recovery status")
    return found[0]


def standing(batch: Batch) -> tuple[str, ...]:
    """What a change of the root in a batch comes to: the words to compare its key by, and the votes with this one."""
    change = next((body for _kind, body in batch.bodies if isinstance(body, RootChange)), None)
    if change is None:
        return ()
    words = f"the new root's words, for all who sign to compare: {code_of(batch.before.network, Identity(change.root))}"
    if batch.after.root == change.root:
        return (words, "it is in force at once, and for good: the former root key is worth nothing from then on")
    votes = next(one for one in batch.after.proposals if proposal_of(one.change) == proposal_of(change))
    return (words, f"it has no effect before {votes.quorum} admins have signed it: with this, {len(votes.votes)} have")


def _shown(view: View, one: Proposal) -> RootProposal:
    root = Identity(one.change.root)
    return RootProposal(
        root=show_identity(root),
        words=code_of(view.network, root),
        votes=tuple(_name(view, vote) for vote in one.votes),
        quorum=one.quorum,
    )


def _name(view: View, key: Identity) -> str:
    member = view.members.get(key)
    return short_identity(key) if member is None else f"{printable(member.hostname)} ({short_identity(key)})"
