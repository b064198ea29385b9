"""What a fuzzed parser is, and how often a check may say no.

A check takes any bytes. It returns where the parser took them or refused them as documented, and raises anything else:
an undocumented exception, or AssertionError where a property does not hold. A refusal leaves nothing behind, and what
was taken reads back as written: each check says how it knows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

Check = Callable[[bytes], bool]
"""Whether the parser took the bytes."""


@dataclass(frozen=True, slots=True)
class Parser:
    """One parser: `seeds` are inputs that it takes, `words` what mutations put in besides."""

    name: str
    seeds: tuple[bytes, ...]
    check: Check
    words: tuple[bytes, ...] = field(default=())


def require(condition: object, text: str) -> None:
    """AssertionError with this text; an `assert` could be switched off."""
    if not condition:
        raise AssertionError(text)
