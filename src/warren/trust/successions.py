"""Another root: what the old one signs, what admins vote for where it is lost, and who may recover a network.

Decides what a change of the root names as standing: everything in force that the root, or a former one whose word
stands, signed. Memberships are named last: where there are more than a document holds (ROOT_KEPT_MAX), whoever signs
the change signs the rest again in the same batch. A vote is for exactly what the first voter saw: an admin's machine
signs only if it has seen everything that is named, and nothing is missing but memberships. Must not know files,
sessions or how an act was asked for.
"""

from collections.abc import Callable

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import ROOT_CHANGES_MAX, ROOT_KEPT_MAX
from warren.model.ids import Identity, short_identity
from warren.model.keys import SigningKeyPair
from warren.trust import acts
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.batches import Batch, Draft, Pen, again
from warren.trust.documents import Genesis, Head, Kind, Membership, Recovery, RootChange
from warren.trust.office import admins, invites
from warren.trust.signing import sign
from warren.trust.verify import verify
from warren.trust.view import Proposal, View


def set_recovery(draft: Draft, identities: tuple[Identity, ...], quorum: int) -> None:
    """Say which admins may recover the network, and how many of them together; nobody: no recovery. Who is an admin by
    another admin's word only becomes one by the root's. WarrenError FORBIDDEN, NOT_FOUND or INVALID_ARGUMENT."""
    acts.only_root(draft)
    known = admins(draft.view)
    for identity in identities:
        if identity not in known:
            raise WarrenError(
                Code.NOT_FOUND, f"{short_identity(identity)} is no admin", "first: warren member promote NAME"
            )
        if not _is_roots_own(draft.view, identity):
            acts.promote(draft, identity)
    if not 0 < quorum <= len(set(identities)) and identities:
        raise WarrenError(Code.INVALID_ARGUMENT, f"of {len(set(identities))} admins no {quorum} can come together")
    keys = tuple(sorted(set(identities)))
    draft.put(Kind.RECOVERY, Recovery(counter=0, date=0, keys=keys, quorum=quorum if keys else 0))


def change_root(
    view: View, old: SigningKeyPair, new: SigningKeyPair, *, now: int, readable: Callable[[bytes], bool]
) -> Batch:
    """The old root's last word: the new one. WarrenError FORBIDDEN where `old` is not the root, TOO_LARGE."""
    if old.public != view.root:
        raise WarrenError(Code.FORBIDDEN, "this is not the network's root key")
    last = Draft(view, Pen(old), now=now, readable=readable).batch()  # its head: who withholds the change is found out
    body = _change(last.after, new.public, now=now)
    change = _authentic(view, sign(Kind.ROOT_CHANGE, view.network, body, old))
    changed = verify(
        view.network, [*last.after.documents, change], floors=last.after.floors, now=view.effective_now,
        latest=view.effective_now,
        readable=readable,
    )  # fmt: skip
    if changed.root != new.public:
        reason = next((one.text for one in changed.refused if one.digest == change.digest), "it does not count")
        raise WarrenError(Code.FORBIDDEN, f"nodes would refuse this change of the root: {reason}")
    first = Draft(changed, Pen(new), now=now, readable=readable)
    by_invite = invites(view)
    for identity in view.members.keys() - changed.members.keys():
        member = view.members[identity]
        invite = member.signer if member.signer in by_invite else member.membership.invite
        first.admit(msgspec.structs.replace(again(member.membership), invite=invite))
    rest = first.batch()
    return Batch(
        raws=(*last.raws, change.raw, *rest.raws),
        bodies=(*last.bodies, (Kind.ROOT_CHANGE, body), *rest.bodies),
        before=view,
        after=rest.after,
    )


def propose(draft: Draft, root: Identity) -> None:
    """Vote for a root that nobody voted for yet. WarrenError FORBIDDEN where the signer has no vote."""
    _only_voter(draft)
    draft.put(Kind.ROOT_CHANGE, _change(draft.view, root, now=draft.now))


