"""Virtual time, and which machine a piece of code runs on.

An event loop whose clock jumps to the next timer: nothing waits, and the same seed gives the same order. Each life of a
machine (from power on to power off) is a `Power`, carried by a context variable that its tasks inherit; the product's
`time` module is replaced by `MachineTime`, which shows each machine its own wall clock. What runs without power raises
`PowerLossError`, so that nothing which a killed process would not have done reaches a disk or a line.
"""

import asyncio
import selectors
import time
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

EPOCH = 1_800_000_000.0  # Unix seconds at the virtual clock's zero
DISK_S = 0.001  # what a write to a disk takes


class PowerLossError(BaseException):
    """The process was killed in this very moment."""


@dataclass(eq=False)
class Power:
    """One life of a machine. `fuse`: writes left until it is cut, after (`keeps`) or before the last one is durable."""

    name: str
    wall_offset_s: float = 0.0
    alive: bool = True
    fuse: int | None = None
    keeps: bool = True
    ends: list[Callable[[], None]] = field(default_factory=list)
    tasks: "weakref.WeakSet[asyncio.Task[Any]]" = field(default_factory=weakref.WeakSet)

    def spend(self, write: Callable[[], Any]) -> Any:
        """Do a durable write, unless there is no power for it."""
        if not self.alive:
            raise PowerLossError
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                if self.keeps:
                    write()
                self.cut()
                raise PowerLossError
        return write()

    def cut(self) -> None:
        """No write and no message of this life counts any more."""
        if self.alive:
            self.alive = False
            for end in self.ends:
                end()
            asyncio.get_running_loop().call_soon(self._sweep)

    def _sweep(self) -> None:
        for task in sorted(self.tasks, key=lambda one: one.get_name()):
            task.cancel()


RUNNING: ContextVar[Power] = ContextVar("RUNNING")


class MachineTime:
    """What the product sees as the module `time`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        return self._loop.time()

    def time(self) -> float:
        power = RUNNING.get(None)
        return EPOCH + self._loop.time() + (power.wall_offset_s if power is not None else 0.0)

    def clock_gettime(self, _clock: int) -> float:
        """Nobody asks for any but the boot clock; no machine sleeps here."""
        return self._loop.time()

    def time_ns(self) -> int:
        return int(self.time() * 1e9)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)  # the calendar


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits: where all are idle the clock goes to the next timer."""

    def __init__(self) -> None:
        self.now = 1_000.0
        super().__init__(_Jump(self))
        self._tasks = 0
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        return self.now

    def _make_task(self, _loop: Any, work: Any, context: Any = None) -> "asyncio.Task[Any]":
        """Every task belongs to the life of the machine that it runs on."""
        self._tasks += 1
        task: asyncio.Task[Any] = asyncio.Task(work, loop=self, name=f"{self._tasks:09}", context=context)
        power = RUNNING.get(None) if context is None else context.get(RUNNING)
        if power is not None:
            power.tasks.add(task)
        return task

    def run_in_executor(  # type: ignore[override]  # as the product calls it
        self, _executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """A thread of the product: runs on the loop, a moment later."""
        answer = self.create_future()

        def run() -> None:
            try:
                result = func(*args)
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits
                if not answer.cancelled():
                    answer.set_exception(error)
            else:
                if not answer.cancelled():
                    answer.set_result(result)

        self.call_later(DISK_S, run)
        return answer


class _Jump(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("every machine waits for something that will never happen")
        self._loop.now += max(timeout, 0.0)
        return []
