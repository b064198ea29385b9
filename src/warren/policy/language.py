"""The policy's language: the text that people write, as a value, or the reasons why it is none.

One kind of rule so far: `{"version": 1, "rules": [{"members": "reach-each-other"}]}`. Decides grammar only; what a
policy allows is in `verdict.py`. A rule with an attribute or a value that this version does not know is kept with that
as its reason and never matches, so a newer policy allows less here, never more. JSON: RFC 8259, each key once.
"""

import json
from dataclasses import dataclass

from warren import limits
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.policy.positions import Node, read

DEFAULT_TEXT = b'{"version": 1, "rules": [{"members": "reach-each-other"}]}'
REACH_EACH_OTHER = "reach-each-other"
_SHOWN_CHARS = 40  # of a name in the text, inside a reason


@dataclass(frozen=True, slots=True)
class Rule:
    """One accept rule: `line` is where it begins in the text; `unknown` says why it matches nothing ("" = it may)."""

    line: int
    members: str
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that can be asked."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a text, and where (line and column count from 1)."""

    line: int
    column: int
    text: str
    fatal: bool


def parse(text: bytes) -> Policy:
    """The policy; WarrenError INVALID_CONFIG that names line and reason if the text is none."""
    policy, problems = _examine(text)
    for problem in problems:
        if problem.fatal:
            raise WarrenError(Code.INVALID_CONFIG, f"policy line {problem.line}: {problem.text}")
    return policy


def check(text: bytes) -> tuple[Problem, ...]:
    """All problems, in the order of the text: fatal ones refuse it, others are rules that will match nothing."""
    return _examine(text)[1]


def is_readable(text: bytes) -> bool:
    """Whether `parse` takes the text (what `trust.verify` wants to know of a policy document)."""
    return not any(problem.fatal for problem in check(text))


def _examine(text: bytes) -> tuple[Policy, tuple[Problem, ...]]:
    if len(text) > limits.DOCUMENT_MAX_BYTES:
        return Policy(()), (Problem(1, 1, f"longer than {limits.DOCUMENT_MAX_BYTES} bytes", fatal=True),)
    try:
        top = read(text, limits.DOCUMENT_MAX_DEPTH)
    except json.JSONDecodeError as error:
        return Policy(()), (Problem(error.lineno, error.colno, error.msg, fatal=True),)
    problems: list[Problem] = []
    rules = _read_top(top, problems)
    problems.sort(key=lambda problem: (problem.line, problem.column))
    return Policy(tuple(rules)), tuple(problems)


def _read_top(top: Node, problems: list[Problem]) -> list[Rule]:
    if not isinstance(top.value, dict):
        problems.append(_fatal(top, "a policy is an object: {...}"))
        return []
    version, rules = top.value.get("version"), top.value.get("rules")
    if version is None or rules is None:
        problems.append(_fatal(top, f"'{'version' if version is None else 'rules'}' is missing"))
        return []
    if type(version.value) is not int or version.value != 1:
        problems.append(_fatal(version, "this program knows policies of version 1 only"))
    for key, node in top.value.items():
        if key not in {"version", "rules"}:
            # an unknown part of the whole could be a restriction, so the whole is not taken
            problems.append(_fatal(node, f"unknown key '{_shown(key)}'"))
    if not isinstance(rules.value, list):
        problems.append(_fatal(rules, "'rules' is a list: [...]"))
        return []
    return [_read_rule(node, problems) for node in rules.value]


def _read_rule(node: Node, problems: list[Problem]) -> Rule:
    if not isinstance(node.value, dict):
        problems.append(_fatal(node, "a rule is an object: {...}"))
        return Rule(node.line, "", "not an object")
    for key, part in node.value.items():
        if key != "members":
            return _unmatched(part, f"unknown attribute '{_shown(key)}'", node, problems)
    members = node.value.get("members")
    if members is None:
        return _unmatched(node, "the rule says nothing", node, problems)
    if members.value != REACH_EACH_OTHER:
        return _unmatched(members, f"'members' is '{REACH_EACH_OTHER}' or nothing", node, problems)
    return Rule(node.line, REACH_EACH_OTHER)


def _unmatched(at: Node, reason: str, rule: Node, problems: list[Problem]) -> Rule:
    problems.append(Problem(at.line, at.column, f"{reason}; the rule matches nothing", fatal=False))
    return Rule(rule.line, "", reason)


def _fatal(node: Node, text: str) -> Problem:
    return Problem(node.line, node.column, text, fatal=True)


def _shown(key: str) -> str:
    return printable(key[:_SHOWN_CHARS])
