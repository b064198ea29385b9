"""One network as live sessions see it: its newest documents and presence, in memory, with a version for each change.

Decides what a session that was told everything up to version V still has to be told, and so which map it gets. Must not
know sessions, sockets or the database: services put in what they committed. Pure but for being mutable; one owner.

A change costs O(1) here and a difference costs as much as has changed since, whatever the network's size: entries lie
in the order of their last change and are read from the newest back. The answer is the same value for every session that
asks the same question (a storm of 1,000 sessions asks few), so it is kept until the next change.
Invariant: versions only grow; `difference(v)` applied to the map of version v gives the map of the newest version.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from warren.limits import MAP_CHANGES_MAX
from warren.model.ids import Identity, NetworkId
from warren.protocol.control.messages import MapUpdate, Presence

_PRESENCE = "presence"
_ABOUT_A_MEMBER = frozenset({"membership", "record", _PRESENCE})


@dataclass(frozen=True, slots=True)
class _Entry:
    """The last change of one thing: a document (raw), its disappearance (neither) or presence."""

    version: int
    raw: bytes | None = None
    presence: Presence | None = None


class NetworkState:
    """The newest documents and presence of one network. Make it from what the database holds, then only `put`."""

    def __init__(self, network: NetworkId, genesis: bytes, documents: Iterable[tuple[str, bytes, bytes]]) -> None:
        """`documents`: (kind, subject, raw)."""
        self.network = network
        self.genesis = genesis
        self._version = 1
        self._entries: OrderedDict[tuple[str, bytes], _Entry] = OrderedDict()
        self._gone = 0
        self._whole_before = 0  # who was told less than this version gets the whole map
        self._kept: dict[int, MapUpdate] = {}
        for kind, subject, raw in documents:
            self._entries[kind, subject] = _Entry(1, raw=raw)

    @property
    def version(self) -> int:
        """The version of the newest change; grows for as long as this value lives."""
        return self._version

    def document(self, kind: str, subject: bytes) -> bytes | None:
        """The newest document of this kind and subject."""
        entry = self._entries.get((kind, subject))
        return None if entry is None else entry.raw

    def documents(self, kind: str) -> Iterator[tuple[bytes, bytes]]:
        """(subject, raw) of every document of a kind."""
        for (found, subject), entry in self._entries.items():
            if found == kind and entry.raw is not None:
                yield subject, entry.raw

    @property
    def size(self) -> int:
        """About how many documents there are: those that went not long ago are counted too."""
        return len(self._entries)

    def is_member(self, identity: Identity) -> bool:
        """Whether the identity has a membership that was not taken back."""
        return self.document("membership", identity) is not None

    def put(self, changes: Iterable[tuple[str, bytes, bytes | None]]) -> int:
        """Take (kind, subject, raw or None where it is gone) as one change; returns the new version."""
        self._advance()
        for kind, subject, raw in changes:
            key = (kind, subject)
            before = self._entries.pop(key, None)
            self._gone += (raw is None) - (before is not None and before.raw is None)
            self._entries[key] = _Entry(self._version, raw=raw)
            if kind == "policy":
                self._whole_before = self._version  # it may show members that a node was not told of
        self._forget_old_disappearances()
        return self._version

    def put_presence(self, presence: Presence) -> int:
        """Take a member's presence; returns the new version."""
        self._advance()
        key = (_PRESENCE, presence.identity)
        self._entries.pop(key, None)
        self._entries[key] = _Entry(self._version, presence=presence)
        return self._version

    def presence(self, identity: Identity) -> Presence | None:
        """A member's presence as it was put last."""
        entry = self._entries.get((_PRESENCE, identity))
        return entry.presence if entry is not None else None

    def drop_presence(self, identity: Identity) -> None:
        """Forget the presence of a member that is gone; its removal tells the rest."""
        self._entries.pop((_PRESENCE, identity), None)

    def online(self) -> set[bytes]:
        """Identities whose presence says online."""
        return {
            subject
            for (kind, subject), entry in self._entries.items()
            if kind == _PRESENCE and entry.presence is not None and entry.presence.online
        }

    def difference(self, since: int, may_see: Callable[[bytes], bool] | None = None) -> MapUpdate | None:
        """What changed after version `since` (0: everything, as a full map); None where nothing did.

        A version too old to know differences from gets the full map. `may_see` says of which members (by identity) this
        reader learns; None: of all, which costs nothing where many ask.
        """
        if since >= self._version:
            return None
        if since < self._whole_before:
            since = 0
        if may_see is not None:
            return self._compute(since, may_see)
        if since not in self._kept:
            self._kept[since] = self._compute(since, None)
        return self._kept[since]

    def _advance(self) -> None:
        self._version += 1
        self._kept.clear()

    def _compute(self, since: int, may_see: Callable[[bytes], bool] | None) -> MapUpdate:
        documents: list[bytes] = []
        gone: list[tuple[str, bytes]] = []
        presence: list[Presence] = []
        for (kind, subject), entry in reversed(self._entries.items()):
            if entry.version <= since:
                break
            if may_see is not None and kind in _ABOUT_A_MEMBER and not may_see(subject):
                continue
            if entry.presence is not None:
                presence.append(entry.presence)
            elif entry.raw is not None:
                documents.append(entry.raw)
            elif since > 0:
                gone.append((kind, subject))
        return MapUpdate(
            version=self._version,
            full=since == 0,
            documents=tuple(reversed(documents)),
            gone=tuple(reversed(gone)),
            presence=tuple(reversed(presence)),
        )

    def _forget_old_disappearances(self) -> None:
        if self._gone <= MAP_CHANGES_MAX:
            return
        for key in [key for key, entry in self._entries.items() if entry.raw is None and entry.presence is None]:
            del self._entries[key]
        self._gone = 0
        self._whole_before = self._version
