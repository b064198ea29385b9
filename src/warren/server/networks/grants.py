"""What each key of a network may do, by the documents that this server stored. Pure.

Decides nothing that nodes do not: whose word counts, and what ended it, is `trust.verify.authorities_of`, so that this
server neither signs nor promises what they do not believe. Of several delegations to one key what a root gave comes
before what an admin did: else any admin could take a key's rights, or the registrar's, by giving it one more. Must not
know rows. Documents are authenticated again as they are taken, so that none counts here which no node would take.
"""

from collections.abc import Callable, Iterable, Sequence

from warren.model.ids import Identity, NetworkId
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.authority import Authorities, Grant
from warren.trust.documents import REMOVED_DELEGATE, Delegation, Kind, Right
from warren.trust.office import holds_open, is_admins, is_invite, is_invites_key, is_registrar
from warren.trust.verify import authorities_of

KINDS = frozenset({Kind.DELEGATION, Kind.REMOVAL, Kind.RECOVERY, Kind.ROOT_CHANGE})
"""Of which documents it has to hear."""


class Grants:
    """The rights in one network. `clock`: Unix seconds, when a delegation runs out."""

    def __init__(self, network: NetworkId, genesis: bytes, clock: Callable[[], float]) -> None:
        self._network = network
        self._clock = clock
        self._documents: dict[tuple[str, bytes], Authentic] = {}
        self._authorities: Authorities | None = None
        self.take(Kind.GENESIS, b"", genesis)

    def take(self, kind: str, subject: bytes, raw: bytes | None) -> None:
        """A document came, or is there no more (None)."""
        if kind == Kind.REMOVAL and not subject.startswith(REMOVED_DELEGATE):
            return
        document = None if raw is None else authenticate(self._network, raw)
        if isinstance(document, Authentic):
            self._documents[kind, subject] = document
        else:
            self._documents.pop((kind, subject), None)
        self._authorities = None

    @property
    def keys(self) -> frozenset[bytes]:
        """Every key that was given anything, ended or not."""
        return frozenset(one.delegate for one in self._given())

    def standing(self) -> Iterable[Delegation]:
        """The delegations that nobody ended, run out or not."""
        return (grant.delegation for grants in self._now().grants.values() for grant in grants)

    def of(self, key: bytes) -> Delegation | None:
        """The delegation that this key signs by; None where none counts."""

        def rank(grant: Grant) -> tuple[object, ...]:
            one = grant.delegation
            says = is_registrar(one) or is_admins(one)
            lasts = not is_invite(one) and one.not_after is None
            return grant.above is None, says, lasts, len(one.rights), one.epoch, one.counter

        signs_by = max(self._live(key), key=rank, default=None)
        return None if signs_by is None else signs_by.delegation

    def may(self, key: bytes, right: Right) -> bool:
        """Whether the key may do this by the delegation that it signs by, or another of that epoch."""
        signs_by = self.of(key)
        return signs_by is not None and any(
            right in one.delegation.rights and one.delegation.epoch == signs_by.epoch for one in self._live(key)
        )

    def is_admin(self, key: bytes) -> bool:
        """Whether the key is a human admin's."""
        return any(is_admins(one.delegation) for one in self._live(key))

    def is_locked(self) -> bool:
        """Whether no registrar admits."""
        return not any(holds_open(one.delegation) for key in self._now().grants for one in self._live(key))

    def is_invites(self, key: bytes) -> bool:
        """Whether a key is an invite's, or was."""
        now, whose = self._now(), Identity(key)
        standing, over = (one.get(whose, ()) for one in (now.grants, now.over))
        return not now.roots.was_root(key) and is_invites_key(
            (one.delegation for one in standing), (one.delegation for one in over)
        )

    def _given(self) -> Iterable[Delegation]:
        return (one.body for one in self._documents.values() if isinstance(one.body, Delegation))

    def _live(self, key: bytes) -> Sequence[Grant]:
        now = int(self._clock())
        return [one for one in self._now().grants.get(Identity(key), ()) if one.is_live(now)]

    def _now(self) -> Authorities:
        if self._authorities is None:
            self._authorities = authorities_of(self._network, self._documents.values())
        return self._authorities
