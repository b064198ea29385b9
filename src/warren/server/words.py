"""Text of anybody that may reach the database: what no database of ours takes is refused, in one place.

PostgreSQL has no NUL in its text, and neither it nor SQLite takes half of a surrogate pair. Such a word names nothing
and nobody means one, so it is refused with 400 wherever it stands (path, query, form, JSON body) before any route sees
it, on both databases alike. Must not know what a word is for.
"""

from collections.abc import Iterable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from warren.errors import Code, WarrenError


def check_text(text: str) -> None:
    """Raises WarrenError INVALID_ARGUMENT for text that a database does not take."""
    if "\0" in text or (not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)):
        raise WarrenError(Code.INVALID_ARGUMENT, "text with a NUL, or with half of a surrogate pair", "leave it out")


def check_texts(texts: Iterable[str]) -> None:
    """The same of each."""
    for text in texts:
        check_text(text)


def check_value(value: Any) -> None:
    """The same of all text in a JSON value, names of fields too."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            check_text(one)
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one


def names_are_text(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """The guard of every route: path and query."""
    check_texts(str(one) for one in connection.path_params.values())
    check_texts(text for pair in connection.query_params.multi_items() for text in pair)
