"""Tasks that must not die of a bug: what fails is logged once and begun anew, with growing gaps.

Decides the gaps only. Errors of users, peers and the world never get here: they are handled where they occur, and what
arrives is ours.
"""

import asyncio
from collections.abc import Awaitable, Callable

from warren.limits import TASK_RESTART_FIRST_S, TASK_RESTART_MAX_S
from warren.log import Log

log = Log("tasks")


async def supervised(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` until it returns or is cancelled; after an exception run it again."""
    loop = asyncio.get_running_loop()
    gap_s = TASK_RESTART_FIRST_S
    while True:
        began_at = loop.time()
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the task root: a bug ends its task, not the daemon
            log.bug("a task failed", error, task=name)
        else:
            return
        if loop.time() - began_at > TASK_RESTART_MAX_S:
            gap_s = TASK_RESTART_FIRST_S
        await asyncio.sleep(gap_s)
        gap_s = min(gap_s * 2, TASK_RESTART_MAX_S)


async def guarded(name: str, work: Awaitable[None]) -> None:
    """Run `work` once; a bug in it is logged and ends nothing else."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - the task root, as above
        log.bug("a task failed", error, task=name)
