"""Whether a batch of signed documents may be stored, and what follows from it. Pure.

Decides by `verify` alone: every document of a batch has to count beside what is held, so a server that honestly asks
here stores what nodes will take and nothing else; whoever brought the batch does not matter. What the batch makes void
of memberships, records and heads goes. Must not know the database or sessions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.limits import (
    DOCUMENTS_MAX,
    EPOCH_AHEAD_MAX,
    SUBMIT_BESIDE_MAX,
    SUBMIT_DOCUMENT_BYTES,
    SUBMIT_DOCUMENTS_MAX,
    SUBMIT_MAX_BYTES,
)
from warren.model.ids import Identity, NetworkId, short_identity
from warren.policy.language import is_readable
from warren.server.networks.founding import SHARED_KINDS, check_date
from warren.server.networks.live import Change
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import ADMIN_ROLE, Delegation, Kind, Membership, Removal, RootChange
from warren.trust.epochs import about, reached
from warren.trust.ledger import SAID_ALREADY
from warren.trust.members import admitted_in_time
from warren.trust.office import admins, invites, is_admins
from warren.trust.verify import verify
from warren.trust.view import View

SUBMITTED = frozenset(
    {
        Kind.SETTINGS,
        Kind.DELEGATION,
        Kind.MEMBERSHIP,
        Kind.REMOVAL,
        Kind.POLICY,
        Kind.HEAD,
        Kind.RECOVERY,
        Kind.ROOT_CHANGE,
    }
)
VANISHING = frozenset({Kind.MEMBERSHIP, Kind.RECORD, Kind.HEAD, Kind.ROOT_CHANGE, Kind.DELEGATION})
"""Of what is held and nodes keep no longer, what goes; the rest explains why something is void."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a batch does: `changes` to what is stored, who comes and goes, whose machine is an admin's no more, or was
    and is kicked (`unseated`), the greatest counter in it, that of what this server may have to sign anew (`followed`),
    and its own documents (`new`)."""

    changes: tuple[Change, ...]
    came: tuple[Membership, ...]
    changed: tuple[Membership, ...]
    gone: tuple[Identity, ...]
    unseated: tuple[Identity, ...]
    counter: int
    followed: int
    view: View
    new: tuple[Authentic, ...]


def check_size(documents: int, size: int, held: int) -> None:
    """Whether a batch of so many documents and bytes may be one where the network holds `held`: whoever brings it makes
    us keep and judge it. Raises WarrenError TOO_LARGE."""
    most = min(2 * held + SUBMIT_BESIDE_MAX, SUBMIT_DOCUMENTS_MAX)
    if documents > most:
        raise WarrenError(Code.TOO_LARGE, f"a batch has 1 to {most} documents in this network")
    if size > (most_bytes := min(most * SUBMIT_DOCUMENT_BYTES, SUBMIT_MAX_BYTES)):
        raise WarrenError(Code.TOO_LARGE, f"a batch has at most {most_bytes} bytes in this network")


def judge(
    network: NetworkId, held: Sequence[bytes], raws: Sequence[bytes], now: int, *, is_joining: bool = False
) -> Judged:
    """Judge a batch. `held` has the genesis; `now`: Unix seconds; `is_joining`: a machine brings its own membership,
    and the invite that signed it is used by that.

    Raises WarrenError TOO_LARGE, UNSUPPORTED (a kind that is not for batches), FORBIDDEN (an invite's signature by any
    other way), CLOCK (dated far ahead, by whom nodes trust with dates), or what `verify` has against one of its
    documents.
    """
    if not raws:
        raise WarrenError(Code.TOO_LARGE, "a batch has at least one document")
    check_size(len(raws), sum(map(len, raws)), len(held))
    known = _authentic(network, held)
    before = verify(network, known, floors=admitted_in_time(known), now=now, readable=is_readable)
    new = [_submitted(network, raw) for raw in raws]
    _check_root_stands(before, new)
    _check_epochs(reached(known, before.floors), new)
    view = verify(network, [*before.documents, *new], floors=before.floors, now=now, readable=is_readable)
    refused, by_invites = {one.digest: one for one in view.refused}, invites(view)
    for document in new:
        if (reason := refused.get(document.digest)) is not None and reason.text != SAID_ALREADY:
            raise WarrenError(reason.code, f"this {document.kind} does not count: {reason.text}")
        if document.kind == Kind.MEMBERSHIP and not is_joining and document.signer in by_invites:
            raise WarrenError(Code.FORBIDDEN, "an invite lets in who joins with it, and nobody else")
    if view.newest_date > before.newest_date:
        check_date(view.newest_date, now)
    if view.root != before.root and before.members.keys() - view.members.keys():
        raise WarrenError(
            Code.CONFLICT,
            "this change of the root forgets members: its signer does not know them all",
            "sign it on an admin's machine, which sees every member",
        )
    in_force = {document.digest for document in view.documents}
    stays = {(one.kind.value, one.subject) for one in view.documents}
    changes: list[Change] = [(one.kind.value, one.subject, one.raw) for one in new if one.digest in in_force]
    changes += [
        (one.kind.value, one.subject, None)
        for one in known
        if one.kind in VANISHING and (one.kind.value, one.subject) not in stays
    ]
    _check_room(known, changes)
    return Judged(
        changes=tuple(changes),
        came=tuple(view.members[one].membership for one in view.members if one not in before.members),
        changed=tuple(
            member.membership
            for one, member in view.members.items()
            if one in before.members and member.membership != before.members[one].membership
        ),
        gone=tuple(one for one in before.members if one not in view.members),
        unseated=_unseated(known, before, view, new),
        counter=max(map(_counter, new), default=0),
        followed=max((_counter(one) for one in new if one.kind in SHARED_KINDS or one.signer in view.roots), default=0),
        view=view,
        new=tuple(new),
    )


def _unseated(known: Iterable[Authentic], before: View, after: View, new: Iterable[Authentic]) -> tuple[Identity, ...]:
    """Whose machine was an admin's until this batch, by office or by role, and whose was one ever and is kicked now.
    Nobody took anything from who leaves by its own word."""
    lost = admins(before).keys() - admins(after).keys()
    lost |= {
        one
        for one, member in before.members.items()
        if member.role == ADMIN_ROLE and one in after.members and after.members[one].role != ADMIN_ROLE
    }
    offices = (one.body for one in known if isinstance(one.body, Delegation))
    ever = {Identity(one.delegate) for one in offices if is_admins(one)}
    removals = ((one.signer, one.body) for one in new if isinstance(one.body, Removal))
    kicked = {Identity(one.subject) for signer, one in removals if one.of == "membership" and signer != one.subject}
    return tuple(sorted(lost | (kicked & ever)))


def _counter(document: Authentic) -> int:
    return getattr(document.body, "counter", 0)


def _check_root_stands(before: View, new: Iterable[Authentic]) -> None:
    """Of several changes of one root the first counts; who comes after it is told so, not that they lack a right."""
    for document in new:
        body = document.body
        if isinstance(body, RootChange) and body.old != before.root and body.old in before.roots:
            raise WarrenError(
                Code.CONFLICT,
                f"the root key was changed already, to {short_identity(before.root)}: nothing is left to do "
                "(warren network recovery status shows whose it is)",
            )


def _check_epochs(reach: Mapping[bytes, int], new: Iterable[Authentic]) -> None:
    """No leap of an epoch: nodes can follow it, but whoever signed it means to put a key out of reach. A copy of this
    server's folder may not know the newest epochs, so a few more are taken."""
    for document in new:
        body, known = document.body, reach.get(about(document.kind, document.subject), 0)
        if isinstance(body, Membership | Delegation | Removal) and body.epoch > known + EPOCH_AHEAD_MAX:
            raise WarrenError(Code.OUT_OF_ORDER, f"the epoch of this {document.kind} is far ahead of what there was")


def _check_room(known: Iterable[Authentic], changes: Iterable[Change]) -> None:
    """No more is stored than `verify` takes at once: also of what explains why something is void."""
    stored = {(one.kind.value, one.subject) for one in known}
    for kind, subject, raw in changes:
        (stored.discard if raw is None else stored.add)((kind, subject))
    if len(stored) > DOCUMENTS_MAX:
        raise WarrenError(Code.TOO_LARGE, f"a network has at most {DOCUMENTS_MAX} documents")


def _submitted(network: NetworkId, raw: bytes) -> Authentic:
    answer = authenticate(network, raw)
    if not isinstance(answer, Authentic):
        raise WarrenError(answer.code, answer.text)
    if answer.kind not in SUBMITTED:
        raise WarrenError(Code.UNSUPPORTED, f"a {answer.kind} is no part of a batch")
    return answer


def _authentic(network: NetworkId, raws: Iterable[bytes]) -> list[Authentic]:
    found = (authenticate(network, raw) for raw in raws)
    return [one for one in found if isinstance(one, Authentic)]
