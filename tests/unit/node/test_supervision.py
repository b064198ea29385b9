"""A bug ends its task, never the daemon."""

import asyncio

import pytest

from warren.node import supervision
from warren.node.supervision import guarded, supervised


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "TASK_RESTART_FIRST_S", 0.0)
    monkeypatch.setattr(supervision, "TASK_RESTART_MAX_S", 0.0)


async def test_what_fails_is_begun_anew_until_it_returns() -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RuntimeError("a bug")

    async with asyncio.timeout(60):
        await supervised("work", work)
    assert runs == 3


async def test_a_cancelled_task_ends() -> None:
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervised("work", work))
    await started.wait()
    task.cancel()
    async with asyncio.timeout(60):
        await asyncio.wait((task,))
    assert task.cancelled()


async def test_an_errand_that_fails_takes_nobody_with_it() -> None:
    async def work() -> None:
        raise RuntimeError("a bug")

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(guarded("errand", work()))
        other = tasks.create_task(asyncio.sleep(0, "done"))
    assert other.result() == "done"
