"""Connections and transactions on SQLite or PostgreSQL.

Decides how a transaction begins and what a failing database looks like to the rest (one coded refusal that is worth
retrying). Must not know any table. SQLite runs in WAL mode with synchronous=FULL: what was committed survives kill -9
and a power cut, which is why an admission may be acknowledged after its commit.
Invariant: a write transaction takes SQLite's write lock when it begins, so it never fails for having read first; in
one process writers queue on a lock of ours instead of SQLite's busy loop. Transactions about one subject (a network)
take turns on PostgreSQL too: the next one begins when the one before has ended *here*, not when the database says so,
so what the caller does at once after the block happens in the order of the commits.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from warren.errors import Code, WarrenError
from warren.limits import DATABASE_BUSY_S, DATABASE_CONNECTIONS_MAX, DATABASE_WAIT_S
from warren.running import DATABASE

_WRITE = "warren_write"
_TURN = "warren_turn"
_ALONE = 0x57617272656E  # the advisory lock of the one server: "Warren"


class Database:
    """The one door to the database. `read` and `write` are transactions; both raise WarrenError STORE_UNAVAILABLE."""

    def __init__(self, url: str | URL) -> None:
        self._sqlite = make_url(url).get_backend_name() == "sqlite"
        self._engine = create_async_engine(
            url,
            pool_size=DATABASE_CONNECTIONS_MAX,
            max_overflow=0,
            pool_timeout=DATABASE_WAIT_S,
            connect_args={"factory": _OwnThread} if self._sqlite else {},
        )
        if self._sqlite:
            event.listen(self._engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)
        self._writer = asyncio.Lock()
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()  # PostgreSQL's: one a subject
        self.wrote_at = float("-inf")
        """When a write transaction ended well last, monotonic seconds; minus infinity after one that failed."""

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Be the only server of this database for as long as the block runs; raises WarrenError ALREADY_RUNNING.

        What a server knows of its networks is kept in its memory, so two of them would sign past each other. SQLite's
        file is covered by the data folder's lock. PostgreSQL frees an advisory lock with the connection that took it.
        """
        if self._sqlite:
            yield
            return
        async with self._engine.connect() as connection:
            async with _coded():
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                taken = await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ALONE})
            if not taken.scalar_one():
                raise WarrenError(
                    Code.ALREADY_RUNNING, "another server uses this database", "stop it, or give this one its own"
                )
            try:
                yield
            finally:
                await connection.invalidate()  # closed, not put back into the pool with the lock

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state and changes nothing."""
        async with _coded(), self._engine.connect() as connection:
            if not self._sqlite:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def write(self, of: bytes | None = None) -> AsyncIterator[AsyncConnection]:
        """A transaction that is durable when the block has ended without an error, and left no trace otherwise.

        `of`: the subject whose turn it takes. What follows the block without waiting is done before the next
        transaction of that subject begins.
        """
        async with _coded():
            turn = await self._queue_up(of)
            try:
                async with self._engine.connect() as connection:
                    await connection.execution_options(**{_WRITE: True, _TURN: of})
                    async with connection.begin():
                        yield connection
                self.wrote_at = time.monotonic()
            except (DBAPIError, OSError) as error:
                if not isinstance(error, IntegrityError):
                    self.wrote_at = float("-inf")
                raise
            finally:
                if turn is not None:
                    turn.release()

    @staticmethod
    def is_turn_of(connection: AsyncConnection, of: bytes) -> bool:
        """Whether this transaction took the turn of that subject."""
        return connection.sync_connection is not None and (
            connection.sync_connection.get_execution_options().get(_TURN) == of
        )

    async def close(self) -> None:
        """Close every connection. SQLite folds its log into the database file."""
        await self._engine.dispose()

    async def _queue_up(self, of: bytes | None) -> asyncio.Lock | None:
        """The lock that this transaction has to give back; SQLite has one for all, PostgreSQL one a subject."""
        if self._sqlite:
            turn = self._writer
        elif of is not None:
            turn = self._turns.setdefault(of, asyncio.Lock())
        else:
            return None
        async with asyncio.timeout(DATABASE_WAIT_S):
            await turn.acquire()
        return turn


def database_url(given: str, folder_database: Path) -> URL:
    """The URL of the database that a setting means (empty: SQLite in the data folder; `file:PATH` holds a URL).

    Raises WarrenError INVALID_CONFIG; the text never shows what was given, for a URL holds a password.
    """
    if not given:
        return sqlite_url(folder_database)
    try:
        path = given.removeprefix("file:")
        url = make_url(Path(path).read_text("utf-8").strip() if path != given else given)
    except (OSError, UnicodeDecodeError, ArgumentError, ValueError) as error:
        raise _not_a_database("cannot be read") from error
    if url.drivername not in {"postgresql", "postgres"}:
        raise _not_a_database("does not begin with postgresql://")
    return url.set(drivername="postgresql+asyncpg")


def _not_a_database(why: str) -> WarrenError:
    return WarrenError(
        Code.INVALID_CONFIG, f"DATABASE_URL {why}", "for example postgresql://warren:PASSWORD@localhost/warren"
    )


def sqlite_url(path: Path) -> URL:
    """The URL of a SQLite file."""
    return URL.create("sqlite+aiosqlite", database=str(path))


class _OwnThread(sqlite3.Connection):
    """A connection in the thread that the driver gave it for life, which is called as the pool is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        threading.current_thread().name = DATABASE
        super().__init__(*args, **kwargs)


_SQLITE_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})  # the low byte of the extended codes


@asynccontextmanager
async def _coded() -> AsyncIterator[None]:
    """Turn what a database does when it is away into one refusal. A broken constraint stays what it is."""
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeoutError, TimeoutError, OSError) as error:
        reason = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) & 0xFF
        if reason == sqlite3.SQLITE_FULL:
            raise WarrenError(
                Code.STORE_UNAVAILABLE, "the disk of the server's database is full", "free some space on the server"
            ) from error
        if reason in _SQLITE_DAMAGED:
            raise WarrenError(
                Code.STATE_DAMAGED, "the server's database is damaged", "stop the server and restore a backup of it"
            ) from error
        raise WarrenError(
            Code.STORE_UNAVAILABLE, "the server's database cannot be used at the moment", "try again in a few seconds"
        ) from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; `_begin_sqlite` does
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={int(DATABASE_BUSY_S * 1000)}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(
        "BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITE) else "BEGIN DEFERRED"
    )
