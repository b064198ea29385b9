"""What a newer view takes away from the one in force. Pure.

For a node that cannot write the newer one down (a full disk): nothing new may be used before its floor is on disk, or a
liar could take it back after a restart. What ends ends at once all the same: who was removed or ran out is out, whoever
stays keeps no tag, group or role that the newer view does not give them. The newer policy counts as a whole, also where
it grants more, since what it takes cannot be told apart. After a restart the node is where it would be had it waited.
Must not know disks.
"""

from dataclasses import replace
from types import MappingProxyType

import msgspec

from warren.trust.view import VerifiedMember, View


def narrowed(held: View, newer: View) -> View:
    """`held` without the members, their words and the delegations that `newer` lacks, by the policy of `newer`."""
    members = {who: _less(one, newer.members[who]) for who, one in held.members.items() if who in newer.members}
    delegations = {
        key: tuple(one for one in many if one in newer.delegations.get(key, ()))
        for key, many in held.delegations.items()
    }
    return replace(
        held,
        members=MappingProxyType(members),
        removed=newer.removed,
        delegations=MappingProxyType({key: many for key, many in delegations.items() if many}),
        policy=newer.policy,
        policy_digest=newer.policy_digest,
        next_change=newer.next_change,
        effective_now=newer.effective_now,
    )


def _less(held: VerifiedMember, newer: VerifiedMember) -> VerifiedMember:
    """The member as it was, with the words alone that both give it."""
    before, after = held.membership, newer.membership
    membership = msgspec.structs.replace(
        before,
        tags=tuple(tag for tag in before.tags if tag in after.tags),
        groups=tuple(group for group in before.groups if group in after.groups),
        role=before.role if before.role == after.role else "member",
        user=before.user if before.user == after.user else "",
    )
    return replace(held, membership=membership, is_admin=held.is_admin and newer.is_admin)
