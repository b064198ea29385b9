"""IPv6 packets into IPv4 ones and back, as a NAT64 does it in the middle (RFC 7915 header by header). Pure.

Each inside address gets one of a pool of IPv4 addresses; the router's own masquerading makes one outside address of
them, so ports are its business. UDP, TCP and ICMP echo pass; fragments, extension headers and ICMP errors do not, since
nothing of ours needs them to.
"""

import struct
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

PREFIX = IPv6Network("64:ff9b::/96")  # RFC 6052's well-known one
_ICMP, _TCP, _UDP, _ICMPV6 = 1, 6, 17, 58
_CHECKSUM_AT = {_ICMP: 2, _ICMPV6: 2, _TCP: 16, _UDP: 6}
_TO_V4 = {128: 8, 129: 0}  # echo request and reply
_TO_V6 = {v4: v6 for v6, v4 in _TO_V4.items()}
_V4_BYTES, _V6_BYTES = 20, 40
_DONT_FRAGMENT = 0x4000


class Translator:
    """Both ways, with the table of who has which address of the pool."""

    def __init__(self, pool: IPv4Network) -> None:
        self._free = pool.hosts()
        self._outer: dict[bytes, bytes] = {}
        self._inner: dict[bytes, bytes] = {}

    def to_v4(self, packet: bytes) -> bytes | None:
        """An IPv6 packet to the prefix as IPv4; None where it does not pass."""
        if len(packet) < _V6_BYTES or packet[0] >> 4 != 6 or IPv6Address(packet[24:40]) not in PREFIX:
            return None
        protocol, hops = packet[6], packet[7]
        source, destination = self._pooled(packet[8:24]), packet[36:40]
        body = packet[_V6_BYTES : _V6_BYTES + int.from_bytes(packet[4:6], "big")]
        translated = _body(body, protocol, _ICMP if protocol == _ICMPV6 else protocol, source + destination)
        if translated is None or source == b"" or hops <= 1:
            return None
        number = _ICMP if protocol == _ICMPV6 else protocol
        total = _V4_BYTES + len(translated)
        header = struct.pack(">BBHHHBBH", 0x45, 0, total, 0, _DONT_FRAGMENT, hops - 1, number, 0) + source + destination
        return header[:10] + _sum(header) + header[12:] + translated

    def to_v6(self, packet: bytes) -> bytes | None:
        """An IPv4 packet to an address of the pool as IPv6; None where it does not pass."""
        if len(packet) < _V4_BYTES or packet[0] >> 4 != 4 or int.from_bytes(packet[6:8], "big") & 0x3FFF:
            return None
        protocol, hops, header_bytes = packet[9], packet[8], (packet[0] & 15) * 4
        inner = self._inner.get(packet[16:20])
        if inner is None or hops <= 1:
            return None
        number = _ICMPV6 if protocol == _ICMP else protocol
        ends = PREFIX.network_address.packed[:12] + packet[12:16] + inner
        translated = _body(packet[header_bytes : int.from_bytes(packet[2:4], "big")], protocol, number, ends)
        if translated is None:
            return None
        return struct.pack(">IHBB", 6 << 28, len(translated), number, hops - 1) + ends + translated

    def _pooled(self, inner: bytes) -> bytes:
        if inner not in self._outer:
            address = next(self._free, None)
            if address is None:
                return b""
            self._outer[inner] = address.packed
            self._inner[address.packed] = inner
        return self._outer[inner]


def _body(body: bytes, protocol: int, becomes: int, ends: bytes) -> bytes | None:
    """What follows the header, with its checksum made anew for other ends; None for what does not pass."""
    at = _CHECKSUM_AT.get(protocol)
    if at is None or len(body) < 8:
        return None
    changed = bytearray(body)
    if becomes in {_ICMP, _ICMPV6}:
        kind = (_TO_V4 if becomes == _ICMP else _TO_V6).get(body[0])
        if kind is None:
            return None
        changed[0] = kind
    changed[at : at + 2] = b"\0\0"
    pseudo = b"" if becomes == _ICMP else ends + struct.pack(">II", len(body), becomes)
    changed[at : at + 2] = _sum(pseudo + changed)
    return bytes(changed)


def _sum(data: bytes) -> bytes:
    """The internet checksum (RFC 1071); never zero, which in UDP would mean that there is none."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ((~total & 0xFFFF) or 0xFFFF).to_bytes(2, "big")


def synthesized(address: IPv4Address) -> IPv6Address:
    """The address by which the inside reaches an IPv4 one."""
    return IPv6Address(PREFIX.network_address.packed[:12] + address.packed)
