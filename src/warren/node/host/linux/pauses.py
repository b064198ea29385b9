"""Tells that the machine or this program stood still, and that the resolver's file changed: one look a second.

The kernel tells programs of neither: a timer of the boot clock fires only after a sleep that it outlasted, and a file
that is renamed into place is watched by its folder. A look costs microseconds.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator

from warren.limits import PAUSE_LOOK_S
from warren.node.host.pause import Clocks, Pause, pause

RESOLVER = "/etc/resolv.conf"
RESOLVER_CHANGED = "the resolver changed"


async def pauses() -> AsyncGenerator[Pause | str, None]:
    """A `Pause` after each, or RESOLVER_CHANGED, from the first `anext` on until it is closed."""
    before, resolver, due_s = _clocks(), _stamp(), PAUSE_LOOK_S
    while True:
        await asyncio.sleep(PAUSE_LOOK_S)
        now = _clocks()
        found = pause(before, now, due_s)
        before, due_s = now, PAUSE_LOOK_S
        if found is not None:
            yield found
            due_s += time.monotonic() - now.monotonic  # what follows takes a moment; a sleep within it still counts
        stamp = _stamp()
        if stamp != resolver:
            resolver = stamp
            yield RESOLVER_CHANGED


def _clocks() -> Clocks:
    return Clocks(time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), time.time())


def _stamp() -> tuple[int, int, int] | None:
    """What differs when a file was written or another one took its name; through links, which name what is read."""
    try:
        found = os.stat(RESOLVER)  # noqa: PTH116 - once a second: no object for it
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
