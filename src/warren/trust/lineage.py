"""Which key is the network's root now: the one of its genesis, and every change since.

Decides which change of the root counts, what former roots signed and still holds, and who may recover a lost root. The
first change of each generation that was seen is the only one for ever: its floor names it, so nothing that is shown
later takes its place or takes it back, not even the end of a voter. There is no clock in it: a change names the digests
of what stays (`kept`), so what a stolen root signs later, or antedates, is void.

Signed by the root, or voted for by as many keys of its `Recovery` as that says (`electorate.py`). Must not know
settings, members or time.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from warren.errors import Code
from warren.model.ids import Identity, short_identity
from warren.trust.authenticate import Authentic
from warren.trust.documents import Kind, Recovery, RootChange
from warren.trust.electorate import Electorate, Roots, electorate, recovery_of
from warren.trust.ledger import Ledger, order_of
from warren.trust.view import Proposal

_TAKEN = "root"
"""The kind of the floor of a change that was taken; its subject: generation, what it says, the root that came of it."""
_GENERATION_BYTES = 8


@dataclass(frozen=True, slots=True)
class Lineage:
    """The roots, who may recover them, the proposals that have no effect yet, and whose vote counts."""

    roots: Roots
    recovery: Recovery | None = None
    voters: Mapping[Identity, int] = field(default_factory=dict)
    pending: tuple[Proposal, ...] = ()


@dataclass(frozen=True, slots=True)
class _Taken:
    proposal: bytes
    root: Identity


def trace(
    begun: Identity, by_kind: Mapping[Kind, Sequence[Authentic]], removals: Sequence[Authentic], ledger: Ledger
) -> Lineage:
    """From the genesis' root to the one in force. Changes that do not count are refused; votes that wait are kept.
    `removals`: those that are not behind their floors."""
    recoveries = ledger.in_order(by_kind[Kind.RECOVERY])
    waiting: defaultdict[tuple[int, bytes], list[Authentic]] = defaultdict(list)
    for document in ledger.in_order(by_kind[Kind.ROOT_CHANGE]):
        if isinstance(document.body, RootChange):
            waiting[document.body.generation, document.body.old].append(document)
    taken = _taken(ledger)
    roots = Roots(begun)
    pending: tuple[Proposal, ...] = ()
    while True:
        here = waiting.pop((roots.generation + 1, roots.root), [])
        voters = electorate(roots, recoveries, by_kind[Kind.DELEGATION], removals, ledger)
        complete = _complete(roots, here, voters)
        chosen = taken.get(roots.generation + 1) or _pick(complete)
        if chosen is None:
            pending = _keep_votes(here, voters, ledger)
            break
        roots = _follow(roots, chosen, here, voters, ledger)
        if len(complete) > (chosen.proposal in complete):
            ledger.note("root-conflict", f"another change of the root than the first, to {_name(chosen)}, was shown")
    for documents in waiting.values():
        for document in documents:
            ledger.refuse(document, Code.CONFLICT, "it changes a root that is not in force, or not any more")
    return Lineage(roots, _settle(roots, recoveries, ledger), voters.voters, pending)


def proposal_of(body: RootChange) -> bytes:
    """What a vote is for, 32 bytes: the same for all who vote for the same."""
    parts = (b"warren/root-proposal/v1\0", body.generation.to_bytes(8, "big"), body.old, body.root, *body.kept)
    return hashlib.sha256(b"".join(parts)).digest()


def _taken(ledger: Ledger) -> dict[int, _Taken]:
    found = {}
    for (kind, subject), (generation, _) in ledger.floors.orders.items():
        if kind == _TAKEN:
            named = subject[_GENERATION_BYTES:]
            found[generation] = _Taken(named[:32], Identity(named[32:]))
    return found


def _complete(roots: Roots, documents: Iterable[Authentic], voters: Electorate) -> dict[bytes, list[Authentic]]:
    """By what they say: the changes that the root signed, or that have votes enough."""
    votes = {one.digest for one in voters.votes(documents)}
    found = {}
    for proposal, many in _by_proposal(documents).items():
        count = sum(one.digest in votes for one in many)
        if any(one.signer == roots.root for one in many) or 0 < voters.quorum <= count:
            found[proposal] = many
    return found


def _pick(complete: Mapping[bytes, Sequence[Authentic]]) -> _Taken | None:
    """Where none was seen before, and several are shown at once: the one that every node picks."""
    if not complete:
        return None
    proposal = min(complete, key=lambda name: (min(map(order_of, complete[name])), name))
    body = complete[proposal][0].body
    return _Taken(proposal, Identity(body.root)) if isinstance(body, RootChange) else None


def _follow(roots: Roots, taken: _Taken, documents: Iterable[Authentic], voters: Electorate, ledger: Ledger) -> Roots:
    """The roots after this change; everything else that wanted to be it is refused."""
    generation = roots.generation + 1
    subject = generation.to_bytes(_GENERATION_BYTES, "big") + taken.proposal + taken.root
    ledger.raise_floor(_TAKEN, subject, (generation, 0))
    kept: frozenset[bytes] | None = None
    for document in documents:
        body = document.body
        if not isinstance(body, RootChange) or proposal_of(body) != taken.proposal:
            ledger.refuse(document, Code.CONFLICT, "another change of the root was seen first")
            continue
        kept = frozenset(body.kept)  # whoever signed these bytes: the floor, or the quorum, says what they are
        basis = voters.basis(document)
        known = ledger.floors.order(document.kind, document.subject) is not None
        if document.signer == roots.root or basis or known:
            ledger.accept(document)
            for one in basis:
                ledger.keep(one)
        else:
            ledger.refuse(document, Code.FORBIDDEN, "its signer has no word in a change of the root")
    if kept is None:
        ledger.note("root-change-missing", "the change of the root that was seen before is not here")
    return Roots(taken.root, generation, roots.former | {roots.root}, kept or frozenset())


def _keep_votes(documents: Sequence[Authentic], voters: Electorate, ledger: Ledger) -> tuple[Proposal, ...]:
    """What is proposed and has not votes enough yet; who has no vote is refused."""
    votes = voters.votes(documents)
    counted = {one.digest for one in votes}
    for document in documents:
        if document.digest in counted:
            ledger.accept(document)
        elif voters.basis(document):
            ledger.refuse(document, Code.OUT_OF_ORDER, "its signer has voted anew since")
        else:
            ledger.refuse(document, Code.FORBIDDEN, "its signer has no word in a change of the root")
    by_proposal = _by_proposal(votes)
    return tuple(
        Proposal(change, tuple(sorted(one.signer for one in by_proposal[name])), voters.quorum)
        for name in sorted(by_proposal)
        if isinstance(change := by_proposal[name][0].body, RootChange)
    )


def _settle(roots: Roots, recoveries: Sequence[Authentic], ledger: Ledger) -> Recovery | None:
    """The recovery in force; those that no root signed, or that its change does not name, are refused."""
    for document in recoveries:
        if not roots.was_root(document.signer):
            ledger.refuse(document, Code.FORBIDDEN, "only the root says who may recover it")
        elif not roots.is_root(document) and document.digest not in ledger.kept:
            ledger.refuse(document, Code.FORBIDDEN, "a former root signed it, and the change does not name it")
    chosen = recovery_of(roots, recoveries)
    if chosen is None or not isinstance(chosen.body, Recovery):
        return None
    ledger.accept(chosen)
    return chosen.body


def _by_proposal(documents: Iterable[Authentic]) -> dict[bytes, list[Authentic]]:
    found: defaultdict[bytes, list[Authentic]] = defaultdict(list)
    for document in documents:
        if isinstance(document.body, RootChange):
            found[proposal_of(document.body)].append(document)
    return dict(found)


def _name(taken: _Taken) -> str:
    return short_identity(taken.root)
