"""How long invitations and questions wait, how many there may be, and what may be said in them. Pure."""

from enum import StrEnum
from typing import Final

from warren.errors import Code, WarrenError
from warren.model.names import printable

LIFETIME_S: Final = 14 * 86400  # who was on holiday finds it; then it is asked again
TEXT_MAX_CHARS: Final = 200


class Kind(StrEnum):
    """Who has spoken: the other one's yes lets the person in."""

    INVITED = "invited"
    ASKED = "asked"


def parse_text(text: str) -> str:
    """A line for people to read, as it is stored. WarrenError INVALID_ARGUMENT."""
    line = " ".join(text.split())
    if len(line) > TEXT_MAX_CHARS:
        raise WarrenError(Code.INVALID_ARGUMENT, f"that is longer than {TEXT_MAX_CHARS} characters")
    return printable(line)


def not_invited() -> WarrenError:
    """The one refusal where nothing waits for this person: no invitation, an old one, no such network."""
    return WarrenError(Code.NOT_FOUND, "no invitation waits for you there", "warren invite mine shows what does")


def not_listed() -> WarrenError:
    """The one refusal for a network that takes no questions, and for one that is not there."""
    return WarrenError(Code.NOT_FOUND, "no network of that name is listed here", "warren network listed")
