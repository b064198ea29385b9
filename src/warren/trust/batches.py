"""What an owner or an admin signs at once, and what follows from it: a `Draft` becomes a `Batch` of documents.

Decides with `verify` what a batch changes before anybody sees it. Where it ends a key's delegation, whom that key
admitted or removed is signed again by the actor, so that ending a key ends nothing else; a document that nodes would
refuse is refused here, with their reason. Must not know which acts there are (`acts.py`), files, sessions or who asked;
keys and `now` (Unix seconds) are arguments.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import DOCUMENT_LIST_MAX
from warren.model.ids import Identity, short_identity
from warren.model.keys import SigningKeyPair
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import (
    PLAIN_ROLE,
    REMOVED_DELEGATE,
    REMOVED_MEMBER,
    Body,
    Genesis,
    Head,
    HeadMark,
    Kind,
    Membership,
    OrderedBody,
    Removal,
    subject_of,
)
from warren.trust.founding import digest_of
from warren.trust.office import admins, invites, registrars, sleeping_registrars
from warren.trust.signing import sign
from warren.trust.verify import verify
from warren.trust.view import View

_COUNTED = frozenset(
    {
        Kind.SETTINGS, Kind.DELEGATION, Kind.POLICY, Kind.MEMBERSHIP, Kind.REMOVAL, Kind.RECOVERY, Kind.ROOT_CHANGE,
    }
)  # fmt: skip
_ROUNDS = 3  # signing again what an ended key signed ends nothing further; a third round that finds more is a bug


@dataclass(frozen=True, slots=True)
class Pen:
    """Who signs: the key, and the epoch of the delegation it signs under (0 for the root)."""

    key: SigningKeyPair = field(repr=False)
    under: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents to be sent at once, what they say, and the view once they are in force."""

    raws: tuple[bytes, ...]
    bodies: tuple[tuple[Kind, Body], ...]
    before: View
    after: View


