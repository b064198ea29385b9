"""What a newer view takes away from the one in force. Pure.

For a node that cannot write the newer one down (a full disk): nothing new may be used before its floor is on disk, or a
liar could take it back after a restart. What ends ends at once all the same: who was removed or ran out is out, and the
newer policy counts. After a restart the node is where it would be had it waited. Must not know disks.
"""

from dataclasses import replace
from types import MappingProxyType

from warren.trust.view import View


def narrowed(held: View, newer: View) -> View:
    """`held` without the members and the delegations that `newer` lacks, by the policy of `newer`."""
    return replace(
        held,
        members=MappingProxyType({who: one for who, one in held.members.items() if who in newer.members}),
        removed=newer.removed,
        delegations=MappingProxyType({key: one for key, one in held.delegations.items() if key in newer.delegations}),
        policy=newer.policy,
        policy_digest=newer.policy_digest,
        next_change=newer.next_change,
        effective_now=newer.effective_now,
    )
