"""Pages of a query by the place of the last entry (keyset), so that rows which come and go shift nothing.

Decides the condition and the order for columns that go up or down. Must not know any table. The columns together have
to be unique, and none of them NULL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, or_


@dataclass(frozen=True, slots=True)
class Up:
    """Ordered by this column, the smallest first."""

    column: ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Down:
    """Ordered by this column, the largest first."""

    column: ColumnElement[Any]


Order = Sequence[Up | Down]


def page(statement: Select[Any], order: Order, *, after: msgspec.Struct | None, limit: int) -> Select[Any]:
    """The query in this order, at most `limit` rows, behind a place whose values stand in the order of the columns."""
    if after is not None:
        statement = statement.where(_behind(order, msgspec.structs.astuple(after)))
    words = [one.column.asc() if isinstance(one, Up) else one.column.desc() for one in order]
    return statement.order_by(*words).limit(limit)


def _behind(order: Order, values: Sequence[Any]) -> ColumnElement[bool]:
    """Equal in the first columns and behind in the one that follows, for each of them."""
    cases = []
    for number, (one, value) in enumerate(zip(order, values, strict=True)):
        same = [before.column == values[index] for index, before in enumerate(order[:number])]
        cases.append(and_(*same, one.column > value if isinstance(one, Up) else one.column < value))
    return or_(*cases)
