"""Wait for a condition with a deadline, which is how every test here waits."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.01  # between looks; most conditions of the lab hold within a few of them
PATIENCE_S = 30.0  # the end of a wait and no bound: at six times its load a machine takes seconds for a start


def until(condition: Callable[[], T], what: str, timeout_s: float = PATIENCE_S) -> T:
    """The first true answer of `condition`; TimeoutError that names `what` did not come about."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        time.sleep(POLL_S)
    return answer
