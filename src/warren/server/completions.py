"""Changes that run to their end even when who asked for them has gone.

Decides nothing about the change. A session or request may be cancelled at any await; between a commit and telling the
process's own memory of it that must not happen, or both would differ until a restart. So a change runs as a task of the
server's group, and who asked waits for it without owning it.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class Completions:
    """Runs changes in the given task group."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group

    async def finish(self, change: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Return or raise what the change does. If the caller is cancelled, the change goes on."""
        answer: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._group.create_task(_run(change, answer))
        return await answer


async def _run(change: Coroutine[Any, Any, ResultT], answer: asyncio.Future[ResultT]) -> None:
    try:
        result = await change
    except asyncio.CancelledError:
        answer.cancel()
        raise
    except Exception as error:  # noqa: BLE001  # it belongs to who waits; this is the root of the change's task
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(result)
