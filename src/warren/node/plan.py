"""The wanted state of the host, from the network maps and what the host has: one value, made anew at every change.

Decides which links, addresses, routes and peers there are to be, how a link is named, and which networks cannot be
brought up because their prefix is already something else here. Must not know how any of it is applied, in which order
(`changes.py`), or by whom a peer was allowed (`netmap.py`). Pure.

Invariants: each prefix of a network has a blackhole route with a metric that every other route beats, so that a packet
for the mesh never leaves in the clear while the tunnel is away (SECURITY 31); a peer's allowed prefixes are single
addresses within the network's prefixes, none of them ours or another peer's (SECURITY 28); no two networks overlap.
A network that is up already stays up when something collides later: it is reported, not torn down.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, ip_interface, ip_network
from typing import Literal

from warren.errors import Code, WarrenError
from warren.limits import NARROW_PEERS_MAX
from warren.model.ids import Identity, NetworkId
from warren.model.transport import Transport, with_peer
from warren.node.host.facts import Address, HostAddress, HostFacts, HostItem, HostRoute, Prefix
from warren.node.netmap import NetworkMap, Peer
from warren.policy.verdict import Opening

TUNNEL_MTU = 1400  # leaves 20 bytes for a relay's header inside 1,500 under IPv6 and WireGuard's 32
NARROW_MTU = 1200  # to a peer whose path has a hole: 1,260 bytes outside with IPv4, and IPv6 carries 1,280 everywhere
BLACKHOLE_METRIC = 4_278_198_272  # 0xff002000: behind any metric a person or a daemon gives
TUNNEL_METRIC = 1  # before any other route to the same prefix; 0 would become 1024 in IPv6
LINK_PREFIX = "warren"

# Carrier-grade NAT (RFC 6598). Every default prefix lies in it, so a carrier's on-link /10 is no collision by itself.
_SHARED_SPACE = IPv4Network("100.64.0.0/10")


NO_WORD_YET = "the server is asked first whether this is still so"
"""Why a gate is shut in the first moments of a daemon."""


@dataclass(frozen=True, slots=True)
class PeerPlan:
    """A peer as the data plane needs it. `public_keys`: in use, then the next one. `gate_reason` says why,
    `transport` what may seal its sessions, `path_mtu` how long packets to it may be, None: as the tunnel's."""

    identity: Identity
    name: str
    public_keys: tuple[bytes, ...]
    allowed: tuple[Prefix, ...]
    gate_open: bool
    gate_reason: str
    transport: Transport = Transport.WIREGUARD
    path_mtu: int | None = None


@dataclass(frozen=True, slots=True)
class FilterRule:
    """What may open a flow with peers of these addresses. `line`: the rule's in the policy; no protocols or ports: any.

    `inward`: the peer opens it.
    """

    line: int
    inward: bool
    protocols: tuple[int, ...]
    ports: tuple[tuple[int, int], ...]
    remotes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class FilterPlan:
    """What passes behind the gates, both ways; without rules nothing. `own`: this node's addresses."""

    own: tuple[Prefix, ...] = ()
    rules: tuple[FilterRule, ...] = ()


@dataclass(frozen=True, slots=True)
class TunnelPlan:
    """One network on this host."""

    network: NetworkId
    name: str
    link: str
    mtu: int
    blackholes: tuple[HostRoute, ...]
    addresses: tuple[HostAddress, ...]
    routes: tuple[HostRoute, ...]
    peers: tuple[PeerPlan, ...]
    filter: FilterPlan = FilterPlan()


@dataclass(frozen=True, slots=True)
class Collision:
    """A network's prefix is something else on this host. `kept`: it was up before, and stays."""

    network: NetworkId
    name: str
    text: str
    fix: str
    kept: bool

    def error(self) -> WarrenError:
        """As the answer to a user who wanted this network up."""
        return WarrenError(Code.ADDRESS_COLLISION, self.text, self.fix)


@dataclass(frozen=True, slots=True)
class HostPlan:
    """Everything wanted; networks in the order of the maps."""

    tunnels: tuple[TunnelPlan, ...] = ()
    collisions: tuple[Collision, ...] = ()

    def lines(self) -> list[str]:
        """The plan for a person, in the order in which it is applied."""
        return [described.text for described in describe(self)]


@dataclass(frozen=True, slots=True)
class Described:
    """One thing of a plan in words. `subject`: the item, the peer, or the name of the link."""

    kind: Literal["blackhole", "link", "address", "route", "filter", "peer"]
    text: str
    subject: HostItem | PeerPlan | FilterPlan | str


@dataclass(frozen=True, slots=True)
class Own:
    """What of the host is ours already: open tunnels' links by network, and what the journal says we added."""

    links: Mapping[NetworkId, str] = field(default_factory=dict)
    items: frozenset[HostItem] = frozenset()


