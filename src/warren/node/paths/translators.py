"""Asks the network's resolver for its NAT64 (RFC 7050), where this machine has a way out for IPv6 only.

Decides when: once the way out is such, again every TRANSLATORS_AGAIN_S, and soon where the resolver did not answer.
What the answers mean says `nat64`. The system's resolver is asked in a thread, which it may block.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, IPv6Network

from warren.limits import TRANSLATORS_AGAIN_S, TRANSLATORS_ANSWER_MAX_S, TRANSLATORS_RETRY_S
from warren.log import Log
from warren.node.paths.nat64 import DISCOVERY_NAME, prefixes_of

log = Log("nat64")


class Translators:
    """Of one network's life; `on_found` gets all prefixes, whenever they were asked for (none: there is no NAT64)."""

    def __init__(self, on_found: Callable[[Sequence[IPv6Network]], None]) -> None:
        self._on_found = on_found
        self._is_wanted = False
        self._changed = asyncio.Event()

    def set_wanted(self, *, wanted: bool) -> None:
        """Whether IPv4 can be reached only through a translator; told after every change of the way out."""
        if wanted != self._is_wanted or wanted:
            self._is_wanted = wanted
            self._changed.set()

    async def run(self) -> None:
        """Ask when it is worth it, until cancelled."""
        wait_s: float | None = None
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            if not self._is_wanted:
                self._on_found(())
                wait_s = None
                continue
            try:
                found = await _ask()
            except (OSError, TimeoutError) as error:
                log.debug("the resolver does not tell of a NAT64", reason=str(error) or "no answer in time")
                wait_s = TRANSLATORS_RETRY_S
                continue
            self._on_found(found)
            wait_s = TRANSLATORS_AGAIN_S


async def _ask() -> tuple[IPv6Network, ...]:
    async with asyncio.timeout(TRANSLATORS_ANSWER_MAX_S):
        found = await asyncio.get_running_loop().getaddrinfo(
            DISCOVERY_NAME, None, family=socket.AF_INET6, type=socket.SOCK_DGRAM
        )
    return prefixes_of(IPv6Address(entry[4][0]) for entry in found)
