"""Who may sign: the root, and the keys that a chain of delegations from the root names.

Decides which delegations hold, which were removed, and whether a signer has a right now. Must not know members. A
delegation is removed by the root, by a key above it in its chain, or by the delegate itself, so no registrar can remove
an admin. It passes on at most the rights, the time and the limits that its signer has. Removal does not look at time:
what an expired key removed stays removed. Every member may end its own membership: leaving takes nobody's leave.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from warren import limits
from warren.errors import Code, WarrenError
from warren.model.ids import Identity
from warren.trust.authenticate import Authentic
from warren.trust.documents import REMOVED_DELEGATE, REMOVED_MEMBER, Delegation, Genesis, Kind, Removal, Right
from warren.trust.electorate import Roots
from warren.trust.floors import Floors
from warren.trust.ledger import Ledger, digest_order

DELEGATION_REMOVED = "this delegation was removed"


@dataclass(frozen=True, slots=True)
class Grant:
    """One delegation: `above` is the one its signer used (None: the root signed it)."""

    key: Identity
    delegation: Delegation
    above: "Grant | None"
    document: Authentic = field(repr=False)
    removed: bool = False

    def chain(self) -> Iterator["Grant"]:
        """This grant and those above it, up to the root."""
        grant: Grant | None = self
        while grant is not None:
            yield grant
            grant = grant.above

    def ends(self) -> int | None:
        """The last second at which it holds: the earliest end in its chain (None: none is set)."""
        ends = [grant.delegation.not_after for grant in self.chain() if grant.delegation.not_after is not None]
        return min(ends, default=None)

    def is_live(self, now: int) -> bool:
        """Whether it has not run out."""
        ends = self.ends()
        return ends is None or now <= ends


@dataclass(frozen=True, slots=True)
class RemovalFact:
    """That `signer` ended everything of `subject` up to `epoch`; `under` None: remembered from the floors only;
    `by_root`: the root's own word, or a former one's that stands."""

    of: bytes
    subject: bytes
    signer: Identity
    epoch: int
    under: int | None
    by_root: bool = False


@dataclass(frozen=True, slots=True)
class Authorities:
    """All who may sign something. `ended`: keys of which a delegation was removed at some time; `over`: the delegations
    that were."""

    roots: Roots
    grants: Mapping[Identity, tuple[Grant, ...]]
    ended: frozenset[Identity]
    over: Mapping[Identity, tuple[Grant, ...]] = field(default_factory=dict)

    @property
    def root(self) -> Identity:
        """The root in force."""
        return self.roots.root

    def knows(self, key: Identity) -> bool:
        """Whether the key is the root, or was ever delegated to as far as the documents tell."""
        return key == self.root or key in self.grants or key in self.ended

    def grants_for(self, document: Authentic, right: Right, now: int | None) -> tuple[Grant, ...] | None:
        """The grants by which the signer may sign this document; empty for the root, None if it may not.

        `now` None: a grant that has run out counts too (removals).
        """
        if self.roots.is_root(document):
            return ()
        under = 0 if isinstance(document.body, Genesis) else document.body.under
        found = tuple(
            grant
            for grant in self.grants.get(document.signer, ())
            if right in grant.delegation.rights
            and grant.delegation.epoch == under
            and (now is None or grant.is_live(now))
        )
        return found or None


def removal_facts(removals: Iterable[Authentic], roots: Roots, floors: Floors) -> tuple[RemovalFact, ...]:
    """What removal documents say, and what the floors remember of earlier ones. Nothing is judged here but which are
    the root's: a floor of a former root's rose while it was the root, or for what still holds."""
    facts = [
        RemovalFact(
            document.subject[:1],
            document.body.subject,
            document.signer,
            document.body.epoch,
            document.body.under,
            roots.is_root(document),
        )
        for document in removals
        if isinstance(document.body, Removal)
    ]
    for (kind, subject), (epoch, _) in floors.orders.items():
        if kind == Kind.REMOVAL and len(subject) == 65:
            signer = Identity(subject[33:])
            facts.append(RemovalFact(subject[:1], subject[1:33], signer, epoch, None, roots.was_root(signer)))
    return tuple(facts)


def resolve(
    roots: Roots, delegations: Sequence[Authentic], facts: Sequence[RemovalFact], ledger: Ledger
) -> Authorities:
    """The delegations that hold, from the root down; the others are refused. TOO_LARGE for more than a network has."""
    if len(delegations) > limits.DELEGATIONS_MAX:
        raise WarrenError(Code.TOO_LARGE, f"more than {limits.DELEGATIONS_MAX} delegations")
    removals = _delegation_removals(facts)
    grants: defaultdict[Identity, list[Grant]] = defaultdict(list)
    waiting = _newest_of_each_slot(delegations, ledger)
    for _ in range(limits.DELEGATION_DEPTH_MAX):
        found, waiting = _next_level(roots, waiting, grants)
        for grant in found:
            is_removed = _is_removed(grant, removals)
            grants[grant.key].append(replace(grant, removed=is_removed))
            ledger.accept(grant.document)  # a removed one is kept too: it explains why what it signed is void
            if is_removed:
                ledger.refuse(grant.document, Code.REMOVED, DELEGATION_REMOVED)
        if not found:
            break
    for document in waiting:
        ledger.refuse(document, Code.FORBIDDEN, "its signer may not delegate these rights")
    ended = {grant.key for many in grants.values() for grant in many if grant.removed}
    ended.update(Identity(fact.subject) for many in removals.values() for fact in many if fact.by_root)
    live = {key: tuple(grant for grant in many if not grant.removed) for key, many in grants.items()}
    over = {key: tuple(grant for grant in many if grant.removed) for key, many in grants.items()}
    return Authorities(roots, {key: many for key, many in live.items() if many}, frozenset(ended), over)


def removed_members(
    removals: Iterable[Authentic], facts: Iterable[RemovalFact], authorities: Authorities, ledger: Ledger
) -> dict[Identity, int]:
    """Identities whose membership ended, with the highest epoch that did; unauthorised removals are refused."""
    removed: dict[Identity, int] = {}
    for document in removals:
        body = document.body
        if not isinstance(body, Removal):
            continue
        if body.of == "delegation":
            _keep_delegation_removal(document, body, authorities, ledger)
        elif not _is_own_end(document, body, ledger) and (
            authorities.grants_for(document, Right.REMOVE, now=None) is None
        ):
            ledger.refuse(document, Code.FORBIDDEN, "its signer may not remove members")
        else:
            ledger.accept(document)
            removed[Identity(body.subject)] = max(body.epoch, removed.get(Identity(body.subject), 0))
    for fact in facts:
        remembered = fact.under is None and fact.of == REMOVED_MEMBER and fact.signer not in authorities.ended
        if remembered:
            removed[Identity(fact.subject)] = max(fact.epoch, removed.get(Identity(fact.subject), 0))
    return removed


def _is_own_end(document: Authentic, body: Removal, ledger: Ledger) -> bool:
    """A member that was seen as one ends its own membership; strangers' would only fill the floors."""
    return document.signer == body.subject and ledger.floors.order(Kind.MEMBERSHIP, body.subject) is not None


