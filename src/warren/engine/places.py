"""Where a datagram came from or goes to, and which addresses a peer has, as the border's bytes and back.

Pure mapping. An endpoint is address and port, big-endian, with 4 more bytes of scope for link-local IPv6; the scope is
left out on the way up, since an `Endpoint` means the same on every machine. 12 bytes name a relay's channel.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from warren.model.addresses import Endpoint, Hop, RelayHop


def show_endpoint(endpoint: Endpoint, scope: int = 0) -> bytes:
    """The endpoint as the engine takes it: 6 or 18 bytes, 22 with the number of the link that it is on."""
    shown = endpoint.address.packed + endpoint.port.to_bytes(2, "big")
    return shown + scope.to_bytes(4, "big") if scope and endpoint.address.version == 6 else shown


def show_place(place: Hop) -> bytes:
    """The hop as the engine takes it where it sends a datagram: an endpoint, or 12 bytes of relay and channel."""
    if isinstance(place, Endpoint):
        return show_endpoint(place)
    return place.relay.to_bytes(8, "big") + place.channel.to_bytes(4, "big")


def parse_place(place: bytes) -> Hop | None:
    """What the engine said; None for no bytes. ValueError for a length that it never gives."""
    match len(place):
        case 0:
            return None
        case 6:
            return Endpoint(IPv4Address(place[:4]), int.from_bytes(place[4:], "big"))
        case 18 | 22:
            return Endpoint(IPv6Address(place[:16]), int.from_bytes(place[16:18], "big"))
        case 12:
            return RelayHop(int.from_bytes(place[:8], "big"), int.from_bytes(place[8:], "big"))
        case length:
            raise ValueError(f"no place has {length} bytes")


def parse_scope(place: bytes) -> int:
    """The number of the link that a link-local endpoint is on; 0 for any other."""
    return int.from_bytes(place[18:], "big") if len(place) == 22 else 0


def show_prefix(prefix: IPv4Network | IPv6Network) -> bytes:
    """The prefix as the engine takes it: 5 or 17 bytes."""
    return prefix.network_address.packed + bytes([prefix.prefixlen])
