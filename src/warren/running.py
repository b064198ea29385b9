"""How a long-running program of ours runs: one loop, pools of threads with a name and a bound, and few objects to look
through for garbage.

Decides nothing of what programs do. asyncio's own pool is as large as the machine has cores and nameless; ours are the
ones in POOLS, so that who counts threads (`warren.inventory`, the soak) can tell workers from a leak.

CPython looks through its oldest objects only when a quarter as many have come to them since it last did (the notes on
generations in its `gc` module). A server has 130,000 when it starts, most of them code; garbage in cycles, such as a
refused request and its traceback leave, then waits until there are 33,000 objects of it, which are megabytes. What is
there at the start stays until the end, so it is set aside, and the quarter is one of what came since. Of these few the
oldest are cheap to look through, so that is done more often too: what waits moves the top of the heap, and the heap
does not come back.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from warren.limits import DATABASE_CONNECTIONS_MAX, WORK_THREADS_MAX

ResultT = TypeVar("ResultT")

WORK: Final = "work"
"""What blocks and is handed to a thread (`asyncio.to_thread`)."""
DATABASE: Final = "database"
"""SQLite's connections, a thread each."""
POOLS: Final[Mapping[str, int]] = {WORK: WORK_THREADS_MAX, DATABASE: DATABASE_CONNECTIONS_MAX}
"""The most threads of each pool. A worker's thread is called as its pool is, perhaps with a number behind `_`."""


def run(program: Coroutine[Any, Any, ResultT]) -> ResultT:
    """`asyncio.run` for a program of ours: its pool of workers has our bound."""

    async def with_workers() -> ResultT:
        workers = ThreadPoolExecutor(WORK_THREADS_MAX, thread_name_prefix=WORK)
        asyncio.get_running_loop().set_default_executor(workers)  # ended by `asyncio.run`
        return await program

    return asyncio.run(with_workers())


_LOOKS_BETWEEN: Final = 2
"""Times that younger garbage is looked for before the oldest is (CPython: 10); large programs have the quarter too."""


def settle() -> None:
    """The program has begun: set aside what is there. The look after that costs nothing, and begins the count anew."""
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _LOOKS_BETWEEN)
    gc.freeze()
    gc.collect()


def workers(names: Iterable[str]) -> dict[str, int]:
    """How many threads of these names each pool has."""
    pools = Counter(name.partition("_")[0] for name in names)
    return {name: pools[name] for name in POOLS}
