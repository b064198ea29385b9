"""The window of TAI64N stamps for handshakes, reserved on disk before it is used.

Decides the window: it begins above everything that an earlier process may have used, whatever the clock says, and ends
STAMPS_AHEAD_S from now. The engine counts on above its ceiling by nanoseconds only, so the next start begins a second
after it, and one reservation lasts for the life of a process. A clock that went back never rotates a key. File:
`stamps.json`.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from warren.errors import Code, WarrenError
from warren.limits import STAMPS_AHEAD_S
from warren.log import Log
from warren.node.dataplane.interface import StampWindow
from warren.node.storage import Store

STAMPS_FILE = "stamps.json"
log = Log("stamps")


class _File(msgspec.Struct, frozen=True, kw_only=True):
    # TAI64N counts nanoseconds in 64 bits in the engine; a file that says more is damaged
    ceiling_s: Annotated[int, Meta(ge=0, le=2**34)]


def reserve(store: Store, now: float) -> StampWindow:
    """A fresh window (`now` in Unix seconds); on disk when this returns. WarrenError STORE_UNAVAILABLE."""
    try:
        kept = store.read(STAMPS_FILE, lambda content: msgspec.json.decode(content, type=_File))
    except WarrenError as error:
        if error.code is not Code.STATE_DAMAGED:
            raise
        log.warning("the last stamps are unknown: the clock alone decides", reason=error.text)
        kept = None
    floor_s = kept.ceiling_s + 1 if kept is not None else 0
    ceiling_s = max(int(now), floor_s) + STAMPS_AHEAD_S
    store.write(STAMPS_FILE, msgspec.json.encode(_File(ceiling_s=ceiling_s)))
    return StampWindow(floor_s, ceiling_s)
