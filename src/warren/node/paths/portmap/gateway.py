"""The sockets to one gateway: what is asked of it, what it answers, and what it tells everybody.

Decides that nobody else is heard: the socket for PCP and NAT-PMP is connected, so the kernel drops what does not come
from the gateway's port; answers to a search may come from any port, and announcements to everybody, so their sender's
address is compared. Must not know what the bytes mean.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address

from warren.limits import PORTMAP_READS_MAX
from warren.node.paths.portmap.client import Datagram, Gateway
from warren.wire import pcp, ssdp

_READ_BYTES = 8 * 1024  # longer than anything that is not refused
_ALL_HOSTS = "224.0.0.1"
_ALL_NODES = "ff02::1"


class GatewaySockets:
    """Open until `close`. OSError where the address cannot be bound or the gateway not be reached."""

    def __init__(
        self, gateway: Gateway, on_datagram: Callable[[int, bytes], None], on_announcement: Callable[[bytes], None]
    ) -> None:
        """`on_datagram` gets the port that was asked and the bytes."""
        self._gateway = gateway
        self._on_datagram = on_datagram
        self._on_announcement = on_announcement
        self._sockets: list[socket.socket] = []
        try:
            self._mapping = self._open(pcp.SERVER_PORT, connect=True)
            self._search = self._open(ssdp.SERVER_PORT, connect=False)
            with contextlib.suppress(OSError):  # without it a restart is seen at the next check
                self._listen()
        except OSError:
            self.close()
            raise

    def send(self, datagram: Datagram) -> None:
        """Send; what the system refuses is as good as lost."""
        with contextlib.suppress(OSError):
            if datagram.port == ssdp.SERVER_PORT:
                self._search.sendto(datagram.data, self._place(datagram.port))
            else:
                self._mapping.send(datagram.data)

    def close(self) -> None:
        """Nothing is heard any more."""
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            loop.remove_reader(one.fileno())
            one.close()
        self._sockets.clear()

    # --- within ---

    @property
    def _family(self) -> socket.AddressFamily:
        return socket.AF_INET if self._gateway.address.version == 4 else socket.AF_INET6

    def _place(self, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        address = self._gateway.address
        if address.version == 4:
            return (str(address), port)
        return (str(address), port, 0, self._gateway.scope if address.is_link_local else 0)

    def _open(self, port: int, *, connect: bool) -> socket.socket:
        one = socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._sockets.append(one)
        one.bind((str(self._gateway.source), 0))
        if connect:
            one.connect(self._place(port))

        def read() -> None:
            for data, sender in _received(one):
                if self._is_gateway(sender):
                    self._on_datagram(port, data)

        asyncio.get_running_loop().add_reader(one.fileno(), read)
        return one

    def _listen(self) -> None:
        """What gateways tell all hosts after a restart (RFC 6887, 14.1.1; RFC 6886, 3.2.1)."""
        one = socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._sockets.append(one)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # other programs on this machine listen too
        scope = self._gateway.scope
        if self._family == socket.AF_INET:
            member = socket.inet_aton(_ALL_HOSTS) + socket.inet_aton(str(self._gateway.source))
            one.bind((_ALL_HOSTS, pcp.ANNOUNCE_PORT))
            one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        else:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((_ALL_NODES, pcp.ANNOUNCE_PORT, 0, scope))
            member = socket.inet_pton(socket.AF_INET6, _ALL_NODES) + struct.pack("@I", scope)
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)

        def read() -> None:
            for data, sender in _received(one):
                if self._is_gateway(sender):
                    self._on_announcement(data)

        asyncio.get_running_loop().add_reader(one.fileno(), read)

    def _is_gateway(self, sender: str) -> bool:
        return ip_address(sender.partition("%")[0]) == self._gateway.address


def _received(one: socket.socket) -> list[tuple[bytes, str]]:
    """What waits on a socket, at most PORTMAP_READS_MAX; the rest at the next turn of the loop."""
    found = []
    for _ in range(PORTMAP_READS_MAX):
        try:
            data, sender = one.recvfrom(_READ_BYTES)
        except BlockingIOError:
            break
        except OSError:
            continue  # the gateway's ICMP says that nobody listens there
        found.append((data, sender[0]))
    return found
