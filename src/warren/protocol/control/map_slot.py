"""What a node is still to be told: the newest map in a slot, and the difference to what it was told before.

Decides the content of the next MapUpdate. The slot holds one value: putting a newer map replaces the one that was not
taken yet, so a reader that is slow, or away for a second, costs one map and no queue. Must not know documents' meaning
(they are bytes named by kind and subject) nor who may see what: the caller filtered the map for this node.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from warren.protocol.control.messages import MapUpdate, Presence

DocumentKey = tuple[str, bytes]
"""(kind, subject)"""


@dataclass(frozen=True, slots=True)
class MapState:
    """Everything that one node may see at `version` (of the network, ascending)."""

    version: int
    documents: Mapping[DocumentKey, bytes] = field(default_factory=dict)
    presence: Mapping[bytes, Presence] = field(default_factory=dict)


def full_update(state: MapState) -> MapUpdate:
    """Return the update for a node that holds nothing."""
    return MapUpdate(
        version=state.version,
        full=True,
        documents=tuple(state.documents.values()),
        presence=tuple(state.presence.values()),
    )


def difference(told: MapState, newest: MapState) -> MapUpdate | None:
    """Return what turns `told` into `newest`; None where the node would learn nothing.

    A member's presence that is gone needs no word: it goes with the member's documents.
    """
    documents = tuple(raw for key, raw in newest.documents.items() if told.documents.get(key) != raw)
    gone = tuple(key for key in told.documents if key not in newest.documents)
    presence = tuple(one for identity, one in newest.presence.items() if told.presence.get(identity) != one)
    if not documents and not gone and not presence:
        return None
    return MapUpdate(version=newest.version, full=False, documents=documents, gone=gone, presence=presence)


class MapSlot:
    """Latest wins: `put` as often as you like, `take` when the line is free."""

    __slots__ = ("_newest", "_told")

    def __init__(self) -> None:
        self._told: MapState | None = None
        self._newest: MapState | None = None

    def put(self, state: MapState) -> None:
        """Remember the newest map; an older version than the one held is ignored."""
        held = self._newest or self._told
        if held is None or state.version >= held.version:
            self._newest = state

    def take(self) -> MapUpdate | None:
        """Return the next update and count it as told; None where nothing new is held."""
        if self._newest is None:
            return None
        newest, self._newest = self._newest, None
        update = full_update(newest) if self._told is None else difference(self._told, newest)
        self._told = newest
        return update
