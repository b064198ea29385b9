"""How a change hands on what came of it, within its own transaction, to whoever keeps the answer. Decides nothing."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

ResultT = TypeVar("ResultT")
Keep = Callable[[AsyncConnection, ResultT], Awaitable[None]]
"""Called last in the transaction of a change with what came of it; what it raises undoes the change."""


class AnsweredMeanwhileError(Exception):
    """Another request with the same key was carried out first; raised by a `Keep` to undo this change."""


async def keep_nothing(_connection: AsyncConnection, _result: Any) -> None:
    """For a change whose answer nobody will ask for again."""
