"""A file of what is good to remember, written soon after it changed: a burst of changes costs one write.

A kill -9 loses at most ENDPOINTS_WRITE_AFTER_S of it, and a disk that refuses costs a slower start, nothing else. Must
not know what the file says.
"""

import asyncio
from collections.abc import Callable

from warren.errors import WarrenError
from warren.limits import ENDPOINTS_WRITE_AFTER_S
from warren.log import Log
from warren.node.storage import Store

log = Log("late-writing")


class LateWriter:
    """The writer of one file."""

    def __init__(self, store: Store, file: str, encode: Callable[[], bytes]) -> None:
        """`encode` gives what the file is to say now."""
        self._store = store
        self._file = file
        self._encode = encode
        self._changed = asyncio.Event()

    def note_change(self) -> None:
        """What `encode` gives is another than on disk."""
        self._changed.set()

    async def run(self) -> None:
        """Write after changes, in a thread, until cancelled."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(ENDPOINTS_WRITE_AFTER_S)
            self._changed.clear()
            try:
                await asyncio.to_thread(self._store.write, self._file, self._encode())
            except WarrenError as error:
                log.warning("it cannot be kept", file=self._file, reason=error.text)

    def write_now(self) -> None:
        """Write what is not on disk yet; for the end of the process. Raises WarrenError STORE_UNAVAILABLE."""
        if self._changed.is_set():
            self._changed.clear()
            self._store.write(self._file, self._encode())
