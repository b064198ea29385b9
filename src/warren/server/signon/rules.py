"""Codes that people type, how long things last, and how often somebody may guess. Pure.

A user code is 8 consonants without look-alikes (RFC 8628, 6.1): 20^8 of them against ten tries in five minutes
(SECURITY.md rule 12).
"""

from enum import StrEnum
from typing import Final

LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
CODE_LETTERS: Final = 8
DEVICE_LIFETIME_S: Final = 300
DEVICE_TRIES_MAX: Final = 10
SESSION_LIFETIME_S: Final = 12 * 3600
SESSION_IDLE_S: Final = 3600
KNOWN_BROWSER_LIFETIME_S: Final = 180 * 86400  # a browser that is not used for longer is as any other
FIRST_LINK_LIFETIME_S: Final = 24 * 3600
FAILURES_AN_ACCOUNT_MAX: Final = 10
FAILURES_AN_ADDRESS_MAX: Final = 50


def make_code(random: bytes) -> str:
    """A user code of fresh random bytes (`CODE_LETTERS` or more), as `BCDF-GHJK`. 256 values over 20 letters: the bias
    of under 8 % costs a third of a bit in all."""
    letters = "".join(LETTERS[byte % len(LETTERS)] for byte in random[:CODE_LETTERS])
    return f"{letters[:4]}-{letters[4:]}"


def parse_code(text: str) -> str:
    """The code that somebody typed, however they spaced it; empty where it cannot be one."""
    letters = "".join(char for char in text.upper() if char in LETTERS)
    if len(letters) != CODE_LETTERS or len(text) > 4 * CODE_LETTERS:
        return ""
    return f"{letters[:4]}-{letters[4:]}"


class Step(StrEnum):
    """How far a sign-on is. Only a whole session opens anything."""

    SECOND = "second"
    """A second factor is to be shown."""
    SET_UP = "set-up"
    """A second factor is demanded, and there is none yet."""
    WHOLE = "whole"


def first_step(*, has_factor: bool, shown: bool, demanded: bool) -> Step:
    """Where a session begins for somebody who proved who they are by one factor, or with a second one `shown`."""
    if shown:
        return Step.WHOLE
    if has_factor:
        return Step.SECOND
    return Step.SET_UP if demanded else Step.WHOLE
