"""What a program of ours holds, said in its log when it gets SIGUSR1: descriptors, tasks, threads, and of these the
workers of each pool, and how many objects are set aside (`warren.running`).

For who suspects a leak, and for the soak, which compares two such lines; memory and the rest the kernel tells by itself
(proc(5)). Decides nothing.
"""

import asyncio
import gc
import os
import signal
import threading
from pathlib import Path

from warren.log import Log
from warren.running import workers

log = Log("inventory")

DESCRIPTORS = Path("/proc/self/fd")


def tell_when_asked() -> None:
    """Write a line on each SIGUSR1, as long as the running loop lives."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _tell)


def _tell() -> None:
    log.info(
        "holds",
        pid=os.getpid(),
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
        **workers(thread.name for thread in threading.enumerate()),
        set_aside=gc.get_freeze_count(),
        descriptors=len(list(DESCRIPTORS.iterdir())) if DESCRIPTORS.exists() else 0,
    )
