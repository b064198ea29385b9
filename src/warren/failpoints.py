"""Failpoints: places where order matters, at which a test makes a program die, halt or meet a full disk.

`WARREN_FAIL=name:action[@N][,...]` does `action` when `name` is reached for the Nth time (the first without N):
`kill` (SIGKILL to this process, as a power cut would), `stop` (SIGSTOP, for a test that wants to look), `full` (the
OSError of a full disk). It counts only beside `WARREN_FAIL_TESTING=yes`, so that no environment that was set for
something else makes a release fail. Read once, at import; where nothing is armed `reach` is one look at an empty dict.

Must not know who reaches it. The names stand where they are reached; `tests/faults` goes through all of them.
"""

import errno
import os
import signal
from collections.abc import Mapping

VARIABLE = "WARREN_FAIL"
SWITCH = "WARREN_FAIL_TESTING"
ACTIONS = frozenset({"kill", "stop", "full"})


def armed_by(environment: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """The action of each armed name and at which time it counts. ValueError for what is no failpoint."""
    if environment.get(SWITCH) != "yes":
        return {}
    armed = {}
    for part in filter(None, environment.get(VARIABLE, "").split(",")):
        name, _, rest = part.partition(":")
        action, _, times = rest.partition("@")
        if action not in ACTIONS:
            raise ValueError(f"{VARIABLE}: {part!r} is not name:action[@N] with one of {', '.join(sorted(ACTIONS))}")
        armed[name] = (action, int(times or "1"))
    return armed


_armed = armed_by(os.environ)
_reached: dict[str, int] = {}


def reach(name: str) -> None:
    """This is the place `name`. OSError ENOSPC where a test says so; else this returns, or the process ends."""
    if name not in _armed:
        return
    action, times = _armed[name]
    _reached[name] = _reached.get(name, 0) + 1
    if _reached[name] != times:
        return
    if action == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)
