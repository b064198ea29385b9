"""Asking a policy: may this member reach that one, and by which rule.

Decides with the reason. Must not know ports yet (the packet filter's issue) nor where members come from.
"""

from dataclasses import dataclass

from warren.model.ids import Identity, UserId
from warren.policy.language import Policy


@dataclass(frozen=True, slots=True)
class Party:
    """What a rule can ask about a node. Only verified members are parties."""

    identity: Identity
    user: UserId
    groups: tuple[str, ...] = ()
    role: str = "member"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer and why: `reason` is a sentence, `line` the rule's line in the policy (None: no rule decided)."""

    allowed: bool
    reason: str
    line: int | None = None


def allows(policy: Policy | None, source: Party, destination: Party) -> Verdict:
    """Whether `source` may reach `destination`; no policy, an empty one, or no matching rule: denied."""
    raise NotImplementedError
