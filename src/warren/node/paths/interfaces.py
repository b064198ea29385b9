"""Where this machine is attached: its addresses and the ways out, and what a change of them is called. Pure.

Decides what counts: links that are up, have a carrier and are not our tunnels; of each family the default route of the
main table that the kernel prefers. A difference is told in words, which logs show, and as kinds, which say what has to
be looked at again: addresses and ways out concern every path and mapping, a resolver only what is found by name.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from warren.node.host.facts import MAIN_TABLE, Address, HostFacts, HostRoute

_PRIVATE6 = IPv6Network("fc00::/7")  # RFC 4193: not reachable from elsewhere, so not worth a pinhole


@dataclass(frozen=True, slots=True)
class Uplink:
    """The way out of one family: link, its index, the gateway (None on a point-to-point link), and our address there.

    `source` is the address that a mapping or pinhole would lead to; None where the link has none of use.
    """

    link: str
    index: int
    gateway: Address | None
    source: Address | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All of it at one moment. `addresses` in an order that only changes with them."""

    addresses: tuple[IPv4Address | IPv6Address, ...] = ()
    uplink4: Uplink | None = None
    uplink6: Uplink | None = None


def survey(facts: HostFacts, own_links: AbstractSet[str]) -> Surroundings:
    """What the facts mean for paths; `own_links` are those of our tunnels."""
    live = {link.name: link.index for link in facts.links if link.up and link.carrier and link.name not in own_links}
    addresses = {address.interface.ip for address in facts.addresses if address.link in live}
    return Surroundings(
        tuple(sorted(addresses, key=lambda address: (address.version, int(address)))),
        _uplink(facts, live, 4),
        _uplink(facts, live, 6),
    )


def differences(before: Surroundings, after: Surroundings) -> tuple[str, ...]:
    """What changed, in words; empty where nothing did."""
    words = [f"address {address} came" for address in after.addresses if address not in before.addresses]
    words += [f"address {address} went" for address in before.addresses if address not in after.addresses]
    for family, old, new in (("IPv4", before.uplink4, after.uplink4), ("IPv6", before.uplink6, after.uplink6)):
        if new == old:
            continue
        if new is None:
            words.append(f"{family} has no way out")
        else:
            words.append(f"{family} goes out by {new.link}" + (f" via {new.gateway}" if new.gateway else ""))
    return tuple(words)


def has_moved(before: Surroundings, after: Surroundings) -> bool:
    """Whether a way out is another one: packets to the same address now leave differently."""
    return any(
        old is not None and new is not None and (old.index, old.gateway) != (new.index, new.gateway)
        for old, new in ((before.uplink4, after.uplink4), (before.uplink6, after.uplink6))
    )


def _uplink(facts: HostFacts, live: dict[str, int], version: int) -> Uplink | None:
    ways = [route for route in facts.routes if _is_way_out(route, version) and route.link in live]
    if not ways:
        return None
    best = min(ways, key=lambda route: (route.metric, live[route.link]))
    return Uplink(best.link, live[best.link], best.gateway, _source(facts, best))


def _is_way_out(route: HostRoute, version: int) -> bool:
    is_default = route.prefix.prefixlen == 0 and route.prefix.version == version
    return is_default and route.kind == "unicast" and route.table == MAIN_TABLE


def _source(facts: HostFacts, way: HostRoute) -> Address | None:
    """Our address that the gateway sees: the route's own choice, else one in the gateway's prefix, else the first."""
    if way.source is not None:
        return way.source
    here = [
        one.interface
        for one in facts.addresses
        if one.link == way.link and one.interface.version == way.prefix.version and one.interface.ip not in _PRIVATE6
    ]
    near = [interface for interface in here if way.gateway is not None and way.gateway in interface.network]
    return min((interface.ip for interface in near or here), key=int, default=None)