def plan(maps: Sequence[NetworkMap], own: Own, facts: HostFacts) -> HostPlan:
    """The wanted state of the host; a network that collides is left out (unless it is up) and reported."""
    foreign = _Foreign.of(own, facts)
    names = _link_names(maps, own, facts)
    tunnels: list[TunnelPlan] = []
    collisions: list[Collision] = []
    accepted: list[NetworkMap] = []
    for network in maps:
        found = foreign.collision(f"network {network.name}", network.prefixes, accepted)
        is_up = network.network in own.links
        if found:
            collisions.append(Collision(network.network, network.name, *found, kept=is_up))
        if not found or is_up:
            accepted.append(network)
            tunnels.append(_tunnel(network, names[network.network]))
    return HostPlan(tuple(tunnels), tuple(collisions))


def refusal(prefixes: Iterable[Prefix], maps: Sequence[NetworkMap], own: Own, facts: HostFacts) -> WarrenError | None:
    """Why a network of these prefixes could not come up beside what is here, before it is joined."""
    found = _Foreign.of(own, facts).collision("this network", prefixes, maps)
    return None if found is None else WarrenError(Code.ADDRESS_COLLISION, *found)


def describe(wanted: HostPlan) -> Iterator[Described]:
    """Everything in the plan, in the order in which it is applied."""
    for tunnel in wanted.tunnels:
        for route in tunnel.blackholes:
            yield Described("blackhole", show_item(route), route)
        yield Described("link", f"{tunnel.link} for network {tunnel.name}, MTU {tunnel.mtu}", tunnel.link)
        for address in tunnel.addresses:
            yield Described("address", show_item(address), address)
        for route in tunnel.routes:
            yield Described("route", show_item(route), route)
        yield Described("filter", show_filter(tunnel.filter), tunnel.filter)
        for peer in tunnel.peers:
            yield Described("peer", show_peer(peer), peer)


def show_item(item: HostItem) -> str:
    """An address or route of ours, for a person."""
    if isinstance(item, HostAddress):
        return f"{item.interface.ip} on {item.link}"
    if not item.link:
        return f"{item.prefix} leads nowhere while its tunnel is away"
    source, mtu = f" from {item.source}" if item.source else "", f", MTU {item.mtu}" if item.mtu else ""
    return f"{item.prefix} by {item.link}{source}{mtu}"


def show_filter(wanted: FilterPlan) -> str:
    """The packet filter, for a person."""
    inward = sum(rule.inward for rule in wanted.rules)
    return (
        f"packet filter: rules for what peers open {inward}, for what this machine opens {len(wanted.rules) - inward}"
    )


def show_peer(peer: PeerPlan) -> str:
    """A peer, for a person."""
    reached = ", ".join(str(prefix.network_address) for prefix in peer.allowed) or "no address"
    return f"{peer.name} ({reached}): gate {'open' if peer.gate_open else 'shut'}, {peer.gate_reason}"


def _tunnel(network: NetworkMap, link: str) -> TunnelPlan:
    own = network.me.addresses
    routes = tuple(
        HostRoute(prefix, link=link, metric=TUNNEL_METRIC, source=_source(prefix, network))
        for prefix in network.prefixes
    )
    peers = tuple(_peers(network))
    routes += tuple(_narrow_routes(network, peers, link))
    return TunnelPlan(
        network=network.network,
        name=network.name,
        link=link,
        mtu=TUNNEL_MTU,
        blackholes=tuple(blackhole(prefix) for prefix in network.prefixes),
        addresses=tuple(HostAddress(link, ip_interface(address)) for address in own),
        routes=routes,
        peers=peers,
        filter=_filter(network, peers),
    )


def _narrow_routes(network: NetworkMap, peers: Sequence[PeerPlan], link: str) -> Iterator[HostRoute]:
    """The system cuts what goes to these peers smaller, connections that stand too, and takes it back at once.

    `PeerPlan.path_mtu` says the same to the data plane, which looks after what is forwarded.
    """
    narrow = [peer for peer in peers if peer.identity in network.narrow]
    for peer in narrow[:NARROW_PEERS_MAX]:
        for prefix in peer.allowed:
            source = _source(prefix, network)
            yield HostRoute(prefix, link=link, metric=TUNNEL_METRIC, source=source, mtu=NARROW_MTU)


def _filter(network: NetworkMap, peers: Sequence[PeerPlan]) -> FilterPlan:
    """Rules of one kind stand once, with the addresses of all peers that they are about."""
    remotes: dict[tuple[bool, Opening], list[Prefix]] = {}
    for peer, planned in zip(network.peers, peers, strict=True):
        for inward, openings in ((True, peer.inward), (False, peer.outward)):
            for opening in openings:
                remotes.setdefault((inward, opening), []).extend(planned.allowed)
    rules = (
        FilterRule(opening.line, inward, opening.protocols, opening.ports, tuple(prefixes))
        for (inward, opening), prefixes in remotes.items()
        if prefixes
    )
    own = tuple(ip_network(address) for address in network.me.addresses)
    return FilterPlan(own, tuple(sorted(rules, key=lambda rule: (rule.line, rule.inward))))


