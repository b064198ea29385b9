"""Packets of every shape that a packet filter has to judge, and a program that puts them into a link as they are.

    python -m tests.interop.odd_packets LINK SEED COUNT FROM4 TO4 FROM6 TO6

Beginnings of flows only (a filter without memory has to judge them too): whole or in pieces, in order or not, ports at
the border of what rules name, IPv4 options, IPv6 extension headers, first pieces that hide their ports. Every datagram
has a number of its own, from 1: IPv4's identification, IPv6's flow label. The last one is a plain echo request.
"""

import random  # noqa: TID251 - its packets are repeated by the seed
import socket
import struct
import sys
import time
from ipaddress import IPv4Address, IPv6Address

TCP, UDP, SCTP, GRE = 6, 17, 132, 47
SYN = 0x02
Ends = tuple[bytes, bytes]
Message = tuple[int, bytes]
"""Its protocol, and what follows the IP header."""
PACE = 32  # packets between two short rests: the link's queue is not what is tried


def pieces(number: int, rng: random.Random, ends4: Ends, ends6: Ends) -> list[bytes]:
    """The datagram with this number as the packets that carry it; `ends`: from, to."""
    if rng.random() < 0.5:
        return _v4(number, _message(rng, 1, 8), rng, ends4)
    return _v6(number, _message(rng, 58, 128), rng, ends6)


def echo(number: int, ends: Ends) -> bytes:
    """A plain echo request."""
    return _ipv4(number, 1, 0, _echo(8), b"".join(ends))


def _message(rng: random.Random, icmp: int, request: int) -> Message:
    """The header and data of a packet that begins a flow."""
    ports = struct.pack(">HH", rng.randrange(1024, 65536), rng.choice((0, 4999, 5000, 5001, 5002, 5003, 65535)))
    filling = bytes(rng.choice((0, 8, 33, 400)))
    protocol = rng.choice((TCP, TCP, UDP, UDP, icmp, SCTP, GRE))
    if protocol == TCP:
        return TCP, ports + struct.pack(">IIBBHHH", 1, 0, 5 << 4, SYN, 1000, 0, 0) + filling
    if protocol == UDP:
        return UDP, ports + struct.pack(">HH", 8 + len(filling), 0) + filling
    if protocol == icmp:
        return icmp, _echo(request) + filling
    return protocol, ports + bytes(8) + filling


def _echo(request: int) -> bytes:
    return struct.pack(">BBHHH", request, 0, 0, 77, 1)


def _cuts(message: bytes, rng: random.Random) -> list[tuple[int, bytes]]:
    """(offset, bytes) of the pieces; the first may be too short for ports, and they may come in any order."""
    if len(message) < 16 or rng.random() < 0.6:
        return [(0, message)]
    at = 8 * rng.choice((1, 1, 2, 3))
    found = [(0, message[:at]), (at, message[at:])] if at < len(message) else [(0, message)]
    if rng.random() < 0.2:
        found.reverse()
    return found


def _v4(number: int, message: Message, rng: random.Random, ends: Ends) -> list[bytes]:
    options = rng.choice((b"", b"", b"", b"\1\1\1\0", b"\x94\4\0\0"))  # none, padding, router alert (RFC 2113)
    protocol, whole = message
    found = []
    for offset, piece in _cuts(whole, rng):
        is_last = offset + len(piece) == len(whole)
        place = offset // 8 | (0 if is_last else 0x2000)
        found.append(_ipv4(number, protocol, place, piece, b"".join(ends) + options))
    return found


def _ipv4(number: int, protocol: int, place: int, piece: bytes, addresses_and_options: bytes) -> bytes:
    length = 12 + len(addresses_and_options)
    head = struct.pack(">BBHHHBBH", 0x40 + length // 4, 0, length + len(piece), number, place, 64, protocol, 0)
    head += addresses_and_options
    total: int = sum(struct.unpack(f">{length // 2}H", head))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + (0xFFFF - total).to_bytes(2, "big") + head[12:] + piece


def _v6(number: int, message: Message, rng: random.Random, ends: Ends) -> list[bytes]:
    chain = [60] * rng.choice((0, 0, 0, 1, 2, 7, 9))  # destination options, which anybody may skip (RFC 8200, 4.6)
    following, whole = message
    for kind in chain:
        whole, following = bytes([following, 0, 1, 4, 0, 0, 0, 0]) + whole, kind
    found = []
    for offset, piece in (cut := _cuts(whole, rng)):
        body, first = piece, following
        if len(cut) > 1:
            is_last = offset + len(piece) == len(whole)
            body, first = struct.pack(">BBHI", following, 0, offset | (0 if is_last else 1), number) + piece, 44
        found.append(struct.pack(">IHBB", 6 << 28 | number, len(body), first, 64) + b"".join(ends) + body)
    return found


def main(link: str, seed: int, count: int, ends4: Ends, ends6: Ends) -> None:
    """Send them all; the echo request at last has the number `count` + 1."""
    rng = random.Random(seed)  # noqa: S311 - packets, not secrets
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        for number in range(1, count + 1):
            for packet in pieces(number, rng, ends4, ends6):
                out.sendto(packet, (link, 0x0800 if packet[0] >> 4 == 4 else 0x86DD))
            if number % PACE == 0:
                time.sleep(0.001)  # the rate of a load generator, no wait for anything
        out.sendto(echo(count + 1, ends4), (link, 0x0800))


if __name__ == "__main__":
    link, seed, count, *ends = sys.argv[1:]
    four = (IPv4Address(ends[0]).packed, IPv4Address(ends[1]).packed)
    six = (IPv6Address(ends[2]).packed, IPv6Address(ends[3]).packed)
    main(link, int(seed), int(count), four, six)
