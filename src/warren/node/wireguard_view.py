"""A network's tunnel as `wg show` sees it: to be looked at, not to be changed.

Decides what is shown: peers with their first key, place, counters and prefixes. The device's private key and preshared
keys are nobody's business, also root's who could read them elsewhere, so `wg` shows no public key of the device either.
"""

import contextlib
import errno
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from warren.errors import WarrenError
from warren.log import Log
from warren.model.addresses import Endpoint
from warren.model.ids import Identity
from warren.node.control_socket import serve
from warren.node.dataplane.interface import Tunnel
from warren.node.plan import PeerPlan
from warren.wire.uapi import DeviceState, PeerState, UapiError

LOOK_S = 3600.0  # a change tells of itself; nobody waits for ever all the same

log = Log("wg")


class HasTunnel(Protocol):
    """A network, as far as it matters here."""

    tunnel: Tunnel | None

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait for a change after which the condition holds, for so long."""


async def show_to_wg(network: HasTunnel) -> None:
    """Have `wg show` answer for the network's link, whichever it is, until cancelled."""
    while True:
        tunnel = network.tunnel
        async with _shown(tunnel):
            while network.tunnel is tunnel:
                await network.until(lambda before=tunnel: network.tunnel is not before, LOOK_S)  # type: ignore[misc]


@contextlib.asynccontextmanager
async def _shown(tunnel: Tunnel | None) -> AsyncIterator[None]:
    """Where the socket cannot be had, nothing else is amiss."""
    async with contextlib.AsyncExitStack() as serving:
        if tunnel is not None:
            try:
                await serving.enter_async_context(serve(tunnel.link, lambda: view(tunnel), None))
            except (WarrenError, OSError) as error:
                log.info("`wg show` cannot be answered", link=tunnel.link, reason=str(error))
        yield


def view(tunnel: Tunnel) -> DeviceState:
    """What a `get` is told; UapiError ENODEV once the tunnel is closed."""
    try:
        peers = tuple(_peer(tunnel, identity, plan) for identity, plan in tunnel.peers().items())
    except WarrenError as error:
        raise UapiError(errno.ENODEV, error.text) from error
    return DeviceState(private_key=None, listen_port=tunnel.port, mark=0, peers=peers)


def _peer(tunnel: Tunnel, identity: Identity, plan: PeerPlan) -> PeerState:
    stats = tunnel.stats(identity)
    return PeerState(
        public_key=plan.public_keys[0],
        preshared_key=None,
        place=stats.endpoint if isinstance(stats.endpoint, Endpoint) else None,
        last_handshake_s=stats.last_handshake_s,
        rx_bytes=stats.rx_bytes,
        tx_bytes=stats.tx_bytes,
        keepalive_s=0,
        allowed=plan.allowed,
    )
