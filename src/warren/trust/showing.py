"""What a document says, in words for the person who is about to sign it.

Decides the sentence of each kind. It is made from the very body that is signed, never from what was asked for, so that
what is shown is what is signed; numbers and dates of the order are left out, since they change between showing and
signing. Must not know keys.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from warren.limits import EPHEMERAL_LOCKED_LIFETIME_S
from warren.model.ids import Identity, short_identity
from warren.model.names import printable
from warren.trust.batches import Batch
from warren.trust.documents import (
    Body,
    Delegation,
    Head,
    Kind,
    Membership,
    Policy,
    Recovery,
    Removal,
    RootChange,
    Settings,
)

_OTHERS_SHOWN = 3  # machines of the same person that a line names: who it is can be told by them


def show(batch: Batch) -> tuple[str, ...]:
    """What the documents of a batch say, one line each, in their order; heads say nothing that others do not. Last what
    somebody keeps who was meant to lose it."""
    name = name_of(batch)
    done = [one for one in batch.bodies if not _is_half_done(batch, one[1])]
    return (*show_bodies(done, name, _others_of(batch)), *_left(batch, name))


def _is_half_done(batch: Batch, body: Body) -> bool:
    """Whether it is to end what a key may sign, and does not end all of it."""
    if not isinstance(body, Removal) or body.of != "delegation":
        return False
    return any(one.epoch <= body.epoch for one in batch.after.delegations.get(Identity(body.subject), ()))


def _left(batch: Batch, name: Callable[[bytes], str]) -> Iterable[str]:
    """What keys keep that the batch was to end, and what to do about it."""
    for _kind, body in batch.bodies:
        if not isinstance(body, Removal) or body.of != "delegation":
            continue
        who, short = name(body.subject), short_identity(Identity(body.subject))
        if _is_half_done(batch, body):
            yield (
                f"{who} keeps what another key let it sign, and can come back by that: this key does not end it; "
                f"on the owner's machine, where the root key is: warren member kick {short}"
            )
        if body.subject in batch.after.voters:
            yield (
                f"{who} may still vote in a recovery of the root, until that kick, or until there: "
                "warren network recovery set … with the others only"
            )
    for key in sorted(batch.after.voters.keys() - batch.before.voters.keys()):
        yield f"{name(key)} may vote for another root key where that is lost"
    recovery, voters = batch.after.recovery, batch.after.voters
    if recovery is not None and len(voters) < recovery.quorum <= len(batch.before.voters):
        yield (
            f"a lost root key takes {recovery.quorum} votes to replace, and only {len(voters)} may vote then: "
            "name others by warren network recovery set"
        )


def name_of(batch: Batch) -> Callable[[bytes], str]:
    """What a key is called: a member's name with the start of its identity, else that alone."""

    def name(key: bytes) -> str:
        identity = Identity(key)
        member = batch.before.members.get(identity) or batch.after.members.get(identity)
        short = short_identity(identity)
        return short if member is None else f"{printable(member.hostname)} ({short})"

    return name


def _others_of(batch: Batch) -> Callable[[Membership], str]:
    """Which of the members that are here by somebody's signature already are the same person's."""
    by_user: defaultdict[str, list[tuple[str, Identity]]] = defaultdict(list)
    for who, one in batch.before.members.items():
        by_user[one.membership.user].append((one.hostname, who))

    def others(body: Membership) -> str:
        found = sorted(printable(hostname) for hostname, who in by_user[body.user] if who != body.identity)
        more = f" and {len(found) - _OTHERS_SHOWN} more" if len(found) > _OTHERS_SHOWN else ""
        return f", as are {', '.join(found[:_OTHERS_SHOWN])}{more}" if found else ", who has no other machine here"

    return others


def show_bodies(
    bodies: Iterable[tuple[Kind, Body]],
    name: Callable[[bytes], str],
    others: Callable[[Membership], str] = lambda _body: "",
) -> Iterable[str]:
    """The lines of these bodies. `others`: what a membership's person has besides."""
    for _kind, body in bodies:
        match body:
            case Membership():
                yield _membership(body, name, others)
            case Delegation():
                yield _delegation(body, name)
            case Removal(of="membership"):
                yield f"{name(body.subject)} is removed"
            case Removal():
                yield f"the key {name(body.subject)} may sign nothing any more; what it signed is void"
            case Settings():
                yield f"the network is called {printable(body.name)}, {body.prefix4} {body.prefix6}, {body.suffix}"
            case Policy():
                yield f"another access policy of {len(body.text)} bytes is in force"
            case Recovery():
                yield _recovery(body, name)
            case RootChange():
                yield (
                    f"the network's root key is {short_identity(Identity(body.root))} in place of "
                    f"{short_identity(Identity(body.old))}; {len(body.kept)} documents that the former root signed "
                    "stay, nothing else of it counts"
                )
            case Head():
                continue
            case _:
                yield f"a document of kind {_kind}"


def _recovery(body: Recovery, name: Callable[[bytes], str]) -> str:
    if not body.keys:
        return "nobody may recover the network where its root key is lost"
    return f"where the root key is lost, {body.quorum} of these may replace it: {', '.join(map(name, body.keys))}"


def _membership(body: Membership, name: Callable[[bytes], str], others: Callable[[Membership], str]) -> str:
    whose = f", of the user {printable(body.user)}{others(body)}" if body.user else ""
    extra = f", tags {', '.join(map(printable, body.tags))}" if body.tags else ""
    role = f", {printable(body.role)}" if body.role != "member" else ""
    groups = f", groups {', '.join(map(printable, body.groups))}" if body.groups else ""
    what = f"{name(body.identity)} is a member: {printable(body.hostname)}, {body.ipv4}"
    return f"{what}{role}{whose}{groups}{extra}{_end(body)}"


def _end(body: Membership) -> str:
    """What becomes of an ephemeral one; its very end is a date of the order."""
    if not body.ephemeral or body.expires is None:
        return ""
    days = EPHEMERAL_LOCKED_LIFETIME_S // 86400
    return f", ephemeral: for {days} days, and longer while it and an admin's machine are online"


def _delegation(body: Delegation, name: Callable[[bytes], str]) -> str:
    bounds = []
    if body.limits.count is not None:
        bounds.append(f"{body.limits.count} at most")
    if body.limits.hostname:
        bounds.append(f"named {body.limits.hostname}")
    if body.limits.ipv4:
        bounds.append(f"within {body.limits.ipv4}")
    if body.limits.tags:
        bounds.append(f"tagged {', '.join(map(printable, body.limits.tags))}")
    within = f" ({'; '.join(bounds)})" if bounds else ""
    return f"the key {name(body.delegate)} may {', '.join(body.rights) or 'nothing'}{within}"
