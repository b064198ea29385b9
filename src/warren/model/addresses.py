"""Addresses: where a datagram goes, and which IPv6 address a member has.

Decides the one spelling of an endpoint (an IPv4-mapped IPv6 address is its IPv4 address), what else a hop may be (a
relay's channel), and derives member addresses.
Must not know sockets or links. IPv6 of a member: the network's /64, then the first 64 bits of
SHA-256("warren/ipv6/v1" || network id || identity).
"""

import functools
import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from warren.errors import Code, WarrenError
from warren.model.ids import Identity, NetworkId

PORT_MAX = 65535
_IPV6_DOMAIN = b"warren/ipv6/v1"
_ENDPOINT_MAX_CHARS = 64  # "[" + 45 for the longest address + "]:65535", with room to spare


@functools.total_ordering
@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and UDP or TCP port; sorts IPv4 before IPv6, then by address, then by port.

    ValueError if the port is outside 0..65535 or the IPv6 address has a scope (it means nothing on another machine).
    """

    address: IPv4Address | IPv6Address
    port: int

    def __post_init__(self) -> None:
        if not 0 <= self.port <= PORT_MAX:
            raise ValueError(f"port {self.port} is not within 0..{PORT_MAX}")
        if isinstance(self.address, IPv6Address):
            if self.address.scope_id is not None:
                raise ValueError("an endpoint has no scope")
            if self.address.ipv4_mapped is not None:
                object.__setattr__(self, "address", self.address.ipv4_mapped)

    def __str__(self) -> str:
        return f"{self.address}:{self.port}" if self.address.version == 4 else f"[{self.address}]:{self.port}"

    def __lt__(self, other: "Endpoint") -> bool:
        return self._order() < other._order()

    def _order(self) -> tuple[int, int, int]:
        return (self.address.version, int(self.address), self.port)


@dataclass(frozen=True, slots=True, order=True)
class RelayHop:
    """A way through a relay: the relay's number (u64) and the channel (u32) that it gave for one peer."""

    relay: int
    channel: int

    def __str__(self) -> str:
        return f"relay {self.relay} channel {self.channel}"


Hop = Endpoint | RelayHop


def parse_port(text: str) -> int | None:
    """`0` to `65535` in at most five ASCII digits; None for anything else, also for digits without end."""
    is_port = text.isascii() and text.isdigit() and len(text) <= len(str(PORT_MAX)) and int(text) <= PORT_MAX
    return int(text) if is_port else None


def parse_listen(text: str) -> tuple[str, int] | None:
    """`[ADDRESS]:PORT` to bind: address ("" is every one, `localhost` 127.0.0.1) and port; None for anything else."""
    host, colon, last = text.rpartition(":")
    host, port = host.removeprefix("[").removesuffix("]"), parse_port(last)
    if not colon or port is None:
        return None
    try:
        return str(ip_address("127.0.0.1" if host == "localhost" else host)) if host else "", port
    except ValueError:
        return None


def parse_endpoint(text: str) -> Endpoint:
    """`192.0.2.1:51820` or `[2001:db8::1]:51820`, port 1..65535; WarrenError INVALID_ARGUMENT for anything else."""
    host, separator, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not separator or not port.isascii() or not port.isdigit() or len(text) > _ENDPOINT_MAX_CHARS:
        raise _not_an_endpoint()
    try:
        address = ip_address(host[1:-1] if bracketed else host)
        endpoint = Endpoint(address, int(port))
    except ValueError as error:
        raise _not_an_endpoint() from error
    if bracketed != (address.version == 6) or endpoint.port == 0:
        raise _not_an_endpoint()
    return endpoint


def member_ipv6(network: NetworkId, identity: Identity, prefix64: IPv6Network) -> IPv6Address:
    """The address that this identity has in this network; ValueError if the prefix is not a /64."""
    if prefix64.prefixlen != 64:
        raise ValueError("member addresses need a /64")
    interface = hashlib.sha256(_IPV6_DOMAIN + network + identity).digest()[:8]
    return IPv6Address(int(prefix64.network_address) | int.from_bytes(interface, "big"))


def _not_an_endpoint() -> WarrenError:
    return WarrenError(Code.INVALID_ARGUMENT, "not an address and port", "like 192.0.2.1:51820 or [2001:db8::1]:51820")
