"""Frames of a capture as values: who sent what to whom, and the payload. Pure.

Understands Ethernet, IPv4 (RFC 791), IPv6 (RFC 8200, no extension headers: nothing in the lab sends them), UDP and
TCP; of everything else it keeps the bytes.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
_HOP_BY_HOP, _MLD2_REPORT = 0, 143
_PCAP_HEADER_BYTES = 24
_RECORD_HEADER_BYTES = 16
_ETHERNET_BYTES = 14
_IPV6_BYTES = 40
_ICMP_ERRORS = {3, 4, 5, 11, 12}
_ETHERNET_OF = {kind: bytes(12) + kind.to_bytes(2, "big") for kind in (IPV4, IPV6)}


@dataclass(frozen=True, slots=True)
class Packet:
    """One frame. `protocol` is IP's number, or None where it is not IP; ports are 0 where there are none."""

    time_s: float
    ethertype: int
    source: IPv4Address | IPv6Address | None
    destination: IPv4Address | IPv6Address | None
    protocol: int | None
    source_port: int
    destination_port: int
    payload: bytes

    @property
    def is_neighbour_talk(self) -> bool:
        """What kernels say to find each other on an Ethernet: ARP, neighbour discovery, multicast membership."""
        if self.ethertype == ARP:
            return True
        if self.protocol == _HOP_BY_HOP and self.payload[:1] == bytes([ICMPV6]):
            return self.payload[8:9] == bytes([_MLD2_REPORT])
        return self.protocol == ICMPV6 and 133 <= self.payload[0] <= 137  # RFC 4861

    @property
    def quoted(self) -> "Packet | None":
        """The packet, cut short, that an ICMP error is about (RFC 792, RFC 4443): its own bytes went over the wire."""
        if self.protocol == ICMP and self.payload[0] in _ICMP_ERRORS:
            return parse_frame(_ETHERNET_OF[IPV4] + self.payload[8:], self.time_s)
        if self.protocol == ICMPV6 and self.payload[0] < 128:
            return parse_frame(_ETHERNET_OF[IPV6] + self.payload[8:], self.time_s)
        return None

    def __str__(self) -> str:
        """One line for the message of a failed test."""
        what = f"protocol {self.protocol}" if self.protocol is not None else f"ethertype {self.ethertype:#06x}"
        ends = f"{self.source}:{self.source_port} > {self.destination}:{self.destination_port}"
        return f"{ends} {what} {len(self.payload)} B {self.payload[:16].hex()}"


def parse_pcap(data: bytes) -> Iterator[Packet]:
    """The packets of a file that sniffer.py wrote, in order."""
    at = _PCAP_HEADER_BYTES
    while at + _RECORD_HEADER_BYTES <= len(data):
        seconds, nanoseconds, length, _ = struct.unpack_from("<IIII", data, at)
        at += _RECORD_HEADER_BYTES
        yield parse_frame(data[at : at + length], seconds + nanoseconds / 1e9)
        at += length


def parse_frame(frame: bytes, time_s: float = 0.0) -> Packet:
    """One Ethernet frame; what it does not understand stays in `payload`."""
    ethertype = int.from_bytes(frame[12:14], "big")
    body = frame[_ETHERNET_BYTES:]
    if ethertype == IPV4 and len(body) >= 20:
        header, protocol = (body[0] & 15) * 4, body[9]
        source, destination = body[12:16], body[16:20]
        inner = body[header : int.from_bytes(body[2:4], "big") or None]
        first_fragment = not int.from_bytes(body[6:8], "big") & 0x1FFF
    elif ethertype == IPV6 and len(body) >= _IPV6_BYTES:
        protocol, source, destination = body[6], body[8:24], body[24:40]
        inner = body[_IPV6_BYTES : _IPV6_BYTES + int.from_bytes(body[4:6], "big")]
        first_fragment = True
    else:
        return Packet(time_s, ethertype, None, None, None, 0, 0, body)
    source_port, destination_port, payload = _ports(protocol, inner) if first_fragment else (0, 0, inner)
    ends = ip_address(source), ip_address(destination)
    return Packet(time_s, ethertype, *ends, protocol, source_port, destination_port, payload)


def _ports(protocol: int, inner: bytes) -> tuple[int, int, bytes]:
    if protocol == UDP and len(inner) >= 8:
        return (*struct.unpack_from(">HH", inner), inner[8:])
    if protocol == TCP and len(inner) >= 20:
        return (*struct.unpack_from(">HH", inner), inner[(inner[12] >> 4) * 4 :])
    return 0, 0, inner
