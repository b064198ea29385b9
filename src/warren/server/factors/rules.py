"""What counts as a second factor, where one is demanded, and how long it counts. Pure.

`--second-factor` names what is demanded of everybody: `sign-on` (a session without one ends at the page that sets one
up), `approve` (a program or machine is approved only by who showed one lately), `admin` (tokens that administer are
good only so long after the sign-on that made them). Who has one is asked for it at every sign-on by password, whatever
the setting says. Recovery codes are 80 bits, each good once.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from warren.limits import FACTOR_CHANGE_FRESH_S

RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10  # 16 characters of base32
RECOVERY_GROUP: Final = 4
TOTP_DIGITS: Final = 6
_BASE32: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


class Action(StrEnum):
    """What a second factor may be demanded for."""

    SIGN_ON = "sign-on"
    APPROVE = "approve"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Demands:
    """What the settings demand a second factor for, and for how many seconds one that was shown counts."""

    actions: frozenset[Action] = frozenset()
    fresh_s: int = 12 * 3600

    def refuses(self, action: Action, shown_at: int | None, now: float) -> bool:
        """Whether the action has to wait for a second factor; `shown_at`: when one was shown last, Unix seconds."""
        return action in self.actions and not is_fresh(shown_at, self.fresh_s, now)


def parse_demands(words: str, fresh_s: int) -> Demands:
    """From the settings. ValueError for a word that is no action."""
    named = [word.strip() for word in words.split(",") if word.strip()]
    unknown = [word for word in named if word not in set(Action)]
    if unknown:
        raise ValueError(f"--second-factor takes {', '.join(Action)}, not {unknown[0]!r}")
    return Demands(frozenset(Action(word) for word in named), fresh_s)


def is_fresh(shown_at: int | None, within_s: float, now: float) -> bool:
    """Whether a factor that was shown then still counts."""
    return shown_at is not None and now - within_s < shown_at


def may_change_factors(*, has_factor: bool, shown_at: int | None, now: float) -> bool:
    """Whether a session may add or remove factors: who has one has to have shown it just now."""
    return not has_factor or is_fresh(shown_at, FACTOR_CHANGE_FRESH_S, now)


def parse_totp(text: str) -> str:
    """The code of an app as typed, however spaced; empty where it cannot be one."""
    digits = "".join(text.split())
    return digits if len(digits) == TOTP_DIGITS and digits.isascii() and digits.isdigit() else ""


def parse_recovery(text: str) -> str:
    """A recovery code as typed, however spaced, in capital letters; empty where it cannot be one."""
    letters = "".join(char for char in text.upper() if char not in " -\t")
    return letters if len(letters) == RECOVERY_BYTES * 8 // 5 and set(letters) <= _BASE32 else ""


def show_recovery(code: str) -> str:
    """In groups, as a person copies it."""
    return "-".join(code[start : start + RECOVERY_GROUP] for start in range(0, len(code), RECOVERY_GROUP))
