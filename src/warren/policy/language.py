"""The policy's language: the text that people write, as a value, or the reasons why it is none.

One kind of rule so far: `{"version": 1, "rules": [{"members": "reach-each-other"}]}`. Decides grammar only; what a
policy allows is in `verdict.py`. A rule with an attribute or a value that this version does not know is kept with that
as its reason and never matches, so a newer policy allows less here, never more. JSON: RFC 8259, each key once.
"""

from dataclasses import dataclass

DEFAULT_TEXT = b'{"version": 1, "rules": [{"members": "reach-each-other"}]}'


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
    raise NotImplementedError


def check(text: bytes) -> tuple[Problem, ...]:
    """All problems, in the order of the text: fatal ones refuse it, others are rules that will match nothing."""
    raise NotImplementedError


def is_readable(text: bytes) -> bool:
    """Whether `parse` takes the text (what `trust.verify` wants to know of a policy document)."""
    raise NotImplementedError
