"""`POST /v1/down` (off, remembered; the daemon ends after the answer) and `POST /v1/leave` (out of one network for
good).
"""

import msgspec


class DownResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken down; the daemon's process (`pid`) ends once this was sent. The caller waits for that."""

    networks: tuple[str, ...]
    pid: int
    warnings: tuple[str, ...] = ()


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken away of what a killed daemon had left on the host, a sentence each."""

    undone: tuple[str, ...]
    warnings: tuple[str, ...] = ()


class LeaveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which network; None where there is only one."""

    network: str | None = None


class LeaveResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was left; `told_server` is False where it could not be reached and still lists this node, by its `name`."""

    network: str
    told_server: bool
    name: str = ""
    kept_as: str = ""
    """The folder in which lies what is left of a network that could not be started; empty elsewhere."""
