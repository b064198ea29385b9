"""The host's network as frozen values: what a plan is made against and a difference is taken from.

Must not know how they are read. IPv6 link-local addresses and the kernel's own local and broadcast routes are left
out by whoever reads: they follow from links and addresses.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Literal

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Prefix = IPv4Network | IPv6Network

RouteKind = Literal["unicast", "blackhole", "unreachable", "prohibit", "throw"]

MAIN_TABLE = 254
# rtm_protocol says who installed a route; numbers above 4 are free for daemons, and no other claims this one ('W')
WARREN_PROTOCOL = 0x57


@dataclass(frozen=True, slots=True)
class HostLink:
    """A network interface. `index` is never used twice between two boots; `carrier`: the cable is in, so to say."""

    name: str
    index: int
    mtu: int
    up: bool
    carrier: bool = True


@dataclass(frozen=True, slots=True)
class HostAddress:
    """An address of an interface, with the length of its on-link prefix."""

    link: str
    interface: Interface


@dataclass(frozen=True, slots=True)
class HostRoute:
    """A route. `link` is empty for the kinds that lead nowhere; `source` is the preferred source address; `mtu` is for
    packets that take it, in bytes, 0: the link's."""

    prefix: Prefix
    kind: RouteKind = "unicast"
    link: str = ""
    gateway: Address | None = None
    metric: int = 0
    source: Address | None = None
    table: int = MAIN_TABLE
    protocol: int = WARREN_PROTOCOL
    mtu: int = 0


HostItem = HostAddress | HostRoute  # what a host is given one by one, and what the journal holds


@dataclass(frozen=True, slots=True)
class HostFacts:
    """All of it, as it was at one moment."""

    links: tuple[HostLink, ...] = ()
    addresses: tuple[HostAddress, ...] = ()
    routes: tuple[HostRoute, ...] = ()

    def link(self, name: str) -> HostLink | None:
        """The link of that name."""
        return next((link for link in self.links if link.name == name), None)
