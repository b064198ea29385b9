"""What differs between the wanted and the actual host, as an ordered list of single changes. Pure.

Decides the order. A prefix is covered by its blackhole before its link exists, and until after its link is gone; a
link has its addresses before its routes, which name them as source; peers come last and go first, so that nothing
flows while the host is half made. Whatever shuts access (a peer removed, a gate shut, a rule
withdrawn) goes before all that opens it.

Must not know how a change is made. Touches only what is ours: a thing is dropped only if the journal says that we put
it there, or if it is a tunnel of this process, or a route with our protocol number on the link of one (the kernel takes
the source out of an IPv6 route when its address goes, and leaves us with a route that we never made).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from warren.model.ids import Identity, NetworkId
from warren.node.host.facts import WARREN_PROTOCOL, HostFacts, HostItem, HostRoute
from warren.node.plan import FilterPlan, HostPlan, PeerPlan, TunnelPlan


@dataclass(frozen=True, slots=True)
class PutHost:
    """Add an address or route for a network; nothing happens if it is there. `vital`: nothing of it goes on without."""

    network: NetworkId
    item: HostItem
    vital: bool = False


@dataclass(frozen=True, slots=True)
class DropHost:
    """Remove an address or route of ours; nothing happens if it is gone."""

    item: HostItem


@dataclass(frozen=True, slots=True)
class RaiseTunnel:
    """Open a network's tunnel where there is none, and set its link up with its MTU. All that follows needs it."""

    network: NetworkId
    link: str
    mtu: int


@dataclass(frozen=True, slots=True)
class CloseTunnel:
    """Close a network's tunnel; its link goes, with all that hangs on it."""

    network: NetworkId
    link: str


@dataclass(frozen=True, slots=True)
class PutFilter:
    """Replace what passes behind the gates; no peer of the network is put without."""

    network: NetworkId
    filter: FilterPlan


@dataclass(frozen=True, slots=True)
class PutPeer:
    """Add or change a peer."""

    network: NetworkId
    peer: PeerPlan


@dataclass(frozen=True, slots=True)
class DropPeer:
    """Forget a peer."""

    network: NetworkId
    peer: PeerPlan


Change = PutHost | DropHost | RaiseTunnel | CloseTunnel | PutFilter | PutPeer | DropPeer


@dataclass(frozen=True, slots=True)
class OpenTunnel:
    """A tunnel of this process, as it is. `filter` None: it has none yet."""

    link: str
    peers: Mapping[Identity, PeerPlan] = field(default_factory=dict)
    filter: FilterPlan | None = None


@dataclass(frozen=True, slots=True)
class Actual:
    """The host as it is: facts, the open tunnels, and what the journal says is ours."""

    facts: HostFacts
    tunnels: Mapping[NetworkId, OpenTunnel] = field(default_factory=dict)
    journal: frozenset[HostItem] = frozenset()


def difference(wanted: HostPlan, actual: Actual) -> tuple[Change, ...]:
    """The changes that make the actual host the wanted one, in the order in which they are to be made."""
    there = frozenset[HostItem](actual.facts.addresses) | frozenset[HostItem](actual.facts.routes)
    kept = frozenset(wanted_items(wanted))
    surplus = sorted((_ours(actual, there) - kept), key=_down_order)
    return (
        *_shut_peers(wanted, actual),
        *_filters(wanted, actual),
        *_blackholes(wanted, there),
        *(DropHost(item) for item in surplus if not _is_blackhole(item)),
        *_closed(wanted, actual),
        *(change for tunnel in wanted.tunnels for change in _raised(tunnel, actual, there)),
        *(DropHost(item) for item in surplus if _is_blackhole(item)),
    )


def wanted_items(wanted: HostPlan) -> Iterator[HostItem]:
    """Every address and route of the plan."""
    for tunnel in wanted.tunnels:
        yield from tunnel.blackholes
        yield from tunnel.addresses
        yield from tunnel.routes


def _ours(actual: Actual, there: frozenset[HostItem]) -> frozenset[HostItem]:
    """What is on the host because of us."""
    links = {tunnel.link for tunnel in actual.tunnels.values()}
    marked = {route for route in actual.facts.routes if route.link in links and route.protocol == WARREN_PROTOCOL}
    return (actual.journal & there) | marked


def _shut_peers(wanted: HostPlan, actual: Actual) -> Iterator[Change]:
    plans = {tunnel.network: {peer.identity: peer for peer in tunnel.peers} for tunnel in wanted.tunnels}
    for network, tunnel in actual.tunnels.items():
        if actual.facts.link(tunnel.link) is None:
            continue  # nothing flows there any more, and it is about to be closed
        for identity, peer in tunnel.peers.items():
            planned = plans.get(network, {}).get(identity)
            if planned is None:
                yield DropPeer(network, peer)
            elif peer.gate_open and not planned.gate_open:
                yield PutPeer(network, planned)


def _filters(wanted: HostPlan, actual: Actual) -> Iterator[Change]:
    """Of tunnels that stay: before anything that opens access. What new rules let in has no peer yet."""
    for tunnel in wanted.tunnels:
        open_tunnel = actual.tunnels.get(tunnel.network)
        if open_tunnel is not None and _stays(tunnel, actual) and open_tunnel.filter != tunnel.filter:
            yield PutFilter(tunnel.network, tunnel.filter)


def _stays(tunnel: TunnelPlan, actual: Actual) -> bool:
    open_tunnel = actual.tunnels.get(tunnel.network)
    return open_tunnel is not None and open_tunnel.link == tunnel.link and actual.facts.link(tunnel.link) is not None


def _blackholes(wanted: HostPlan, there: frozenset[HostItem]) -> Iterator[Change]:
    for tunnel in wanted.tunnels:
        for route in tunnel.blackholes:
            if route not in there:
                yield PutHost(tunnel.network, route, vital=True)


def _closed(wanted: HostPlan, actual: Actual) -> Iterator[Change]:
    links = {tunnel.network: tunnel.link for tunnel in wanted.tunnels}
    for network, tunnel in actual.tunnels.items():
        # a tunnel whose link somebody deleted carries nothing any more
        if links.get(network) != tunnel.link or actual.facts.link(tunnel.link) is None:
            yield CloseTunnel(network, tunnel.link)


def _raised(tunnel: TunnelPlan, actual: Actual, there: frozenset[HostItem]) -> Iterator[Change]:
    open_tunnel = actual.tunnels.get(tunnel.network)
    link = actual.facts.link(tunnel.link)
    stays = _stays(tunnel, actual)
    if not stays or link is None or not link.up or link.mtu != tunnel.mtu:
        yield RaiseTunnel(tunnel.network, tunnel.link, tunnel.mtu)
    items: tuple[HostItem, ...] = (*tunnel.addresses, *tunnel.routes)
    for item in items:
        if not stays or item not in there:
            yield PutHost(tunnel.network, item)
    if not stays:
        yield PutFilter(tunnel.network, tunnel.filter)
    in_force = open_tunnel.peers if stays and open_tunnel is not None else {}
    for peer in tunnel.peers:
        present = in_force.get(peer.identity)
        shut_already = present is not None and present.gate_open and not peer.gate_open
        if present != peer and not shut_already:
            yield PutPeer(tunnel.network, peer)


def _is_blackhole(item: HostItem) -> bool:
    return isinstance(item, HostRoute) and item.kind == "blackhole"


def _down_order(item: HostItem) -> tuple[bool, str]:
    """Routes before the addresses that they name; among them a fixed order, so that runs are alike."""
    return not isinstance(item, HostRoute), repr(item)
