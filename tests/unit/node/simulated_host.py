"""A host in memory that behaves as Linux does where reconciling depends on it, and refuses where Linux refuses.

A link that goes takes its addresses and routes along; an IPv4 address that goes takes the routes that prefer it as
source, an IPv6 one leaves them without it; a route wants its link up, its source present and its place free. It also
holds the rule that must hold at every moment: while a tunnel has a route, the blackhole of that prefix is there.
"""

import errno
import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_interface

from warren.node.host.facts import HostAddress, HostFacts, HostItem, HostLink, HostRoute
from warren.node.plan import BLACKHOLE_METRIC


class SimulatedHost:
    """`reconcile.Host` without a kernel. `before_change` may raise, or stand for a crash."""

    def __init__(self) -> None:
        self.links: dict[str, HostLink] = {}
        self.items: set[HostItem] = set()
        self.before_change: Callable[[object], None] = lambda _: None
        self.after_change: Callable[[object], None] = lambda _: None
        self._indices = itertools.count(2)

    async def facts(self) -> HostFacts:
        return HostFacts(
            tuple(self.links.values()),
            tuple(item for item in self.items if isinstance(item, HostAddress)),
            tuple(item for item in self.items if isinstance(item, HostRoute)),
        )

    async def put(self, item: HostItem) -> None:
        self.before_change(item)
        self.add(item)
        self.after_change(item)

    async def drop(self, item: HostItem) -> None:
        self.before_change(item)
        self.remove(item)
        self.after_change(item)

    async def raise_link(self, name: str, mtu: int) -> None:
        self.before_change(name)
        if name not in self.links:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        self.links[name] = HostLink(name, self.links[name].index, mtu, up=True)
        self.after_change(name)

    def add_link(self, name: str, *, mtu: int = 1500, up: bool = True) -> None:
        assert name not in self.links
        self.links[name] = HostLink(name, next(self._indices), mtu, up)

    def remove_link(self, name: str) -> None:
        del self.links[name]
        self.items = {item for item in self.items if item.link != name}

    def add(self, item: HostItem) -> None:
        if item.link and item.link not in self.links:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if item in self.items:
            return
        if isinstance(item, HostRoute):
            self._check_route(item)
        self.items.add(item)

    def remove(self, item: HostItem) -> None:
        self.items.discard(item)
        if isinstance(item, HostAddress):
            gone = item.interface.ip
            for route in [i for i in self.items if isinstance(i, HostRoute) and i.source == gone]:
                self.items.discard(route)
                if gone.version == 6:
                    self.items.add(replace(route, source=None))

    def _check_route(self, route: HostRoute) -> None:
        if _place(route) in {_place(other) for other in self.items if isinstance(other, HostRoute)}:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        if route.link and not self.links[route.link].up:
            raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))
        if route.source and HostAddress(route.link, ip_interface(route.source)) not in self.items:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if route.link.startswith("warren"):
            assert any(_covers(item, route) for item in self.items), "route before blackhole"


def _covers(item: HostItem, route: HostRoute) -> bool:
    """Whether what this route leads to is lost in this blackhole where the route is gone: its prefix or a wider one."""
    if not isinstance(item, HostRoute) or item.kind != "blackhole" or item.metric != BLACKHOLE_METRIC:
        return False
    ours, owned = route.prefix, item.prefix
    return owned.version == ours.version and owned.prefixlen <= ours.prefixlen and ours.network_address in owned


def _place(route: HostRoute) -> tuple[object, ...]:
    """What only one route can have."""
    return route.prefix, route.metric, route.table
