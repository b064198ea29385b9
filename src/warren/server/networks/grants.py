"""What each key of a network may do, by the delegations in force and what ended them. Pure, without signatures.

Decides as `trust.authority` does on nodes, so that this server neither signs nor promises what they do not believe: a
delegation counts while nobody who may ended it, and while its giver is a root or has one that counts and lets it be
given. Of several to one key the one that says whose it is comes first, and what a root gave before what an admin did:
else any admin could take a key's rights, or the registrar's, by giving it one more. Must not know documents or rows.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping

from warren.limits import DELEGATION_DEPTH_MAX
from warren.model.ids import ID_BYTES
from warren.trust.authority import may_give
from warren.trust.documents import Delegation
from warren.trust.office import is_admins, is_invite, is_invites_key, is_registrar


class Grants:
    """The delegations of one network by subject (the key and its giver). `roots`: the one in force and former ones."""

    def __init__(self) -> None:
        self._given: dict[bytes, Delegation] = {}
        self._ended: defaultdict[bytes, dict[bytes, int]] = defaultdict(dict)  # by whom, up to which epoch
        self._counting: tuple[frozenset[bytes], Mapping[bytes, Delegation]] | None = None

    def put(self, subject: bytes, given: Delegation | None) -> None:
        """A delegation came, or is there no more."""
        self._counting = None
        if given is None:
            self._given.pop(subject, None)
        else:
            self._given[subject] = given

    def end(self, key: bytes, signer: bytes, epoch: int) -> None:
        """Somebody ended the delegations to this key, up to an epoch."""
        self._counting = None
        self._ended[key][signer] = max(epoch, self._ended[key].get(signer, 0))

    @property
    def keys(self) -> frozenset[bytes]:
        """Every key that was given anything, ended or not."""
        return frozenset(one.delegate for one in self._given.values())

    def counting(self, roots: frozenset[bytes]) -> Mapping[bytes, Delegation]:
        """The delegations that count, by subject."""
        if self._counting is None or self._counting[0] != roots:
            self._counting = roots, self._found(roots)
        return self._counting[1]

    def of(self, key: bytes, roots: frozenset[bytes]) -> Delegation | None:
        """The delegation that this key signs by; None where none counts."""

        def rank(subject: bytes, one: Delegation) -> tuple[object, ...]:
            says = is_registrar(one) or is_admins(one)
            lasts = not is_invite(one) and one.not_after is None
            return says, subject[ID_BYTES:] in roots, lasts, len(one.rights), one.epoch, one.counter

        found = [(rank(subject, one), one) for subject, one in self.counting(roots).items() if one.delegate == key]
        return max(found, key=lambda entry: entry[0])[1] if found else None

    def is_invites(self, key: bytes, roots: Collection[bytes]) -> bool:
        """Whether a key is an invite's, or was."""
        return key not in roots and is_invites_key(one for one in self._given.values() if one.delegate == key)

    def _found(self, roots: frozenset[bytes]) -> Mapping[bytes, Delegation]:
        left = {subject: one for subject, one in self._given.items() if not self._is_ended(subject, one, roots)}
        counting: dict[bytes, Delegation] = {}
        for _ in range(DELEGATION_DEPTH_MAX):
            givers: defaultdict[bytes, list[Delegation]] = defaultdict(list)
            for one in counting.values():
                givers[one.delegate].append(one)
            more = {
                subject: one
                for subject, one in left.items()
                if subject[ID_BYTES:] in roots or any(may_give(above, one) for above in givers[subject[ID_BYTES:]])
            }
            if not more:
                break
            counting |= more
            left = {subject: one for subject, one in left.items() if subject not in more}
        return counting

    def _is_ended(self, subject: bytes, one: Delegation, roots: Collection[bytes]) -> bool:
        """Whether a root, the key itself or one above it ended a delegation; others end nothing, as for `verify`."""
        enders = {signer for signer, epoch in self._ended.get(one.delegate, {}).items() if epoch >= one.epoch}
        if not enders:
            return False
        above = {subject[ID_BYTES:]}
        for _ in range(DELEGATION_DEPTH_MAX):
            for key in above.difference(roots):
                givers = {given[ID_BYTES:] for given in self._given if given[:ID_BYTES] == key}
                above |= givers.intersection(roots) or givers  # nobody comes to stand above whom a root set up
        return not enders.isdisjoint({one.delegate, *roots, *above})
