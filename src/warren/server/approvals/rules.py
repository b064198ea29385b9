"""Whether a batch of signed documents may be stored, and what follows from it. Pure.

Decides by `verify` alone: every document of a batch has to count beside what is held, so a server that honestly asks
here stores what nodes will take and nothing else; whoever brought the batch does not matter. What the batch makes void
of memberships, records and heads goes. Must not know the database or sessions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from warren.errors import Code, WarrenError
from warren.limits import (
    EPOCH_AHEAD_MAX,
    SUBMIT_BESIDE_MAX,
    SUBMIT_DOCUMENT_BYTES,
    SUBMIT_DOCUMENTS_MAX,
    SUBMIT_MAX_BYTES,
)
from warren.model.ids import Identity, NetworkId, short_identity
from warren.policy.language import is_readable
from warren.server.networks.founding import SHARED_KINDS
from warren.server.networks.live import Change
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import Delegation, Kind, Membership, Removal, RootChange
from warren.trust.epochs import about, reached
from warren.trust.floors import Floors
from warren.trust.ledger import SAID_ALREADY, order_of
from warren.trust.office import is_invites_key
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
VANISHING = frozenset({Kind.MEMBERSHIP, Kind.RECORD, Kind.HEAD, Kind.ROOT_CHANGE})
"""Of what is held and does not count any more, what goes; the rest explains why something is void."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a batch does: `changes` to what is stored, who comes and goes, the greatest counter in it, that of what this
    server may have to sign anew (`followed`), and its own documents (`new`)."""

    changes: tuple[Change, ...]
    came: tuple[Membership, ...]
    changed: tuple[Membership, ...]
    gone: tuple[Identity, ...]
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
    other way), or what `verify` has against one of its documents.
    """
    if not raws:
        raise WarrenError(Code.TOO_LARGE, "a batch has at least one document")
    check_size(len(raws), sum(map(len, raws)), len(held))
    known = _authentic(network, held)
    before = verify(network, known, floors=_admitted_in_time(known), now=now, readable=is_readable)
    new = [_submitted(network, raw) for raw in raws]
    _check_root_stands(before, new)
    _check_epochs(reached(known, before.floors), new)
    view = verify(network, [*before.documents, *new], floors=before.floors, now=now, readable=is_readable)
    refused = {one.digest: one for one in view.refused}
    for document in new:
        if (reason := refused.get(document.digest)) is not None and reason.text != SAID_ALREADY:
            raise WarrenError(reason.code, f"this {document.kind} does not count: {reason.text}")
        if document.kind == Kind.MEMBERSHIP and not is_joining and _is_invites(view, document.signer):
            raise WarrenError(Code.FORBIDDEN, "an invite lets in who joins with it, and nobody else")
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
    return Judged(
        changes=tuple(changes),
        came=tuple(view.members[one].membership for one in view.members if one not in before.members),
        changed=tuple(
            member.membership
            for one, member in view.members.items()
            if one in before.members and member.membership != before.members[one].membership
        ),
        gone=tuple(one for one in before.members if one not in view.members),
        counter=max(map(_counter, new), default=0),
        followed=max((_counter(one) for one in new if one.kind in SHARED_KINDS or one.signer in view.roots), default=0),
        view=view,
        new=tuple(new),
    )


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


def _is_invites(view: View, signer: Identity) -> bool:
    return signer not in {view.root, *view.roots} and is_invites_key(view.delegations.get(signer, ()))


def _admitted_in_time(known: Iterable[Authentic]) -> Floors:
    """What is held as a membership counted when it came, so an invite's end does not take it away."""
    members = [one for one in known if one.kind == Kind.MEMBERSHIP]
    return Floors(MappingProxyType({(one.kind.value, one.subject): order_of(one) for one in members}))


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
