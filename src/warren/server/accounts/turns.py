"""Turns at something dear, fair by who asks: a few at once, and of those who wait one of each in rotation.

Decides who goes next. A queue of first come, first served lets whoever sends fifty questions at once keep everybody
else waiting for fifty answers; here a newcomer waits for those in work and one of each other who waits. Must not know
what the turns are for. The table holds only who waits at this moment: requests have a limit before they come here.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairTurns:
    """`at_once` turns; `turn(who)` is one."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it; whoever is cancelled meanwhile takes nobody's."""
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._wait(who)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, who: str) -> None:
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():
                self._pass_on()  # the turn was given and is not taken
            else:
                self._forget(who, called)
            raise

    def _pass_on(self) -> None:
        """To the next who waits: the one of them who was served longest ago."""
        while self._waiting:
            who, theirs = self._waiting.popitem(last=False)
            called = theirs.popleft()
            if theirs:
                self._waiting[who] = theirs
            if not called.done():
                called.set_result(None)
                return
        self._free += 1

    def _forget(self, who: str, called: asyncio.Future[None]) -> None:
        theirs = self._waiting.get(who)
        if theirs is not None and called in theirs:
            theirs.remove(called)
            if not theirs:
                del self._waiting[who]
