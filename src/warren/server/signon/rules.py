"""Codes that people type, how long things last, and when guessing is stopped. Pure.

A user code is 8 consonants without look-alikes (RFC 8628, 6.1): 20^8 of them against ten tries in five minutes
(SECURITY.md rule 12). `Throttle` is a table of failures by what was guessed and by who guessed, bounded, on a clock
that comes in as an argument.
"""

from collections import OrderedDict
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
FAILURES_WITHIN_S: Final = 900.0
THROTTLED_MAX: Final = 10_000  # of each kind; the one that failed longest ago is forgotten first


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


class Throttle:
    """Counts failures within `FAILURES_WITHIN_S`; `most` of them shut the subject out until the oldest is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, subject: str, now: float) -> float:
        """How long this subject has to wait, 0 where it may try."""
        recent = self._recent(subject, now)
        return recent[0] + FAILURES_WITHIN_S - now if len(recent) >= self._most else 0.0

    def fail(self, subject: str, now: float) -> None:
        """One more wrong try."""
        recent = self._recent(subject, now)
        self._failures[subject] = [*recent[-self._most + 1 :], now]
        self._failures.move_to_end(subject)
        while len(self._failures) > THROTTLED_MAX:
            self._failures.popitem(last=False)

    def take_back(self, subject: str) -> None:
        """The newest failure was none: a try is counted before its outcome is known, so that many at once are not more
        than many one after the other."""
        failures = self._failures.get(subject)
        if failures:
            del failures[-1]

    def forgive(self, subject: str) -> None:
        """A right try: what was wrong before is forgotten."""
        self._failures.pop(subject, None)

    def _recent(self, subject: str, now: float) -> list[float]:
        return [at for at in self._failures.get(subject, ()) if at > now - FAILURES_WITHIN_S]
