"""A router's connection tracking by netlink: forget all, or list what it holds; run inside the router.

    python conntrack.py forget
    python conntrack.py list        # a line a UDP flow, as JSON: Flow's fields

The messages are those of linux/netfilter/nfnetlink_conntrack.h (there is no `conntrack` program on small systems).
Emptying it is what a router does when it restarts: mappings are made anew by the next packet from inside.
"""

import json
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

_NETLINK_NETFILTER = 12
_GET, _DELETE = (1 << 8) | 1, (1 << 8) | 2  # the conntrack subsystem is number 1
_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_ERROR, _DONE = 2, 3
_HEADER_BYTES, _FAMILY_BYTES = 16, 4
_TUPLE_ORIGINAL, _TUPLE_REPLY, _TUPLE_IP, _TUPLE_PROTOCOL = 1, 2, 1, 2
_SOURCES, _DESTINATIONS = (1, 3), (2, 4)  # v4 and v6
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_TYPE_MASK = 0x3FFF  # two flags stand above an attribute's type
_UDP = 17
_BUFFER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Flow:
    """One UDP flow that a host inside or outside began; `mapped` is where answers to it go: the NAT's own place."""

    source: str
    source_port: int
    destination: str
    destination_port: int
    mapped: str
    mapped_port: int


def forget() -> None:
    """Empty it; OSError as the kernel says."""
    with _open() as netlink:
        netlink.send(_message(_DELETE, _REQUEST | _ACK))
        (code,) = struct.unpack_from("i", netlink.recv(_BUFFER_BYTES), _HEADER_BYTES)
        if code:
            raise OSError(-code, "conntrack does not forget")


def flows() -> Iterator[Flow]:
    """Every UDP flow it holds."""
    with _open() as netlink:
        netlink.send(_message(_GET, _REQUEST | _DUMP))
        while True:
            data, at = netlink.recv(_BUFFER_BYTES), 0
            while at < len(data):
                length, kind = struct.unpack_from("IH", data, at)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("i", data, at + _HEADER_BYTES)[0], "conntrack tells nothing")
                flow = _flow(data[at + _HEADER_BYTES + _FAMILY_BYTES : at + length])
                if flow is not None:
                    yield flow
                at += -(-length // 4) * 4


def _open() -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    netlink.bind((0, 0))
    return netlink


def _message(kind: int, flags: int) -> bytes:
    return struct.pack("IHHIIBBH", _HEADER_BYTES + _FAMILY_BYTES, kind, flags, 1, 0, socket.AF_UNSPEC, 0, 0)


def _attributes(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("HH", data, at)
        found[kind & _TYPE_MASK] = data[at + 4 : at + length]
        at += max(-(-length // 4) * 4, 4)
    return found


def _flow(data: bytes) -> Flow | None:
    both = _attributes(data)
    original, reply = both.get(_TUPLE_ORIGINAL), both.get(_TUPLE_REPLY)
    if original is None or reply is None:
        return None
    number, source, source_port, destination, destination_port = _ends(original)
    _, _, _, mapped, mapped_port = _ends(reply)
    return Flow(source, source_port, destination, destination_port, mapped, mapped_port) if number == _UDP else None


def _ends(nested: bytes) -> tuple[int, str, int, str, int]:
    outer = _attributes(nested)
    ip, protocol = _attributes(outer[_TUPLE_IP]), _attributes(outer[_TUPLE_PROTOCOL])
    source = next(_show(ip[one]) for one in _SOURCES if one in ip)
    destination = next(_show(ip[one]) for one in _DESTINATIONS if one in ip)
    ports = [int.from_bytes(protocol.get(one, b""), "big") for one in (_SOURCE_PORT, _DESTINATION_PORT)]
    return protocol[_NUMBER][0], source, ports[0], destination, ports[1]


def _show(address: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


def main(verb: str) -> None:
    """Do it, and print what was asked for."""
    if verb == "forget":
        forget()
        return
    for flow in flows():
        sys.stdout.write(json.dumps(asdict(flow)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
