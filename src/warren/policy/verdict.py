"""Asking a policy: may this member reach that one, by which rule, and over which protocols and ports.

Decides with the reason. Must not know where members come from, nor packets: `openings` is what the packet filter is
made of. No policy, an empty one, no rule that matches: denied. Only an accept rule of which every part is known can
match.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from warren.model.ids import Identity, UserId
from warren.policy.language import REACH_EACH_OTHER, Policy, Rule, Selector


@dataclass(frozen=True, slots=True)
class Party:
    """What a rule can ask about a node. Make one only of a verified member: being a party is being a member."""

    identity: Identity
    user: UserId
    groups: tuple[str, ...] = ()
    role: str = "member"
    tags: tuple[str, ...] = ()
    host: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer and why: `reason` is a sentence, `line` the rule's line in the policy (None: no rule decided)."""

    allowed: bool
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """What one rule lets one member open to another. `protocols` are numbers, `ports` ranges with both ends; none: any.

    `line` is the rule's in the policy.
    """

    line: int
    protocols: tuple[int, ...] = ()
    ports: tuple[tuple[int, int], ...] = ()

    def covers(self, protocol: int, port: int | None) -> bool:
        """Whether it lets this protocol, and this destination port where it has ports, through."""
        if self.protocols and protocol not in self.protocols:
            return False
        return not self.ports or (port is not None and any(first <= port <= last for first, last in self.ports))


def allows(policy: Policy | None, a: Party, b: Party) -> Verdict:
    """Whether `a` may reach `b` at all, over whatever protocol and port."""
    if policy is None:
        return Verdict(allowed=False, reason="no policy is held, so everything is denied")
    if not policy.rules:
        return Verdict(allowed=False, reason="the policy has no rules, so everything is denied")
    for rule in policy.rules:
        if _matches(rule, a, b):
            return Verdict(allowed=True, reason=f"rule in line {rule.line}: {_says(rule)}", line=rule.line)
    return _denied(policy, "no rule of the policy matches")


def judge(policy: Policy | None, a: Party, b: Party, protocol: int, port: int | None) -> Verdict:
    """Whether `a` may open a flow to `b` over this protocol (its number) and destination port (None: it has none)."""
    at_all = allows(policy, a, b)
    if policy is None or not at_all.allowed:
        return at_all
    for rule in policy.rules:
        if _matches(rule, a, b) and _opening(rule).covers(protocol, port):
            return Verdict(allowed=True, reason=f"rule in line {rule.line}: {_says(rule)}", line=rule.line)
    return _denied(policy, f"{at_all.reason}, but no rule lets this protocol and port through")


def openings(policy: Policy | None, a: Party, b: Party) -> tuple[Opening, ...]:
    """Everything that `a` may open to `b`, a rule each, in the order of the policy."""
    rules = policy.rules if policy is not None else ()
    return tuple(_opening(rule) for rule in rules if _matches(rule, a, b))


def _opening(rule: Rule) -> Opening:
    return Opening(rule.line, rule.protocols, rule.ports)


def _denied(policy: Policy, otherwise: str) -> Verdict:
    unknown = next((rule for rule in policy.rules if rule.unknown), None)
    if unknown is not None:
        reason = f"no rule matches; the one in line {unknown.line} cannot: {unknown.unknown}"
        return Verdict(allowed=False, reason=reason)
    return Verdict(allowed=False, reason=otherwise)


def _says(rule: Rule) -> str:
    if rule.members:
        return "members reach each other"
    return f"from {_list(rule.sources)} to {_list(rule.destinations)}"


def _list(selectors: tuple[Selector, ...]) -> str:
    shown = [f"{kind}:{name}" if name else kind for kind, name in selectors[:3]]
    return ", ".join(shown) + (", ..." if len(selectors) > len(shown) else "")


def _matches(rule: Rule, a: Party, b: Party) -> bool:
    if rule.unknown or a.identity == b.identity:
        return False
    if rule.members:
        return rule.members == REACH_EACH_OTHER
    return _selects(rule.sources, a) and _selects(rule.destinations, b)


def _selects(selectors: tuple[Selector, ...], party: Party) -> bool:
    known = set(_names(party))
    return any(selector in known for selector in selectors)


def _names(party: Party) -> Iterator[Selector]:
    yield ("*", "")
    yield ("role", party.role)
    yield from (("group", name) for name in party.groups)
    yield from (("tag", name) for name in party.tags)
    if party.user:
        yield ("user", party.user)
    if party.host:
        yield ("host", party.host)
