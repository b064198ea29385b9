"""How a program of ours runs: its workers and its garbage."""

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

from warren import running
from warren.limits import DATABASE_CONNECTIONS_MAX, WORK_THREADS_MAX
from warren.server.db.engine import Database, sqlite_url

STREAM = 300_000
GARBAGE = f"""
import gc
from collections import deque
from warren import running

class Request:
    alive = most = 0
    def __init__(self):
        self.me = self  # a cycle: an error that holds the trace that holds the error
        Request.alive += 1
        Request.most = max(Request.most, Request.alive)
    def __del__(self):
        Request.alive -= 1

code = [[number] for number in range(800_000)]
gc.collect()
running.settle()
under_way = deque(maxlen=15_000)  # so long that none is found while it is young
for _ in range({STREAM}):
    under_way.append(Request())
print(Request.most)
"""


def test_garbage_of_requests_does_not_wait_for_a_quarter_of_all_that_a_program_is() -> None:
    told = subprocess.run([sys.executable, "-c", GARBAGE], capture_output=True, text=True, check=True, timeout=60)
    assert int(told.stdout) < STREAM // 4, "200,000 are a quarter of what it began with, and 100,000 came in ten looks"


async def _meet(several: int) -> set[str]:
    """Work in so many threads at once, and a little more; the names of these threads."""
    together = threading.Barrier(several)

    def work() -> str:
        together.wait(timeout=30)
        return threading.current_thread().name

    return set(await asyncio.gather(*(asyncio.to_thread(work) for _ in range(2 * several))))


def _told() -> dict[str, int]:
    return running.workers(thread.name for thread in threading.enumerate())


def test_work_that_blocks_has_so_many_threads_and_they_are_told() -> None:
    before = _told()[running.DATABASE]  # of a test in this process whose database is still ending

    async def program() -> dict[str, int]:
        names = await _meet(WORK_THREADS_MAX)
        assert len(names) == WORK_THREADS_MAX
        return _told()

    told = running.run(program())
    assert (told[running.WORK], told[running.DATABASE] <= before) == (WORK_THREADS_MAX, True)


def _is_databases(thread: threading.Thread) -> bool:
    return running.workers([thread.name])[running.DATABASE] == 1


async def test_the_threads_of_a_database_are_told(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "x.db"))

    others = {thread for thread in threading.enumerate() if _is_databases(thread)}

    def told() -> int:
        return sum(_is_databases(thread) for thread in set(threading.enumerate()) - others)

    async def read(number: int) -> None:
        async with database.read():
            if number > 1:
                await read(number - 1)

    await read(DATABASE_CONNECTIONS_MAX)
    assert told() == DATABASE_CONNECTIONS_MAX
    await database.close()
    deadline = time.monotonic() + 30
    while told():  # a thread ends a moment after its connection
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
