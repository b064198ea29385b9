"""Ephemeral memberships: what they are, and who keeps those of a locked network. Pure.

Decides which memberships are ephemeral and when one is due for renewal. In an open network the registrar renews them
and ends them; in a locked one no server may. There an admin's machine that is online renews those that are online
(EPHEMERAL_LOCKED_LIFETIME_S at a time, so that a weekend without any ends nothing), and the machine's own word that it
leaves, given to the server beforehand, ends it when it has gone. Whether a machine is here only the server tells: one
that lies, and keeps that word to itself, keeps a machine that has gone for as long as it lies, until an admin kicks it.
One that tells the word too early refuses service, which it always can.
"""

from collections.abc import Callable, Iterable

import msgspec

from warren.limits import EPHEMERAL_LIFETIME_S, EPHEMERAL_LOCKED_LIFETIME_S
from warren.model.ids import Identity
from warren.trust.batches import Draft, again
from warren.trust.documents import Membership
from warren.trust.office import is_locked
from warren.trust.view import View


def is_ephemeral(body: Membership) -> bool:
    """Whether a membership is renewed all the time and ends soon after its machine went; older registrars only made it
    short."""
    return body.ephemeral or (body.expires is not None and body.expires - body.date <= EPHEMERAL_LIFETIME_S)


def ends_of_locked(body: Membership, now: int) -> Membership:
    """The membership as a locked network has it from `now` (Unix seconds) on: ephemeral ones with the longer life,
    others without an end, since nobody there renews while people sleep."""
    if body.expires is None or not is_ephemeral(body):
        return msgspec.structs.replace(body, expires=None)
    return msgspec.structs.replace(body, ephemeral=True, expires=now + EPHEMERAL_LOCKED_LIFETIME_S)


def due(view: View, now: int, is_online: Callable[[Identity], bool]) -> tuple[Identity, ...]:
    """The ephemeral members of a locked network that are here and half of whose time is over."""
    if not is_locked(view):
        return ()
    return tuple(
        one
        for one, member in view.members.items()
        if member.membership.expires is not None
        and is_ephemeral(member.membership)
        and member.membership.expires - now <= EPHEMERAL_LOCKED_LIFETIME_S / 2
        and is_online(one)
    )


def renew(draft: Draft, identities: Iterable[Identity]) -> None:
    """Sign a later end for those."""
    for identity in identities:
        draft.admit(ends_of_locked(again(draft.view.members[identity].membership), draft.now))
