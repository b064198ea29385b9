"""Tells every network what the machine lived through: that it slept, was stopped, or has another resolver.

Decides nothing: `host.pause` says what is one, each network what follows.
"""

from collections.abc import Callable, Sequence

from warren.log import Log
from warren.node.host.linux.pauses import pauses
from warren.node.host.pause import Pause
from warren.node.network import Network

log = Log("host")


async def watch_pauses(networks: Callable[[], Sequence[Network]]) -> None:
    """Watch until cancelled."""
    async for found in pauses():
        log.info("the machine stood still or changed", reason=str(found))
        for network in networks():
            if isinstance(found, Pause):
                network.handle_pause(found)
            else:
                network.link.hurry()
