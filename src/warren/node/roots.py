"""Root keys that live on this machine: one file a network, outside the network's folder.

Decides where they lie, and when a key that was made to be the next root takes the place of the present one: it is on
disk before anybody hears of it, and beside the other until the network took it. They outlive leaving the network: who
leaves still owns it. Written whole and private like every state file (`storage.py`). Must not know what is signed with
them.
"""

from pathlib import Path

from warren.errors import Code, WarrenError
from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair
from warren.node.storage import Damage, Store
from warren.trust.root_key import format_root, parse_root


class Roots:
    """The root keys of one state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "roots"

    def find(self, network: NetworkId) -> SigningKeyPair | None:
        """The root key of this network, if it is here. WarrenError STATE_DAMAGED."""
        return self._read(network, _file(network))

    def in_force(self, network: NetworkId, root: Identity) -> SigningKeyPair | None:
        """The key of the root in force, if it is here; one that waited for it becomes the network's root key here.
        WarrenError STATE_DAMAGED, STORE_UNAVAILABLE."""
        known = self.find(network)
        if known is not None and known.public == root:
            return known
        waiting = self._read(network, _next_file(network))
        if waiting is None or waiting.public != root:
            return None
        store = self._store()
        store.write(_file(network), format_root(network, waiting).encode())
        store.remove(_next_file(network))
        return waiting

    def next(self, network: NetworkId, fresh: SigningKeyPair) -> SigningKeyPair:
        """The key that is to be the next root: the one that waits already, else `fresh`, which is on disk when this
        returns. WarrenError STATE_DAMAGED, STORE_UNAVAILABLE."""
        waiting = self._read(network, _next_file(network))
        if waiting is None:
            self._store().write(_next_file(network), format_root(network, fresh).encode())
        return waiting or fresh

    def keep(self, network: NetworkId, key: SigningKeyPair, *, replaces: bool = False) -> None:
        """Keep a root key; on disk when this returns. WarrenError CONFLICT where another one is kept for it, unless it
        `replaces` that (as the root in force)."""
        known = self.find(network)
        if known is not None and known.public != key.public and not replaces:
            raise WarrenError(Code.CONFLICT, "another root key of this network is on this machine")
        if known is None or known.public != key.public:
            self._store().write(_file(network), format_root(network, key).encode())

    def _read(self, network: NetworkId, name: str) -> SigningKeyPair | None:
        if not self._folder.is_dir():
            return None
        return self._store().read(name, lambda content: _parsed(content, network))

    def _store(self) -> Store:
        return Store(self._folder, _ignore)


def _file(network: NetworkId) -> str:
    return f"{network.hex()}.key"


def _next_file(network: NetworkId) -> str:
    return f"{network.hex()}.next"


def _parsed(content: bytes, network: NetworkId) -> SigningKeyPair:
    found, key = parse_root(content.decode("ascii"))
    if found != network:
        raise ValueError("the root key of another network")
    return key


def _ignore(_damage: Damage) -> None:
    """What cannot be read is refused where it is asked for."""
