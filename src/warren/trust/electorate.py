"""Who may vote for another root, and with which votes.

Decides what the root's signature is (`Roots`), which recovery is in force, and whose vote counts: a key has one, its
newest; it counts while the key is an admin's by the root's own delegation, under the epoch that the vote names. Only
the root, or the admin itself, takes that standing away: could admins do it to each other, one stolen key would prevent
every recovery. An admin that resigned after the change had its word in it: its removal says of which generation it is.
Must not know which change follows (`lineage.py`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from warren.model.ids import Identity
from warren.trust.authenticate import Authentic
from warren.trust.documents import REMOVED_DELEGATE, Delegation, Kind, Recovery, Removal, Right, RootChange
from warren.trust.ledger import Ledger, order_of

_VOTER_RIGHTS = frozenset({Right.ADMIT, Right.READMIT})


@dataclass(frozen=True, slots=True)
class Roots:
    """The root in force, and what of former ones: `kept` are the digests of what they signed and that holds."""

    root: Identity
    generation: int = 0
    former: frozenset[Identity] = frozenset()
    kept: frozenset[bytes] = field(default=frozenset(), repr=False)

    def is_root(self, document: Authentic) -> bool:
        """Whether the root signed it, or a former one whose word for this document stands."""
        return document.signer == self.root or (document.signer in self.former and document.digest in self.kept)

    def is_void(self, document: Authentic) -> bool:
        """Whether a former root signed it whose word for it does not stand."""
        return document.signer in self.former and document.digest not in self.kept

    def was_root(self, key: bytes) -> bool:
        """Whether the key is or was the root's."""
        return key == self.root or key in self.former


@dataclass(frozen=True, slots=True)
class Electorate:
    """Who may vote: each key with the delegations by which it may, by their epoch. `recovery` None: nobody."""

    recovery: Authentic | None
    quorum: int
    standing: Mapping[Identity, Mapping[int, Authentic]]

    @property
    def voters(self) -> Mapping[Identity, int]:
        """Those whose vote would count now, with the newest epoch under which it does."""
        return MappingProxyType({key: max(given) for key, given in self.standing.items() if given})

    def basis(self, vote: Authentic) -> tuple[Authentic, ...]:
        """What gives the signer of this vote its word; empty where nothing does."""
        under = vote.body.under if isinstance(vote.body, RootChange) else -1
        delegation = self.standing.get(vote.signer, {}).get(under)
        return () if delegation is None or self.recovery is None else (self.recovery, delegation)

    def votes(self, documents: Iterable[Authentic]) -> tuple[Authentic, ...]:
        """The newest vote of each who has one; of two with one number the one that every node picks."""
        newest: dict[Identity, Authentic] = {}
        for document in documents:
            known = newest.get(document.signer)
            if self.basis(document) and (known is None or _age(known) < _age(document)):
                newest[document.signer] = document
        return tuple(newest[key] for key in sorted(newest))


def electorate(
    roots: Roots,
    recoveries: Iterable[Authentic],
    delegations: Iterable[Authentic],
    removals: Sequence[Authentic],
    ledger: Ledger,
) -> Electorate:
    """Who may vote for the root that follows these."""
    recovery = recovery_of(roots, recoveries)
    if recovery is None or not isinstance(recovery.body, Recovery):
        return Electorate(None, 0, {})
    standing: dict[Identity, dict[int, Authentic]] = {Identity(key): {} for key in recovery.body.keys}
    for document in delegations:
        body = document.body
        if isinstance(body, Delegation) and body.delegate in standing and _is_admins(roots, document, body, ledger):
            standing[Identity(body.delegate)][body.epoch] = document
    ended = _ended(roots, standing.keys(), removals, ledger)
    for key, given in standing.items():
        standing[key] = {epoch: document for epoch, document in given.items() if epoch > ended.get(key, -1)}
    return Electorate(recovery, recovery.body.quorum, standing)


def recovery_of(roots: Roots, recoveries: Iterable[Authentic]) -> Authentic | None:
    """The newest recovery that the root signed; else the newest of a former one that holds."""
    held = [one for one in recoveries if roots.is_root(one)]
    return max(held, key=lambda one: (one.signer == roots.root, *_age(one)), default=None)


def _is_admins(roots: Roots, document: Authentic, given: Delegation, ledger: Ledger) -> bool:
    is_admins = given.not_after is None and set(given.rights) >= _VOTER_RIGHTS and roots.is_root(document)
    return is_admins and ledger.reason_against(document) is None


def _ended(roots: Roots, keys: Collection[Identity], removals: Sequence[Authentic], ledger: Ledger) -> dict[bytes, int]:
    """Up to which epoch the root, or the admin itself before this change, ended what an admin had."""
    ended: dict[bytes, int] = {}
    for document in removals:
        body = document.body
        if not isinstance(body, Removal) or body.of != "delegation" or body.subject not in keys:
            continue
        by_itself = document.signer == body.subject and body.generation <= roots.generation
        if by_itself or roots.is_root(document):
            ended[body.subject] = max(body.epoch, ended.get(body.subject, -1))
    shown = {document.subject for document in removals}
    for (kind, subject), (epoch, _) in ledger.floors.orders.items():
        if kind != Kind.REMOVAL or subject[:1] != REMOVED_DELEGATE or subject[1:33] not in keys or subject in shown:
            continue
        if roots.was_root(subject[33:]) or subject[33:] == subject[1:33]:
            ended[subject[1:33]] = max(epoch, ended.get(subject[1:33], -1))
    return ended


def _age(document: Authentic) -> tuple[int, int, int]:
    return (*order_of(document), -int.from_bytes(document.digest, "big"))
