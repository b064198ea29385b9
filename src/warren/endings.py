"""Which signals end a program of ours in order: SIGTERM, SIGINT, and SIGHUP where its terminal may close over it.

Decides nothing else. SIGHUP counts only where whoever started the program left it as it is: `nohup` wants it ignored
(signal(7)), and then a closed terminal ends nothing.
"""

import asyncio
import signal
from collections.abc import Callable


def end_by(stop: Callable[[], object]) -> None:
    """Call `stop` at each such signal, as long as the running loop lives."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, stop)
