"""One mapper with its sockets, requests and timer: carries out what the mapper wants, tells what it says.

Decides nothing. Time is the boot clock's, which counts on while the machine sleeps; the event loop's does not, so
whoever hears of a resume calls `handle_resume`.
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from collections.abc import Set as AbstractSet
from ipaddress import IPv4Address, IPv6Address

from warren.model.addresses import Endpoint
from warren.node.paths.portmap.client import Client, Gateway, HttpAnswer, HttpRequest, Method
from warren.node.paths.portmap.gateway import GatewaySockets
from warren.node.paths.portmap.http import fetch
from warren.node.paths.portmap.leftover import Kept
from warren.node.paths.portmap.mapper import Event, PortMapper
from warren.node.paths.portmap.natpmp_client import NatPmpClient
from warren.node.paths.portmap.pcp_client import PcpClient
from warren.node.paths.portmap.upnp_client import UpnpClient

Spawn = Callable[[Coroutine[None, None, None]], None]


def boot_time() -> float:
    """Seconds since the machine started, those of sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Conversation:
    """With one gateway about one port. OSError from the constructor where its sockets cannot be opened."""

    def __init__(
        self,
        gateway: Gateway,
        port: int,
        kept: Kept,
        *,
        seen: Callable[[], AbstractSet[IPv4Address | IPv6Address]],
        spawn: Spawn,
        on_event: Callable[["Conversation", Event], None],
    ) -> None:
        """`seen`: under which addresses servers see this machine; `spawn` runs the requests; `on_event` hears."""
        self.gateway = gateway
        self.port = port
        clients: list[Client] = [PcpClient(gateway, port, kept.nonce)]
        if gateway.address.version == 4:
            clients.append(NatPmpClient(port))
        clients.append(UpnpClient(gateway, port, kept.tag, os.urandom))
        self.mapper = PortMapper(gateway, clients)
        self._seen = seen
        self._spawn = spawn
        self._on_event = on_event
        self._timer: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        self._sockets = GatewaySockets(gateway, self._handle_datagram, self._handle_announcement)

    def start(self, suggested: Endpoint | None, left_by: Method | None = None) -> None:
        """Get a mapping, best the suggested one; `left_by` as for the mapper."""
        self.mapper.start(suggested, boot_time(), left_by)
        self._pump()

    def release_leftover(self, method: Method, external: Endpoint) -> None:
        """Give back what a run before left; the conversation ends with it."""
        self.mapper.release_leftover(method, external, boot_time())
        self._pump()

    def release(self, spawn: Spawn) -> None:
        """Give the mapping back; the conversation ends with it. `spawn`: who runs requests from here on."""
        self._spawn = spawn
        self.mapper.release(boot_time())
        self._pump()

    @property
    def has_ended(self) -> bool:
        """Whether nothing will come any more."""
        return self._ended.is_set()

    async def until_ended(self) -> None:
        """Wait for the end; the mapper has a deadline for it."""
        await self._ended.wait()

    def handle_resume(self) -> None:
        """The machine slept, or something changed: look at once."""
        self.mapper.handle_resume(boot_time())
        self._pump()

    def close(self) -> None:
        """Nothing is sent or heard any more; the mapping stays as it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._ended.is_set():
            self._ended.set()
            self._sockets.close()

    # --- within ---

    def _handle_datagram(self, port: int, data: bytes) -> None:
        self.mapper.set_seen(self._seen(), boot_time())
        self.mapper.handle_datagram(port, data, boot_time())
        self._pump()

    def _handle_announcement(self, data: bytes) -> None:
        self.mapper.handle_announcement(data, boot_time())
        self._pump()

    async def _fetch(self, method: Method, request: HttpRequest) -> None:
        answer: HttpAnswer | None = await fetch(self.gateway, request)
        self.mapper.handle_http(method, request.number, answer, boot_time())
        self._pump()

    def _tick(self) -> None:
        self._timer = None
        self.mapper.set_seen(self._seen(), boot_time())
        self.mapper.handle_timeout(boot_time())
        self._pump()

    def _pump(self) -> None:
        if self._ended.is_set():
            return
        while (sent := self.mapper.poll_transmit()) is not None:
            method, transmit = sent
            if isinstance(transmit, HttpRequest):
                self._spawn(self._fetch(method, transmit))
            else:
                self._sockets.send(transmit)
        while (event := self.mapper.poll_event()) is not None:
            self._on_event(self, event)
        if self.mapper.is_done:
            self.close()
            return
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        timeout = self.mapper.poll_timeout()
        if timeout is None:
            self._timer = None
            return
        delay_s = max(timeout[0] - boot_time(), 0.0)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)
