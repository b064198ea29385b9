"""Asking a policy: may this member reach that one, and by which rule.

Decides with the reason. Must not know ports yet (the packet filter's issue) nor where members come from. No policy, an
empty one, no rule that matches: denied. Only an accept rule of which every part is known can match.
"""

from dataclasses import dataclass

from warren.model.ids import Identity, UserId
from warren.policy.language import REACH_EACH_OTHER, Policy, Rule


@dataclass(frozen=True, slots=True)
class Party:
    """What a rule can ask about a node. Make one only of a verified member: being a party is being a member."""

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


def allows(policy: Policy | None, a: Party, b: Party) -> Verdict:
    """Whether `a` may reach `b`."""
    if policy is None:
        return Verdict(allowed=False, reason="no policy is held, so everything is denied")
    if not policy.rules:
        return Verdict(allowed=False, reason="the policy has no rules, so everything is denied")
    for rule in policy.rules:
        if _matches(rule, a, b):
            return Verdict(allowed=True, reason=f"rule in line {rule.line}: members reach each other", line=rule.line)
    unknown = next((rule for rule in policy.rules if rule.unknown), None)
    if unknown is not None:
        reason = f"no rule matches; the one in line {unknown.line} cannot: {unknown.unknown}"
        return Verdict(allowed=False, reason=reason)
    return Verdict(allowed=False, reason="no rule of the policy matches")


def _matches(rule: Rule, a: Party, b: Party) -> bool:
    return not rule.unknown and rule.members == REACH_EACH_OTHER and a.identity != b.identity
