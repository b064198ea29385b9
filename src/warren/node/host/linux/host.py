"""The Linux host: facts read and single changes made by rtnetlink.

Decides nothing; what is there already or gone already counts as done. Every call runs in a thread, because the kernel
may make it wait for another program's lock.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from warren.node.host.facts import HostAddress, HostFacts, HostItem
from warren.node.host.linux import messages
from warren.node.host.linux.netlink import NLM_F_CREATE, NLM_F_EXCL, RouteSocket

T = TypeVar("T")

_GONE = {errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL, errno.ENODEV}
_NO_IPV6 = {errno.EAFNOSUPPORT, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EINVAL}


def epoch() -> str:
    """Names this boot and network namespace: what is on the host was put there in it, or is another's."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{Path('/proc/self/ns/net').stat().st_ino}"


class LinuxHost:
    """`reconcile.Host` on Linux."""

    async def facts(self) -> HostFacts:
        """Links, addresses and routes of all tables, IPv4 and IPv6."""
        return await _in_thread(_read)

    async def put(self, item: HostItem) -> None:
        """Add an address or route."""
        kind = messages.RTM_NEWADDR if isinstance(item, HostAddress) else messages.RTM_NEWROUTE
        await _in_thread(lambda netlink: _put(netlink, kind, item))

    async def drop(self, item: HostItem) -> None:
        """Remove exactly this one."""
        kind = messages.RTM_DELADDR if isinstance(item, HostAddress) else messages.RTM_DELROUTE
        await _in_thread(lambda netlink: _drop(netlink, kind, item))

    async def raise_link(self, name: str, mtu: int) -> None:
        """Set a link up with this MTU, without IPv6 addresses of the kernel's own making."""
        await _in_thread(lambda netlink: _raise(netlink, name, mtu))


def _read(netlink: RouteSocket) -> HostFacts:
    dumped = netlink.dump(messages.RTM_GETLINK, messages.EVERY_LINK)
    links = [link for _, body in dumped if (link := messages.parse_link(body)) is not None]
    names = {link.index: link.name for link in links}
    addresses = [body for _, body in netlink.dump(messages.RTM_GETADDR, messages.EVERY_ADDRESS)]
    routes = [
        body
        for family in (messages.AF_INET, messages.AF_INET6)
        for _, body in netlink.dump(messages.RTM_GETROUTE, messages.every_route(family))
    ]
    return HostFacts(
        tuple(links),
        tuple(messages.parse_addresses(addresses, names)),
        tuple(messages.parse_routes(routes, names)),
    )


def _put(netlink: RouteSocket, kind: int, item: HostItem) -> None:
    index = socket.if_nametoindex(item.link) if item.link else 0
    try:
        netlink.request(kind, NLM_F_CREATE | NLM_F_EXCL, messages.host_item(item, index))
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        facts = _read(netlink)
        if item not in facts.addresses and item not in facts.routes:
            raise OSError(errno.EEXIST, "another program has one in its place") from error


def _drop(netlink: RouteSocket, kind: int, item: HostItem) -> None:
    try:
        index = socket.if_nametoindex(item.link) if item.link else 0
        netlink.request(kind, 0, messages.host_item(item, index))
    except OSError as error:
        if error.errno not in _GONE:
            raise


def _raise(netlink: RouteSocket, name: str, mtu: int) -> None:
    index = socket.if_nametoindex(name)
    try:  # before it is up, for then the kernel has made its address
        netlink.request(messages.RTM_SETLINK, 0, messages.link_quiet(index))
    except OSError as error:
        if error.errno not in _NO_IPV6:
            raise
    netlink.request(messages.RTM_SETLINK, 0, messages.link_up(index, mtu))


async def _in_thread(work: Callable[[RouteSocket], T]) -> T:
    def run() -> T:
        with RouteSocket() as netlink:
            return work(netlink)

    return await asyncio.to_thread(run)
