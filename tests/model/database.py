"""SQLite without threads: the real driver's connections, run on the virtual loop, and gone when the power is cut.

Only the worker thread of `aiosqlite` is replaced. Each call is one write to the disk as far as the fuse is concerned:
a server can be killed between any two statements, before or after its commit.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any

import aiosqlite.core
from tests.model.clock import RUNNING, Power, PowerLossError


class _NoThread:
    daemon = True

    def start(self) -> None:
        """There is none."""


class _Inline:
    """Where the driver puts its calls: done at once, answered in the loop's next turn."""

    def __init__(self, power: Power) -> None:
        self._power = power

    def put_nowait(self, call: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = call
        try:
            result = self._power.spend(function)
        except PowerLossError:
            if future is not None:
                future.get_loop().call_soon(_settle, future, None, sqlite3.OperationalError("the power is gone"))
        except Exception as error:  # noqa: BLE001 - it belongs to who waits
            if future is not None:
                future.get_loop().call_soon(_settle, future, None, error)
        else:
            if future is not None:
                future.get_loop().call_soon(self._hand, future, result)

    def _hand(self, future: asyncio.Future[Any], result: Any) -> None:
        """What was asked for; a connection that opened in the moment before the power went was nobody's any more."""
        if isinstance(result, sqlite3.Connection) and not self._power.alive:
            result.close()
            _settle(future, None, sqlite3.OperationalError("the power is gone"))
        else:
            _settle(future, result, None)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


class InlineConnection(aiosqlite.core.Connection):
    """`aiosqlite.Connection` of one life of a machine."""

    def __init__(self, connector: Callable[[], sqlite3.Connection], iter_chunk_size: int) -> None:
        super().__init__(connector, iter_chunk_size)
        power = RUNNING.get()
        self._tx = _Inline(power)  # type: ignore[assignment]
        self._thread = _NoThread()  # type: ignore[assignment]
        power.ends.append(self._lose)

    def _lose(self) -> None:
        """The process is gone: the file's lock with it, and what was not committed."""
        connection, self._connection = self._connection, None
        self._running = False
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.rollback()  # else a cursor that somebody still holds keeps the file locked
                connection.close()
