"""JSON with the place of each value, so that a reason can name its line.

Decides what JSON is (RFC 8259): one value, UTF-8, each key of an object once, a limit on depth, no NaN or Infinity.
Scalars and strings are read by the standard library; only the structure is walked here, since the standard decoder
forgets where things stood. Must not know policies.
"""

import bisect
import json
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

Value: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_SCALAR: Final = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?(?![0-9.eE])", re.ASCII)
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it begins (line and column count from 1)."""

    value: Value
    line: int
    column: int


def read(text: bytes, max_depth: int) -> Node:
    """The one value in the text; json.JSONDecodeError, which knows line and column, if there is none."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        before = text[: error.start].decode()
        raise json.JSONDecodeError("not UTF-8", before, len(before)) from error
    reader = _Reader(decoded, max_depth)
    node, at = reader.value(reader.space(0), 0)
    at = reader.space(at)
    if at != len(decoded):
        raise json.JSONDecodeError("something follows the end", decoded, at)
    return node


class _Reader:
    """Walks the text once; each method takes an offset and returns the one after what it read."""

    def __init__(self, text: str, max_depth: int) -> None:
        self.text = text
        self.max_depth = max_depth
        self.line_starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        first = self.text[at : at + 1]
        if first in {"{", "["} and depth >= self.max_depth:
            raise self.wrong(f"nested deeper than {self.max_depth}", at)
        if first == "{":
            return self.object(at, depth + 1)
        if first == "[":
            return self.array(at, depth + 1)
        if first == '"':
            content, end = self.string(at)
            return self.node(content, at), end
        found = _SCALAR.match(self.text, at)
        if found is None:
            raise self.wrong("a value is expected", at)
        return self.node(json.loads(found[0]), at), found.end()

    def object(self, at: int, depth: int) -> tuple[Node, int]:
        members: dict[str, Node] = {}
        start, at = at, self.space(at + 1)
        while self.text[at : at + 1] != "}":
            if members:
                at = self.expect(",", at)
            key_at = at
            if self.text[at : at + 1] != '"':
                raise self.wrong("a key in double quotes is expected", at)
            key, at = self.string(at)
            if key in members:
                raise self.wrong("this key stands here twice", key_at)
            members[key], at = self.value(self.expect(":", self.space(at)), depth)
            at = self.space(at)
        return self.node(members, start), at + 1

    def array(self, at: int, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        start, at = at, self.space(at + 1)
        while self.text[at : at + 1] != "]":
            if items:
                at = self.expect(",", at)
            item, at = self.value(at, depth)
            items.append(item)
            at = self.space(at)
        return self.node(items, start), at + 1

    def string(self, at: int) -> tuple[str, int]:
        found = _STRING.match(self.text, at)
        if found is None:
            raise self.wrong("the string does not end on its line", at)
        try:
            content = json.loads(found[0])
        except json.JSONDecodeError as error:
            raise self.wrong("an escape in the string is not one", at) from error
        if not isinstance(content, str) or any("\ud800" <= char <= "\udfff" for char in content):
            raise self.wrong("half of a surrogate pair", at)
        return content, found.end()

    def expect(self, char: str, at: int) -> int:
        if self.text[at : at + 1] != char:
            raise self.wrong(f"'{char}' is expected", at)
        return self.space(at + 1)

    def space(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return at if found is None else found.end()

    def node(self, value: Value, at: int) -> Node:
        line = bisect.bisect_right(self.line_starts, at)
        return Node(value, line, at - self.line_starts[line - 1] + 1)

    def wrong(self, reason: str, at: int) -> json.JSONDecodeError:
        return json.JSONDecodeError(reason, self.text, at)
