"""Which addresses are worth a probe, ours and a peer's.

Decides what is left out: what never leaves a machine or means a group, and every address inside the tunnels (a path
through the tunnel to itself). Addresses of 100.64/10 that are not ours stay: two homes behind one carrier NAT. Must not
know sockets; the peer's list is hostile input, whose length is bounded here.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from warren.limits import CANDIDATES_MAX
from warren.model.addresses import Endpoint

Prefix = IPv4Network | IPv6Network
_BROADCAST = IPv4Address("255.255.255.255")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")


def is_probeable(endpoint: Endpoint, tunnel_prefixes: Iterable[Prefix]) -> bool:
    """Whether a datagram to this endpoint could reach another machine outside every tunnel of ours."""
    address = endpoint.address
    if endpoint.port == 0 or address.is_loopback or address.is_multicast or address.is_unspecified:
        return False
    if isinstance(address, IPv6Address):
        if address.is_link_local:
            return False  # means nothing without a scope, which another machine cannot know
    elif address == _BROADCAST or address in _THIS_NETWORK:
        return False
    return not any(address in prefix for prefix in tunnel_prefixes if prefix.version == address.version)


def local_endpoints(
    addresses: Iterable[IPv4Address | IPv6Address], port: int, tunnel_prefixes: Sequence[Prefix]
) -> tuple[Endpoint, ...]:
    """What to offer to peers: this machine's addresses with the tunnel's port, best first, at most CANDIDATES_MAX."""
    offered = {Endpoint(address, port) for address in addresses}
    usable = [endpoint for endpoint in offered if is_probeable(endpoint, tunnel_prefixes)]
    return tuple(sorted(usable, key=_nearness)[:CANDIDATES_MAX])


def peer_endpoints(offered: Iterable[Endpoint], tunnel_prefixes: Sequence[Prefix]) -> tuple[Endpoint, ...]:
    """What of a peer's offer is probed: the first CANDIDATES_MAX that make sense, each once, in the peer's order."""
    seen: dict[Endpoint, None] = {}
    for endpoint in offered:
        if len(seen) >= CANDIDATES_MAX:
            break
        if is_probeable(endpoint, tunnel_prefixes):
            seen.setdefault(endpoint)
    return tuple(seen)


def _nearness(endpoint: Endpoint) -> tuple[int, Endpoint]:
    """Private addresses before public ones: where they work at all they are the shorter way."""
    return (0 if endpoint.address.is_private else 1, endpoint)
