"""The keys of this node in one network: made here, kept in `keys.json`, never shown.

Decides how keys are drawn (os.urandom) and written down: an Ed25519 identity for life (RFC 8032), X25519 WireGuard keys
(the one in use, and the next or the former one), X25519 path keys (the one in use, the previous one for 7 days). Must
not know documents. `load` never makes a key: a damaged file is an error, not a new node.
"""

import os
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from warren.errors import Code, WarrenError
from warren.model.keys import KEY_BYTES, ExchangeKeyPair, SigningKeyPair
from warren.node.storage import Store

KEYS_FILE = "keys.json"
PATH_KEY_OVERLAP_S = 7 * 24 * 3600.0  # two daemons restarted while the server is away still find each other


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """All private keys of this node in one network. `path_previous_until` in Unix seconds; `wireguard_used_s`: how long
    the WireGuard key was in use, as far as it was counted."""

    identity: SigningKeyPair
    wireguard: ExchangeKeyPair
    path: ExchangeKeyPair
    wireguard_next: ExchangeKeyPair | None = None
    path_previous: ExchangeKeyPair | None = None
    path_previous_until: float = 0.0
    wireguard_former: ExchangeKeyPair | None = None
    wireguard_used_s: float = 0.0

    @property
    def wireguard_beside(self) -> ExchangeKeyPair | None:
        """The key beside the one in use: the next one, or the former one."""
        return self.wireguard_next or self.wireguard_former

    @property
    def tunnel_keys(self) -> tuple[ExchangeKeyPair, ...]:
        """What a tunnel takes: the WireGuard key in use, then the one beside it."""
        return (self.wireguard,) if self.wireguard_beside is None else (self.wireguard, self.wireguard_beside)

    def path_keys(self, now: float) -> tuple[ExchangeKeyPair, ...]:
        """The path keys that count at `now` (Unix seconds): the one in use, then the previous one."""
        if self.path_previous is None or now >= self.path_previous_until:
            return (self.path,)
        return (self.path, self.path_previous)


Hex = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=2 * KEY_BYTES)]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    identity: Hex
    wireguard: Hex
    path: Hex
    wireguard_next: Hex | None = None
    path_previous: Hex | None = None
    path_previous_until: float = 0.0
    wireguard_former: Hex | None = None
    wireguard_used_s: Annotated[float, Meta(ge=0)] = 0.0

    def __repr__(self) -> str:
        return "_File([redacted])"


def generate() -> NodeKeys:
    """Fresh keys for a network that this node is about to join."""
    return NodeKeys(
        identity=SigningKeyPair(os.urandom(KEY_BYTES)),
        wireguard=ExchangeKeyPair(os.urandom(KEY_BYTES)),
        path=ExchangeKeyPair(os.urandom(KEY_BYTES)),
    )


def load(store: Store) -> NodeKeys:
    """The keys on disk; WarrenError STATE_DAMAGED where there are none that can be read."""
    keys = store.read(KEYS_FILE, _parse)
    if keys is None:
        raise WarrenError(
            Code.STATE_DAMAGED,
            f"{store.folder / KEYS_FILE} is gone, and with it who this node is",
            "bring the file back from a backup, or `warren leave` and join anew",
        )
    return keys


def save(store: Store, keys: NodeKeys) -> None:
    """Write all keys; on disk when this returns."""
    file = _File(
        identity=keys.identity.private_bytes().reveal().hex(),
        wireguard=keys.wireguard.private_bytes().reveal().hex(),
        path=keys.path.private_bytes().reveal().hex(),
        wireguard_next=_hex(keys.wireguard_next),
        path_previous=_hex(keys.path_previous),
        path_previous_until=keys.path_previous_until,
        wireguard_former=_hex(keys.wireguard_former),
        wireguard_used_s=keys.wireguard_used_s,
    )
    store.write(KEYS_FILE, msgspec.json.encode(file))


def _parse(content: bytes) -> NodeKeys:
    file = msgspec.json.decode(content, type=_File)
    return NodeKeys(
        identity=SigningKeyPair(bytes.fromhex(file.identity)),
        wireguard=ExchangeKeyPair(bytes.fromhex(file.wireguard)),
        path=ExchangeKeyPair(bytes.fromhex(file.path)),
        wireguard_next=_pair(file.wireguard_next),
        path_previous=_pair(file.path_previous),
        path_previous_until=file.path_previous_until,
        wireguard_former=_pair(file.wireguard_former),
        wireguard_used_s=file.wireguard_used_s,
    )


def _hex(pair: ExchangeKeyPair | None) -> str | None:
    return None if pair is None else pair.private_bytes().reveal().hex()


def _pair(text: str | None) -> ExchangeKeyPair | None:
    return None if text is None else ExchangeKeyPair(bytes.fromhex(text))