def _keep_delegation_removal(document: Authentic, body: Removal, authorities: Authorities, ledger: Ledger) -> None:
    """Kept, and remembered by its floor, only if it counts for whatever its signer stands above (`_is_removed`): who
    may not delegate stands above nobody. Whichever of its signer's delegations it names: a floor knows none, and the
    word of who gave something, that it ended, is theirs under any."""
    signer = document.signer
    is_own = signer == body.subject and authorities.knows(signer)
    stands = any(Right.DELEGATE in grant.delegation.rights for grant in authorities.grants.get(signer, ()))
    if authorities.roots.is_root(document) or is_own or stands:
        ledger.accept(document)
    else:
        ledger.refuse(document, Code.FORBIDDEN, "its signer holds no delegation under which it could remove one")


def _delegation_removals(facts: Iterable[RemovalFact]) -> dict[bytes, list[RemovalFact]]:
    by_subject: defaultdict[bytes, list[RemovalFact]] = defaultdict(list)
    for fact in facts:
        if fact.of == REMOVED_DELEGATE:
            by_subject[fact.subject].append(fact)
    return by_subject


def _newest_of_each_slot(delegations: Iterable[Authentic], ledger: Ledger) -> list[Authentic]:
    slots: defaultdict[bytes, list[Authentic]] = defaultdict(list)
    for document in delegations:
        slots[document.subject].append(document)
    chosen = [ledger.newest(slots[subject]) for subject in sorted(slots)]
    return sorted((document for document in chosen if document is not None), key=digest_order)


def _next_level(
    roots: Roots, waiting: Sequence[Authentic], grants: Mapping[Identity, Sequence[Grant]]
) -> tuple[list[Grant], list[Authentic]]:
    """Those delegations whose signer is known by now to be able to give them, and those still waiting."""
    found, still = [], []
    for document in waiting:
        body = document.body
        if not isinstance(body, Delegation):
            continue
        givers = [grant for grant in grants.get(document.signer, ()) if _may_give(grant.delegation, body)]
        above = min(givers, key=lambda grant: grant.removed, default=None)
        if roots.is_root(document):
            found.append(Grant(Identity(body.delegate), body, None, document))
        elif above is not None:
            found.append(Grant(Identity(body.delegate), body, above, document))
        else:
            still.append(document)
    return found, still


def _may_give(above: Delegation, given: Delegation) -> bool:
    """Whether who has the one may give the other: no right that it lacks, and under the one that it names."""
    rights = above.rights
    return Right.DELEGATE in rights and set(given.rights) <= set(rights) and above.epoch == given.under


def _is_removed(grant: Grant, removals: Mapping[bytes, Sequence[RemovalFact]]) -> bool:
    if grant.above is not None and grant.above.removed:
        return True
    enders = {link.key for link in grant.chain()}  # its own key among them
    return any(
        fact.epoch >= grant.delegation.epoch and (fact.by_root or fact.signer in enders)
        for fact in removals.get(grant.key, ())
    )
