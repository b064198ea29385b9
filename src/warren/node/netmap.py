"""Documents and presence in, the network map out: the one value from which everything on this node follows.

Decides who is a peer, by which name and addresses, and whether its gate opens (with the reason). Must not know the
engine, the host or the session. A peer stands in the map only by documents that `trust.verify` accepted; presence is
the server's word and opens nothing.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from warren.model.ids import Identity, NetworkId
from warren.model.names import HostLabel


@dataclass(frozen=True, slots=True)
class Peer:
    """Another member. `wireguard_keys`: the one in use, then the next one. `last_seen` in Unix seconds."""

    identity: Identity
    name: HostLabel
    fqdn: str
    addresses: tuple[IPv4Address | IPv6Address, ...]
    wireguard_keys: tuple[bytes, ...]
    path_key: bytes
    allowed: bool
    allowed_reason: str
    online: bool
    last_seen: float | None
    user: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SelfNode:
    """This node in this network."""

    identity: Identity
    name: HostLabel
    fqdn: str
    addresses: tuple[IPv4Address | IPv6Address, ...]


@dataclass(frozen=True, slots=True)
class NetworkMap:
    """One network as this node sees it; `prefixes` are the network's own (a blackhole route each)."""

    network: NetworkId
    name: str
    suffix: str
    me: SelfNode
    prefixes: tuple[IPv4Network | IPv6Network, ...]
    peers: tuple[Peer, ...]
