"""What differs between two views of one network.

Decides nothing; a view is a whole, and this only says which members are worth looking at again.
"""

from dataclasses import dataclass

from warren.model.ids import Identity
from warren.trust.view import View


@dataclass(frozen=True, slots=True)
class Changes:
    """Identities sorted; `settings` and `policy` say whether the document in force is another one."""

    joined: tuple[Identity, ...]
    left: tuple[Identity, ...]
    changed: tuple[Identity, ...]
    settings: bool
    policy: bool

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.changed or self.settings or self.policy)


def diff(before: View | None, after: View) -> Changes:
    """What is in `after` and was not in `before` (None: nothing was known)."""
    old = {} if before is None else before.members
    return Changes(
        joined=tuple(sorted(after.members.keys() - old.keys())),
        left=tuple(sorted(old.keys() - after.members.keys())),
        changed=tuple(sorted(key for key in after.members.keys() & old.keys() if after.members[key] != old[key])),
        settings=(None if before is None else before.settings) != after.settings,
        policy=(None if before is None else before.policy_digest) != after.policy_digest,
    )
