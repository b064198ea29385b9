"""The policy's language: the text that people write, as a value, or the reasons why it is none.

Two kinds of rule: `{"members": "reach-each-other"}`, and one that accepts,
`{"from": ["tag:ops", "user:alice"], "to": ["host:db"], "protocols": ["tcp"], "ports": ["22", "8000-8100"]}`, where
`protocols` and `ports` may be left out. Decides grammar only; what a policy allows is in `verdict.py`. A rule with an
attribute or a value that this version does not know is kept with that as its reason and never matches, so a newer
policy allows less here, never more. JSON: RFC 8259, each key once.
"""

import json
from dataclasses import dataclass
from typing import TypeAlias

from warren import limits
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.policy.positions import Node, read

DEFAULT_TEXT = b'{"version": 1, "rules": [{"members": "reach-each-other"}]}'
REACH_EACH_OTHER = "reach-each-other"
SELECTORS = frozenset({"user", "group", "tag", "role", "host"})
Selector: TypeAlias = tuple[str, str]
_ACCEPT = {"from", "to", "protocols", "ports"}
_PORT_MAX = 65_535
_WITH_PORTS = {6, 17}
_SHOWN_CHARS = 40  # of a name in the text, inside a reason


PROTOCOLS = {"tcp": (6,), "udp": (17,), "icmp": (1, 58)}
"""Names of protocols and their numbers; others stand as a number, 0 to 255 (RFC 5237)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One accept rule: `line` is where it begins in the text; `unknown` says why it matches nothing ("" = it may).

    `sources` and `destinations` are selectors: (`user`, `group`, `tag`, `role` or `host`, name), or (`*`, ``) for every
    member. `protocols` are numbers, `ports` ranges of destination ports, both ends included; none: any.
    """

    line: int
    members: str
    unknown: str = ""
    sources: tuple[Selector, ...] = ()
    destinations: tuple[Selector, ...] = ()
    protocols: tuple[int, ...] = ()
    ports: tuple[tuple[int, int], ...] = ()


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
            said = f"policy line {problem.line}: {problem.text}"
            raise WarrenError(Code.INVALID_CONFIG, said, "`warren policy set --help` shows what it looks like")
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
            problems.append(_fatal(node, f"unknown key '{shown(key)}'"))
    if not isinstance(rules.value, list):
        problems.append(_fatal(rules, "'rules' is a list: [...]"))
        return []
    return [_read_rule(node, problems) for node in rules.value]


def _read_rule(node: Node, problems: list[Problem]) -> Rule:
    if not isinstance(node.value, dict):
        problems.append(_fatal(node, "a rule is an object: {...}"))
        return Rule(node.line, "", "not an object")
    kind = {"members"} if "members" in node.value else _ACCEPT
    for key, part in node.value.items():
        if key not in kind:
            return _unmatched(part, f"unknown attribute '{shown(key)}'", node, problems)
    if "from" in node.value or "to" in node.value:
        return _read_accept(node, node.value, problems)
    members = node.value.get("members")
    if members is None:
        return _unmatched(node, "the rule says nothing", node, problems)
    if members.value != REACH_EACH_OTHER:
        return _unmatched(members, f"'members' is '{REACH_EACH_OTHER}' or nothing", node, problems)
    return Rule(node.line, REACH_EACH_OTHER)


class _NotKnownError(Exception):
    """A part of a rule that this version does not know."""

    def __init__(self, at: Node, reason: str) -> None:
        self.at = at
        self.reason = reason


def _read_accept(node: Node, parts: dict[str, Node], problems: list[Problem]) -> Rule:
    for key in ("from", "to"):
        if key not in parts:
            return _unmatched(node, f"'{key}' is missing", node, problems)
    try:
        sources = tuple(_selector(one) for one in _texts(parts["from"], "from"))
        destinations = tuple(_selector(one) for one in _texts(parts["to"], "to"))
        protocols = tuple(number for one in _given(parts, "protocols") for number in _protocol(one))
        ports = tuple(_range(one) for one in _given(parts, "ports"))
    except _NotKnownError as error:
        return _unmatched(error.at, error.reason, node, problems)
    if ports and not set(protocols) <= _WITH_PORTS:
        return _unmatched(parts["ports"], "only tcp and udp have ports", node, problems)
    return Rule(node.line, "", sources=sources, destinations=destinations, protocols=protocols, ports=ports)


def _given(parts: dict[str, Node], key: str) -> list[Node]:
    return _texts(parts[key], key) if key in parts else []


def _texts(node: Node, key: str) -> list[Node]:
    """The texts of a list that has at least one: an empty one could mean nobody as well as everybody."""
    if not isinstance(node.value, list) or not node.value or len(node.value) > limits.POLICY_LIST_MAX:
        raise _NotKnownError(node, f"'{key}' is a list of 1 to {limits.POLICY_LIST_MAX} texts")
    for one in node.value:
        if not isinstance(one.value, str):
            raise _NotKnownError(one, f"'{key}' is a list of texts")
    return node.value


def _selector(node: Node) -> Selector:
    text = str(node.value)
    kind, colon, name = text.partition(":")
    if text == "*":
        return ("*", "")
    if kind not in SELECTORS or not colon or not name:
        known = ", ".join(f"{one}:NAME" for one in sorted(SELECTORS))
        raise _NotKnownError(node, f"'{shown(text)}' is none of *, {known}")
    return (kind, name)


def _protocol(node: Node) -> tuple[int, ...]:
    text = str(node.value)
    if text in PROTOCOLS:
        return PROTOCOLS[text]
    if _is_number(text) and int(text) <= 255:  # RFC 791: 8 bits
        return (int(text),)
    raise _NotKnownError(node, f"'{shown(text)}' is no protocol: tcp, udp, icmp or a number")


def _range(node: Node) -> tuple[int, int]:
    text = str(node.value)
    first, dash, last = text.partition("-")
    last = last if dash else first
    if not _is_number(first) or not _is_number(last) or not int(first) <= int(last) <= _PORT_MAX:
        raise _NotKnownError(node, f"'{shown(text)}' is no port or range of ports")
    return int(first), int(last)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(_PORT_MAX))


def _unmatched(at: Node, reason: str, rule: Node, problems: list[Problem]) -> Rule:
    problems.append(Problem(at.line, at.column, f"{reason}; the rule matches nothing", fatal=False))
    return Rule(rule.line, "", reason)


def _fatal(node: Node, text: str) -> Problem:
    return Problem(node.line, node.column, text, fatal=True)


def shown(key: str) -> str:
    """A name of the text as a reason shows it: not too long, and nothing that moves a terminal."""
    return printable(key[:_SHOWN_CHARS])
