"""Signals that end a program in order, and those that its caller wants ignored."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from warren.endings import end_by

DEADLINE_S = 10.0


@pytest.fixture
def hangup() -> Iterator[None]:
    """Whatever this process does at SIGHUP, it does it again afterwards."""
    before = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
async def test_a_closed_terminal_ends_a_program_as_sigterm_does(hangup: None, number: signal.Signals) -> None:
    told = asyncio.Event()
    end_by(told.set)
    try:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(DEADLINE_S):
            await told.wait()
    finally:
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(one)


async def test_nohup_is_obeyed(hangup: None) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    end_by(lambda: None)
    try:
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            asyncio.get_running_loop().remove_signal_handler(one)
