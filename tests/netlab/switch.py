"""A switch of the lab: a bridge with an IPv4 and an IPv6 network, whose members learn its routes.

The routes are what DHCP and router advertisements would tell: a gateway where a router serves this switch, and ways
to networks behind routers that do not hide them. A member that comes later gets them too.
"""

from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network
from typing import TYPE_CHECKING

from tests.netlab.keeper import Keeper

if TYPE_CHECKING:
    from tests.netlab.host import Host, Interface

_FIRST_HOST = 10  # .1 to .9 are for routers to ask for


class Switch:
    """Made by `Lab.switch`."""

    def __init__(self, keeper: Keeper, name: str, bridge: str, v4: IPv4Network, v6: IPv6Network) -> None:
        self.name = name
        self.v4 = v4
        self.v6 = v6
        self._keeper = keeper
        self._bridge = bridge
        self._ports = 0
        self._routes: list[tuple[str, str, Host]] = []
        self._members: list[tuple[Host, Interface]] = []
        self._addresses_taken = 0
        keeper.ip_batch(f"link add {bridge} type bridge forward_delay 0 mcast_snooping 0", f"link set {bridge} up")

    def next_addresses(self, *, taken: "Host | None" = None) -> tuple[IPv4Interface, IPv6Interface]:
        """Addresses that no member has; a member that is to have them beside its own is named by `taken`."""
        number = _FIRST_HOST + len(self._members) + self._addresses_taken
        self._addresses_taken += taken is not None
        return (
            IPv4Interface((self.v4[number], self.v4.prefixlen)),
            IPv6Interface((self.v6[number], self.v6.prefixlen)),
        )

    def plug(self, namespace: str, interface: str) -> str:
        """A new veth: one end in that namespace under that name, the other (its name is the answer) a port here."""
        port = f"{self._bridge}p{self._ports}"
        self._ports += 1
        self._keeper.ip_batch(
            f"link add {port} type veth peer name {interface} netns {namespace}",
            f"link set {port} master {self._bridge} up",
        )
        return port

    def set_mtu(self, mtu: int) -> None:
        """All that is plugged in carries frames so long, in bytes of their payload."""
        ports = [f"link set {self._bridge}p{number} mtu {mtu}" for number in range(self._ports)]
        self._keeper.ip_batch(*ports, f"link set {self._bridge} mtu {mtu}")
        for host, interface in self._members:
            host.ip_batch(f"link set {interface.name} mtu {mtu}")

    def add_member(self, host: "Host", interface: "Interface") -> None:
        """From here on this host follows the switch's routes."""
        self._members.append((host, interface))
        self.restore_routes(host)

    def add_route(self, prefix: str, router: "Host") -> None:
        """All members, of now and of later, reach `prefix` by that router."""
        via = next(interface for member, interface in self._members if member is router)
        self._routes.append((prefix, str(via.v6.ip if ":" in prefix else via.v4.ip), router))
        for member, _ in self._members:
            self.restore_routes(member)

    def restore_routes(self, host: "Host") -> None:
        """Give a member the routes of this switch (again)."""
        name = next(interface.name for member, interface in self._members if member is host)
        routes = [(prefix, via) for prefix, via, router in self._routes if router is not host]
        if routes:
            host.ip_batch(*(f"route replace {prefix} via {via} dev {name}" for prefix, via in routes))
