"""Users and groups that a policy names and that a network does not have: a slip of the pen, or who is still to come.

Decides which, and where they stand in the text. Nothing is refused for it: a policy may come before the people. Must
not know where people and groups come from.
"""

import json
from collections.abc import Collection, Iterator, Mapping

from warren import limits
from warren.policy.language import Problem, shown
from warren.policy.positions import Node, read

_SAID = {
    "user": "no user of this network has the id '{}' (`warren member list` shows ids): it matches nobody",
    "group": "nobody of this network is in the group '{}': it matches nobody",
}


def strangers(text: bytes, known: Mapping[str, Collection[str]]) -> tuple[Problem, ...]:
    """Each place that names nobody, in the order of the text; `known`: who there is, by `user` and `group`."""
    try:
        top = read(text, limits.DOCUMENT_MAX_DEPTH)
    except json.JSONDecodeError:
        return ()  # `check` says where
    found = (_stranger(node, known) for node in _selectors(top))
    return tuple(problem for problem in found if problem is not None)


def _stranger(node: Node, known: Mapping[str, Collection[str]]) -> Problem | None:
    kind, _, name = node.value.partition(":") if isinstance(node.value, str) else ("", "", "")
    if not name or kind not in _SAID or name in known[kind]:
        return None
    return Problem(node.line, node.column, _SAID[kind].format(shown(name)), fatal=False)


def _selectors(top: Node) -> Iterator[Node]:
    rules = top.value.get("rules") if isinstance(top.value, dict) else None
    for rule in rules.value if rules is not None and isinstance(rules.value, list) else ():
        for key in ("from", "to"):
            part = rule.value.get(key) if isinstance(rule.value, dict) else None
            if part is not None and isinstance(part.value, list):
                yield from part.value
