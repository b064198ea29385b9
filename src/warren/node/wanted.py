"""What the user wants of this daemon as a whole: on or off, and who besides root may change it. File `node.json`.

Decides nothing. A lost file means off and root only; the networks are in folders of their own and are not lost with it.
"""

import msgspec

from warren.errors import Code, WarrenError
from warren.node.storage import Store

WANTED_FILE = "node.json"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """`up`: be on after a restart too. `operator_uid`: who holds the operator's right, by user id."""

    up: bool = False
    operator_uid: int | None = None


def load(store: Store) -> Wanted:
    """What was wanted last; everything off where nothing is known (the store told of the damage)."""
    try:
        return store.read(WANTED_FILE, lambda content: msgspec.json.decode(content, type=Wanted)) or Wanted()
    except WarrenError as error:
        if error.code is not Code.STATE_DAMAGED:
            raise
        return Wanted()


def save(store: Store, wanted: Wanted) -> None:
    """Write it; on disk when this returns."""
    store.write(WANTED_FILE, msgspec.json.encode(wanted))