def blackhole(prefix: Prefix) -> HostRoute:
    """The route that catches what the tunnel does not."""
    return HostRoute(prefix, kind="blackhole", metric=BLACKHOLE_METRIC)


def _source(prefix: Prefix, network: NetworkMap) -> Address | None:
    """Our address in the prefix of the network that this one is or lies in."""
    whole = [one for one in network.prefixes if _contains(one, prefix)]
    return next((address for address in network.me.addresses for one in whole if address in one), None)


def _peers(network: NetworkMap) -> Iterator[PeerPlan]:
    taken: set[Address] = set(network.me.addresses)
    for peer in network.peers:
        allowed = tuple(
            ip_network(address)
            for address in peer.addresses
            if address not in taken and any(address in prefix for prefix in network.prefixes)
        )
        taken.update(peer.addresses)
        transport = with_peer(network.transport, peer_offers_aes=peer.offers_aes)
        path_mtu = NARROW_MTU if peer.identity in network.narrow else None
        planned = _peer(peer, allowed, transport, is_current=network.is_current)
        yield replace(planned, path_mtu=path_mtu)


def _peer(peer: Peer, allowed: tuple[Prefix, ...], transport: Transport, *, is_current: bool) -> PeerPlan:
    reason = peer.allowed_reason if is_current else NO_WORD_YET
    is_open = peer.allowed and is_current
    return PeerPlan(peer.identity, peer.name, peer.wireguard_keys, allowed, is_open, reason, transport)


def _link_names(maps: Sequence[NetworkMap], own: Own, facts: HostFacts) -> dict[NetworkId, str]:
    taken = {link.name for link in facts.links} | set(own.links.values())
    names: dict[NetworkId, str] = {}
    number = 0
    for network in maps:
        name = own.links.get(network.network)
        while name is None:
            candidate = f"{LINK_PREFIX}{number}"
            number += 1
            name = candidate if candidate not in taken else None
        names[network.network] = name
    return names


@dataclass(frozen=True, slots=True)
class _Foreign:
    """What others have on this host."""

    addresses: tuple[HostAddress, ...]
    routes: tuple[HostRoute, ...]

    @classmethod
    def of(cls, own: Own, facts: HostFacts) -> "_Foreign":
        links = set(own.links.values())
        return cls(
            tuple(a for a in facts.addresses if a.link not in links and a not in own.items),
            tuple(r for r in facts.routes if (not r.link or r.link not in links) and r not in own.items),
        )

    def collision(
        self, name: str, prefixes: Iterable[Prefix], accepted: Sequence[NetworkMap]
    ) -> tuple[str, str] | None:
        """What is wrong and what to do, for the first of these prefixes of a network that collides."""
        for prefix in prefixes:
            found = self._with_networks(prefix, accepted) or self._with_addresses(prefix) or self._with_routes(prefix)
            if found:
                text, fix = found
                return f"{name} uses {prefix}, but {text}", fix
        return None

    @staticmethod
    def _with_networks(prefix: Prefix, accepted: Sequence[NetworkMap]) -> tuple[str, str] | None:
        for other in accepted:
            for theirs in other.prefixes:
                if _overlap(prefix, theirs):
                    return (
                        f"network {other.name} uses {theirs}, and one machine cannot be in both",
                        f"leave {other.name}, or have one of the two made with another --prefix{_by_ipv6(prefix)}",
                    )
        return None

    def _with_addresses(self, prefix: Prefix) -> tuple[str, str] | None:
        for address in self.addresses:
            subnet = address.interface.network
            inside = address.interface.ip in prefix
            if inside or (_contains(subnet, prefix) and subnet != _SHARED_SPACE):
                return (
                    f"this machine has {address.interface} on {address.link}",
                    f"renumber {address.link}, or have the network made with another --prefix{_by_ipv6(prefix)}",
                )
        return None

    def _with_routes(self, prefix: Prefix) -> tuple[str, str] | None:
        for route in self.routes:
            if route.gateway is not None and route.gateway in prefix:
                return (
                    f"this machine's way to {route.prefix} goes by {route.gateway} on {route.link}",
                    f"have the network made with another --prefix{_by_ipv6(prefix)}",
                )
            if _contains(prefix, route.prefix) and route != blackhole(prefix):
                leads = f"to {route.link}" if route.link else f"nowhere ({route.kind})"
                return (
                    f"this machine already routes {route.prefix} {leads}",
                    f"remove that route, or have the network made with another --prefix{_by_ipv6(prefix)}",
                )
        return None


def _by_ipv6(prefix: Prefix) -> str:
    """A way out that this machine has alone."""
    return "; or be in it by IPv6 alone: warren up --ipv6-only" if prefix.version == 4 else ""


def _contains(outer: Prefix, inner: Prefix) -> bool:
    return (
        outer.version == inner.version
        and outer.prefixlen <= inner.prefixlen
        and inner.network_address in outer
    )  # fmt: skip


def _overlap(a: Prefix, b: Prefix) -> bool:
    return _contains(a, b) or _contains(b, a)