class Draft:
    """A batch in the making."""

    def __init__(
        self, view: View, pen: Pen, *, now: int, readable: Callable[[bytes], bool] = lambda _text: True
    ) -> None:
        """`view`: what the signer believes. `readable`: as for `verify`."""
        self.view = view
        self.pen = pen
        self.now = now
        self._readable = readable
        self._bodies: dict[tuple[Kind, bytes], OrderedBody] = {}
        self._leaving: set[Identity] = set()
        self._ending: dict[Identity, int] = {}
        self._invites = invites(view)
        self._marks = self._head_marks()

    @property
    def is_root(self) -> bool:
        """Whether the root signs."""
        return self.pen.key.public == self.view.root

    def counter(self, kind: Kind, subject: bytes, epoch: int = 0) -> int:
        """The counter that follows what is known of this subject."""
        known = self.view.floors.order(kind, subject) or (0, 0)
        return known[1] + 1 if epoch >= known[0] else known[1]

    def put(self, kind: Kind, body: OrderedBody) -> None:
        """Have this body in the batch, dated, numbered and signed by the pen; it replaces one of the same subject."""
        subject = subject_of(body, self.pen.key.public)
        numbered: OrderedBody = msgspec.structs.replace(
            body, counter=self.counter(kind, subject, body.epoch), date=self.now, under=self.pen.under
        )
        if isinstance(numbered, Removal):
            numbered = msgspec.structs.replace(numbered, generation=self.view.generation)
        self._bodies[kind, subject] = numbered

    def admit(self, body: Membership) -> None:
        """Put a membership, with how far the authorities are, as many as it holds: a fresh node's first floors. Whom an
        invite let in is known by it whoever signs, until a person makes an admin of it."""
        held = self.view.members.get(Identity(body.identity))
        if held is not None and held.signer in self._invites and body.role == PLAIN_ROLE:
            body = msgspec.structs.replace(body, invite=held.signer)
        self.put(Kind.MEMBERSHIP, msgspec.structs.replace(body, heads=self._marks))

    def _head_marks(self) -> tuple[HeadMark, ...]:
        """How far the authorities are. The signer's own mark is all that nodes believe of any but the root; each who
        may sign anything may have a head, so admins' come before what others made."""
        view, heads = self.view, self.view.heads
        chief = {view.root, *registrars(view), *sleeping_registrars(view), *admins(view)}
        first = sorted(heads, key=lambda key: (key != self.pen.key.public, key not in chief, key))[:DOCUMENT_LIST_MAX]
        marks = (HeadMark(authority=key, epoch=heads[key].head.epoch, counter=heads[key].head.counter) for key in first)
        return tuple(sorted(marks, key=lambda mark: mark.authority))

    def remove(self, identity: Identity) -> None:
        """End a membership; whoever the identity is by its delegations stays to be ended beside it."""
        member = self.view.members.get(identity)
        epoch = max(self.view.removed.get(identity, 0), member.membership.epoch if member is not None else 0)
        self._leaving.add(identity)
        self.put(Kind.REMOVAL, Removal(counter=0, date=0, epoch=epoch, of="membership", subject=identity))

    def end_delegation(self, key: Identity, epoch: int, *, is_all: bool = True) -> None:
        """End every delegation to a key up to this epoch. `is_all`: nothing is signed where the pen cannot end each."""
        if is_all:
            self._ending[key] = epoch
        self.put(Kind.REMOVAL, Removal(counter=0, date=0, epoch=epoch, of="delegation", subject=key))

    def ended_epoch(self, key: Identity) -> int | None:
        """The newest epoch up to which delegations to this key were ended by whoever may end one that the pen signs:
        the root, those above the pen, the key itself. What others said of it, at whatever epoch, ends nothing."""
        about = REMOVED_DELEGATE + key
        entitled = {*self.view.roots, self.view.root, key, *self._above_pen()}
        ended = [
            order[0]
            for (kind, subject), order in self.view.floors.orders.items()
            if kind == Kind.REMOVAL and subject.startswith(about) and subject[33:] in entitled
        ]
        return max(ended, default=None)

    def _above_pen(self) -> set[Identity]:
        """The pen's key and all by whose word it may sign; nobody where that is the root's own."""
        above: set[Identity] = set()
        found = {self.pen.key.public} - self.view.roots
        while found:
            above |= found
            given = {
                one.signer for one in self.view.documents if one.subject[:32] in found and one.kind is Kind.DELEGATION
            }
            found = given - above - self.view.roots
        return above

    def batch(self) -> Batch:
        """Sign. WarrenError FORBIDDEN, or another code of `verify`, where nodes would refuse a document of it."""
        for _ in range(_ROUNDS):
            signed = self._signed()
            after = self._after(signed)
            self._check(signed, after)
            if not self._sign_again(after):
                heads = [self._head(after)] if self._stands(after) else []
                whole = [*signed, *heads]
                return Batch(
                    raws=tuple(one.raw for one in whole),
                    bodies=tuple((one.kind, one.body) for one in whole),
                    before=self.view,
                    after=self._after(whole),
                )
        raise WarrenError(Code.INTERNAL, "signing again what an ended key signed does not come to an end")

    def _stands(self, after: View) -> bool:
        """Whether the signer still is an authority by then; who resigns has no head, and a member's own word needs
        none."""
        me = self.pen.key.public
        was = me == self.view.root or me in self.view.delegations
        return not was or me == after.root or me in after.delegations

    def _signed(self) -> list[Authentic]:
        return [self._sign(kind, body) for (kind, _subject), body in self._bodies.items()]

    def _sign(self, kind: Kind, body: OrderedBody) -> Authentic:
        answer = authenticate(self.view.network, sign(kind, self.view.network, body, self.pen.key))
        if not isinstance(answer, Authentic):
            raise WarrenError(answer.code, answer.text)
        return answer

    def _after(self, signed: list[Authentic]) -> View:
        return verify(
            self.view.network,
            [*self.view.documents, *signed],
            floors=self.view.floors,
            now=self.view.effective_now,
            latest=self.view.effective_now,
            readable=self._readable,
        )

    def _check(self, signed: list[Authentic], after: View) -> None:
        refused = {one.digest: one for one in after.refused}
        for document in signed:
            reason = refused.get(document.digest)
            if reason is not None:
                raise WarrenError(reason.code, f"nodes would refuse this {document.kind}: {reason.text}")
        for key, epoch in self._ending.items():
            if any(one.epoch <= epoch for one in after.delegations.get(key, ())):
                raise WarrenError(
                    Code.FORBIDDEN,
                    f"this machine's key does not end what {short_identity(key)} may: another gave it that",
                    "the same command on the owner's machine, where the root key is",
                )

    def _sign_again(self, after: View) -> bool:
        """Put what would be lost though nobody meant to end it; whether there was any."""
        lost = [one for key, one in self.view.members.items() if key not in after.members and key not in self._leaving]
        for member in lost:
            self.admit(again(member.membership))
        back = [key for key in self.view.removed if key not in after.removed and key not in self._readmitted()]
        unsigned = [
            key for key in self._weakly_removed(after) if (Kind.REMOVAL, self._removal(key)) not in self._bodies
        ]
        for identity in {*back, *unsigned}:
            self.remove(identity)
        return bool(lost or back or unsigned)

    def _weakly_removed(self, after: View) -> list[Identity]:
        """Members whose end stands on a removal that this batch makes void: the floors remember it here, but a fresh
        node has only documents."""
        standing = {
            Identity(one.body.subject)
            for one in after.documents
            if isinstance(one.body, Removal) and one.body.of == "membership"
        }
        before = {
            Identity(one.body.subject)
            for one in self.view.documents
            if isinstance(one.body, Removal) and one.body.of == "membership"
        }
        return sorted(before - standing - self._readmitted() - after.members.keys())

    def _readmitted(self) -> set[Identity]:
        return {Identity(subject) for kind, subject in self._bodies if kind is Kind.MEMBERSHIP}

    def _removal(self, identity: Identity) -> bytes:
        return REMOVED_MEMBER + identity + self.pen.key.public

    def _head(self, after: View) -> Authentic:
        """The signer's head over all that it has in force with this batch."""
        me = self.pen.key.public
        digests = {
            (one.kind.value, one.subject): one.digest
            for one in after.documents
            if one.signer == me and one.kind in _COUNTED and not isinstance(one.body, Genesis)
        }
        counter = self.counter(Kind.HEAD, me)
        return self._sign(
            Kind.HEAD,
            Head(counter=counter, date=self.now, under=self.pen.under, authority=me, digest=digest_of(digests)),
        )


def again(membership: Membership) -> Membership:
    """The same membership, to be signed by another; its seniority stays."""
    return msgspec.structs.replace(membership, joined=membership.joined or membership.date, heads=())


def lines_digest(lines: tuple[str, ...]) -> bytes:
    """What a person confirmed: SHA-256 of the lines they were shown."""
    return hashlib.sha256("\n".join(lines).encode()).digest()