def second(draft: Draft, proposal: Proposal) -> None:
    """Vote for what another voted for. WarrenError FORBIDDEN, CONFLICT where it is not what this machine knows."""
    _only_voter(draft)
    wanted = proposal.change
    mine = _standing(draft.view)
    foreign = set(wanted.kept) - {one.digest for one in _of_the_root(draft.view)}
    if foreign:
        raise WarrenError(
            Code.CONFLICT,
            f"the proposal keeps {len(foreign)} documents that this machine has never seen",
            "wait for the server's news; if it stays so, begin anew: warren network recovery start",
        )
    if {one.digest for one in mine if one.kind is not Kind.MEMBERSHIP} - set(wanted.kept):
        raise WarrenError(
            Code.CONFLICT,
            "the proposal drops what the root had signed",
            "begin anew: warren network recovery start",
        )
    draft.put(Kind.ROOT_CHANGE, wanted)


def _change(view: View, root: Identity, *, now: int) -> RootChange:
    if view.generation >= ROOT_CHANGES_MAX:
        raise WarrenError(Code.TOO_LARGE, f"the root of this network has changed {ROOT_CHANGES_MAX} times already")
    if root == view.root:
        raise WarrenError(Code.CONFLICT, "this is the root already")
    standing = _standing(view)
    others = [one.digest for one in standing if one.kind is not Kind.MEMBERSHIP]
    if len(others) > ROOT_KEPT_MAX:
        raise WarrenError(
            Code.TOO_LARGE, f"the root signed more than {ROOT_KEPT_MAX} documents that are in force", "revoke invites"
        )
    memberships = sorted(one.digest for one in standing if one.kind is Kind.MEMBERSHIP)
    kept = tuple(sorted([*others, *memberships[: ROOT_KEPT_MAX - len(others)]]))
    return RootChange(counter=1, date=now, generation=view.generation + 1, old=view.root, root=root, kept=kept)


def _standing(view: View) -> list[Authentic]:
    """What is in force by the root's word."""
    return [one for one in _of_the_root(view) if not isinstance(one.body, Membership) or _is_in_force(view, one)]


def _of_the_root(view: View) -> list[Authentic]:
    """Everything here that the root signed, but the genesis, changes of it, and dates that it put on others' heads."""
    return [
        one
        for one in view.documents
        if one.signer in view.roots
        and not isinstance(one.body, Genesis | RootChange)
        and not (isinstance(one.body, Head) and one.body.authority != one.signer)
    ]


def _is_in_force(view: View, document: Authentic) -> bool:
    member = view.members.get(Identity(document.subject))
    return member is not None and member.membership == document.body and member.signer == document.signer


def _is_roots_own(view: View, identity: Identity) -> bool:
    given = admins(view).get(identity)
    return any(one.kind is Kind.DELEGATION and one.body == given and one.signer in view.roots for one in view.documents)


def _only_voter(draft: Draft) -> None:
    recovery = draft.view.recovery
    if recovery is None or not recovery.quorum:
        raise WarrenError(
            Code.FORBIDDEN,
            "nobody may recover this network's root",
            "whoever has it: warren network recovery set --quorum N ADMIN…",
        )
    if draft.pen.key.public not in recovery.keys:
        raise WarrenError(Code.FORBIDDEN, "this machine is none of those that may recover the root")
    if draft.pen.key.public not in draft.view.voters:
        raise WarrenError(
            Code.FORBIDDEN,
            "this machine was named to recover the root, but what gave it its vote was ended since",
            "whoever has the root key: warren network recovery set --quorum N ADMIN…",
        )


def _authentic(view: View, raw: bytes) -> Authentic:
    answer = authenticate(view.network, raw)
    if not isinstance(answer, Authentic):
        raise WarrenError(answer.code, answer.text)
    return answer
