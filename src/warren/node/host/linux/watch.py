"""Tells that links, addresses or routes changed, so that facts are read again; not what changed.

Notices are gathered: one item for everything that came within a moment. A full kernel buffer counts as a change, so
nothing is missed.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator

from warren.limits import HOST_CHANGES_SETTLE_S, NETLINK_READ_MAX_BYTES

# linux/rtnetlink.h: RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400


async def host_changes() -> AsyncIterator[None]:
    """An item for each burst of changes after the first `anext` was called, until it is closed.

    A burst ends when nothing more came for `HOST_CHANGES_SETTLE_S`, or has lasted ten times that.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(0)
        netlink.bind((0, _GROUPS))
        while True:
            await _notice(loop, netlink)
            end = loop.time() + 10 * HOST_CHANGES_SETTLE_S
            while loop.time() < end:
                try:
                    async with asyncio.timeout(HOST_CHANGES_SETTLE_S):
                        await _notice(loop, netlink)
                except TimeoutError:
                    break
            yield


async def _notice(loop: asyncio.AbstractEventLoop, netlink: socket.socket) -> None:
    try:
        await loop.sock_recv(netlink, NETLINK_READ_MAX_BYTES)
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise
