"""Which signals end a program of ours in order: SIGTERM, SIGINT, SIGQUIT, and SIGHUP where its terminal may close.

Decides nothing else. SIGQUIT is a key of the terminal as SIGINT is, and nobody who presses it wants routes left behind.
What is not named here ends a program like a kill, which the next `warren up` heals: only a debugger or the kernel
sends it. SIGHUP counts only where whoever started the program left it as it is: `nohup` wants it ignored
(signal(7)), and then a closed terminal ends nothing.
"""

import asyncio
import signal
from collections.abc import Callable


def end_by(stop: Callable[[], object]) -> None:
    """Call `stop` at each such signal, as long as the running loop lives."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        loop.add_signal_handler(number, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, stop)
