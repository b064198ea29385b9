"""Lists that can grow come a page at a time, in one shape for all of them.

GET takes `limit` (1 to PAGE_MAX) and `cursor`; an answer's `next` is the cursor of the page that follows, none on the
last one; the header `Link` says the same as an address (RFC 8288, `rel="next"`). A cursor is opaque to whoever gets it.
It names the place of the last entry in the list's order, never a count: entries that come and go meanwhile shift
nothing, and one that stays is seen once. It opens nothing: every page is asked for with the caller's own rights.

Decides how a cursor is written and which is one of a list: its own kind, with values that a database takes. Pure.
"""

import base64
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from warren.errors import Code, WarrenError

CURSOR_MAX_CHARS = 1024  # the longest holds a name of 255 characters and an id
Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A count or Unix seconds, as the database's whole numbers are."""

Word = Annotated[str, Meta(max_length=255, pattern=r"^[^\x00]*$")]
"""Text of a column; PostgreSQL has no NUL in its text."""

Raw = Annotated[bytes, Meta(max_length=64)]
"""An identity or a network's id."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What every page says beside its entries: the cursor of the next one, None on the last."""

    next: str | None = None


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where an entry stands in the order of its list; each list has its own kind, with its own tag."""


class ByNumber(Place, frozen=True, tag="n"):
    """Of the audit log."""

    number: Number


class ByName(Place, frozen=True, tag="m"):
    """Of members."""

    name: Word
    identity: Raw


class ByDate(Place, frozen=True, tag="d"):
    """Of what has an id of letters: users, keys, tokens."""

    at: Number
    id: Word


class ByDateAndNetwork(Place, frozen=True, tag="w"):
    """Of networks."""

    at: Number
    network: Raw


class ByDateAndPair(Place, frozen=True, tag="p"):
    """Of invitations: a person and a network each."""

    at: Number
    user: Word
    network: Raw


PlaceT = TypeVar("PlaceT", bound=Place)


def show_cursor(place: Place) -> str:
    """The cursor of what comes behind this place."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def parse_cursor(text: str, kind: type[PlaceT]) -> PlaceT:
    """The place that a cursor of this list names. WarrenError INVALID_ARGUMENT for anything else."""
    try:
        return _place(text, kind)
    except (ValueError, RecursionError) as error:  # msgspec's and the codecs' refusals are ValueErrors
        raise WarrenError(
            Code.INVALID_ARGUMENT, "this is no cursor of this list", "leave it out to begin with the first page"
        ) from error


def _place(text: str, kind: type[PlaceT]) -> PlaceT:
    """Raises ValueError or RecursionError."""
    if len(text) > CURSOR_MAX_CHARS:
        raise ValueError("too long")
    raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    place = msgspec.json.decode(raw, type=kind)
    if show_cursor(place) != text:
        raise ValueError("not as it is written here")
    return place
