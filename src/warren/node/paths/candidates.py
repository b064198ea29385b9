"""Which addresses are worth a probe, ours and a peer's.

Decides what is left out: what never leaves a machine or means a group, and every address inside the tunnels (a path
through the tunnel to itself). Addresses of 100.64/10 that are not ours stay: two homes behind one carrier NAT. Must not
know sockets; the peer's list is hostile input, whose length is bounded here.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from warren.limits import CANDIDATES_MAX
from warren.model.addresses import Endpoint
from warren.node.paths.nat64 import through

Prefix = IPv4Network | IPv6Network
_BROADCAST = IPv4Address("255.255.255.255")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_INNER = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")))


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


def may_be_a_relay(endpoint: Endpoint) -> bool:
    """Whether a server may send us there: not to this machine's own programs, nor to its links' (metadata services)."""
    return is_probeable(endpoint, ()) and not endpoint.address.is_link_local


def local_endpoints(
    addresses: Iterable[IPv4Address | IPv6Address], port: int, tunnel_prefixes: Sequence[Prefix]
) -> tuple[Endpoint, ...]:
    """What to offer to peers: this machine's addresses with the tunnel's port, best first, at most CANDIDATES_MAX."""
    offered = {Endpoint(address, port) for address in addresses}
    usable = [endpoint for endpoint in offered if is_probeable(endpoint, tunnel_prefixes)]
    return tuple(sorted(usable, key=_nearness)[:CANDIDATES_MAX])


def offer(
    local: Sequence[Endpoint],
    *,
    outer: Iterable[Endpoint] = (),
    mapped: Iterable[Endpoint] = (),
    guessed: Iterable[Endpoint] = (),
) -> tuple[Endpoint, ...]:
    """What a peer is told, at most CANDIDATES_MAX: what was seen from outside and what routers hold open are few and
    always among them; guesses about a symmetric NAT come last."""
    sure = list(dict.fromkeys((*mapped, *outer)))
    rest = [endpoint for endpoint in local if endpoint not in sure]
    near = rest[: max(CANDIDATES_MAX - len(sure), 0)]
    return tuple(dict.fromkeys((*near, *sure, *guessed)))[:CANDIDATES_MAX]


def peer_endpoints(
    offered: Iterable[Endpoint], tunnel_prefixes: Sequence[Prefix], translators: Sequence[IPv6Network] = ()
) -> tuple[Endpoint, ...]:
    """What of a peer's offer is probed: the first CANDIDATES_MAX that make sense, each once, in the peer's order.

    `translators`: NAT64 prefixes of this network; a peer's public IPv4 endpoints are reached through them too.
    """
    seen: dict[Endpoint, None] = {}
    for endpoint in offered:
        for way in (endpoint, *_translated(endpoint, translators)):
            if len(seen) < CANDIDATES_MAX and is_probeable(way, tunnel_prefixes):
                seen.setdefault(way)
    return tuple(seen)


def _translated(endpoint: Endpoint, translators: Sequence[IPv6Network]) -> Iterable[Endpoint]:
    address = endpoint.address
    if isinstance(address, IPv4Address) and not any(address in prefix for prefix in _INNER):
        for prefix in translators:
            yield Endpoint(through(prefix, address), endpoint.port)


def _nearness(endpoint: Endpoint) -> tuple[int, Endpoint]:
    """Private addresses before public ones: where they work at all they are the shorter way."""
    return (0 if endpoint.address.is_private else 1, endpoint)
