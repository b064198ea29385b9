"""Network maps for tests, small and readable."""

import hashlib
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from warren.model.ids import Identity, NetworkId
from warren.model.names import HostLabel
from warren.node.netmap import NetworkMap, Peer, SelfNode
from warren.policy.verdict import Opening


def identity(name: str) -> Identity:
    """An identity by name; no key belongs to it."""
    return Identity(hashlib.sha256(name.encode()).digest())


def peer(name: str, *addresses: str, allowed: bool = True, key: str = "") -> Peer:
    """A peer that may reach us, unless told otherwise; `key` tells one WireGuard key of it from another."""
    openings = (Opening(1),) if allowed else ()
    return Peer(
        identity=identity(name),
        name=HostLabel(name),
        fqdn=f"{name}.default.warren",
        addresses=tuple(ip_address(address) for address in addresses),
        wireguard_keys=(hashlib.sha256(f"{name} wireguard {key}".encode()).digest(),),
        path_key=hashlib.sha256(f"{name} path".encode()).digest(),
        allowed=allowed,
        allowed_reason="members reach each other" if allowed else "no rule says so",
        online=True,
        last_seen=None,
        user="someone",
        tags=(),
        inward=openings,
        outward=openings,
    )


def network(
    name: str = "default",
    *,
    prefixes: Sequence[str] = ("100.96.0.0/16", "fd77:7272:656e::/64"),
    own: Sequence[str] = ("100.96.0.2", "fd77:7272:656e::2"),
    peers: Sequence[Peer] = (),
) -> NetworkMap:
    """A network in which this node is `me`."""
    return NetworkMap(
        network=NetworkId(hashlib.sha256(f"network {name}".encode()).digest()),
        name=name,
        suffix=f"{name}.warren",
        me=SelfNode(
            identity=identity(f"me in {name}"),
            name=HostLabel("me"),
            fqdn=f"me.{name}.warren",
            addresses=tuple(ip_address(address) for address in own),
        ),
        prefixes=tuple(ip_network(prefix) for prefix in prefixes),
        peers=tuple(peers),
    )
