"""The model's own database: what a life leaves behind that ends amid a call."""

import asyncio
import sqlite3
from contextvars import copy_context

import pytest
from tests.model.clock import RUNNING, Power
from tests.model.database import InlineConnection


async def test_a_connection_that_opens_as_the_power_goes_is_nobodys() -> None:
    opened: list[sqlite3.Connection] = []
    power = Power("server")

    def connect() -> sqlite3.Connection:
        asyncio.get_running_loop().call_soon(power.cut)  # before whoever asked is told
        opened.append(sqlite3.connect(":memory:"))
        return opened[0]

    context = copy_context()
    context.run(RUNNING.set, power)
    connection = context.run(InlineConnection, connect, 64)
    with pytest.raises(sqlite3.OperationalError, match="the power is gone"):
        await connection
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
