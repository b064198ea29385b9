"""How the engine fails: its exceptions, for whoever catches them. What each means to a user is the node's to say.

`EngineError` is an OSError with its errno; the subclasses say what was missing.
"""

from warren.engine._native import (
    BusyError,
    ClosedError,
    EngineError,
    InvalidError,
    PortError,
    TunError,
    UnknownPeerError,
)

__all__ = [
    "BusyError",
    "ClosedError",
    "EngineError",
    "InvalidError",
    "PortError",
    "TunError",
    "UnknownPeerError",
]
