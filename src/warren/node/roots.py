"""Root keys that live on this machine: one file a network, outside the network's folder.

Decides where they lie. They outlive leaving the network: who leaves still owns it. Written whole and private like every
state file (`storage.py`). Must not know what is signed with them.
"""

from pathlib import Path

from warren.errors import Code, WarrenError
from warren.model.ids import NetworkId
from warren.model.keys import SigningKeyPair
from warren.node.storage import Damage, Store
from warren.trust.root_key import format_root, parse_root


class Roots:
    """The root keys of one state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "roots"

    def find(self, network: NetworkId) -> SigningKeyPair | None:
        """The root key of this network, if it is here. WarrenError STATE_DAMAGED."""
        if not self._folder.is_dir():
            return None
        return self._store().read(_file(network), lambda content: _parsed(content, network))

    def keep(self, network: NetworkId, key: SigningKeyPair) -> None:
        """Keep a root key; on disk when this returns. WarrenError CONFLICT where another one is kept for it."""
        known = self.find(network)
        if known is not None and known.public != key.public:
            raise WarrenError(Code.CONFLICT, "another root key of this network is on this machine")
        if known is None:
            self._store().write(_file(network), format_root(network, key).encode())

    def _store(self) -> Store:
        return Store(self._folder, _ignore)


def _file(network: NetworkId) -> str:
    return f"{network.hex()}.key"


def _parsed(content: bytes, network: NetworkId) -> SigningKeyPair:
    found, key = parse_root(content.decode("ascii"))
    if found != network:
        raise ValueError("the root key of another network")
    return key


def _ignore(_damage: Damage) -> None:
    """What cannot be read is refused where it is asked for."""
