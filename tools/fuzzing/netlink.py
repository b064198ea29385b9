"""What the kernel says: messages, attributes, links, addresses, routes. A malformed one does not count."""

import struct
from ipaddress import ip_interface, ip_network

from tools.fuzzing.parser import Parser, require
from warren.node.host.facts import HostAddress, HostRoute
from warren.node.host.linux import messages
from warren.node.host.linux.netlink import attribute, attributes, split

_NAMES = {1: "lo", 2: "eth0"}


def check_split(data: bytes) -> bool:
    """Bodies lie inside what was read, and there are no more than fit."""
    found = list(split(data))
    require(sum(16 + len(body) for *_, body in found) <= len(data) + 3 * len(found), "more than was read")
    return bool(found)


def check_attributes(data: bytes) -> bool:
    """What is found reads back as written."""
    found = attributes(data)
    written = b"".join(attribute(kind, value) for kind, value in found.items())
    require(attributes(written) == found, "it reads back differently")
    return bool(found)


def check_link(data: bytes) -> bool:
    """A link, or none."""
    return messages.parse_link(data) is not None


def check_addresses(data: bytes) -> bool:
    """An address that we would set is the one that we read."""
    found = list(messages.parse_addresses([data, _ADDRESS4], _NAMES))
    require(any(one.interface == ip_interface("192.0.2.1/24") for one in found), "one bad message hides the others")
    for item in found:
        index = next(index for index, name in _NAMES.items() if name == item.link)
        require(list(messages.parse_addresses([messages.host_item(item, index)], _NAMES)) == [item], "differently")
    return len(found) > 1


def check_routes(data: bytes) -> bool:
    """A route that counts can be deleted again by what was read of it."""
    found = list(messages.parse_routes([data, _ROUTE4], _NAMES))
    require(any(one.prefix == ip_network("100.96.0.0/16") for one in found), "one bad message hides the others")
    for item in found:
        messages.host_item(item, 0)
    return len(found) > 1


_ADDRESS4 = messages.host_item(HostAddress("lo", ip_interface("192.0.2.1/24")), 1)
_ADDRESS6 = messages.host_item(HostAddress("eth0", ip_interface("2001:db8::1/64")), 2)
_ROUTE4 = messages.host_item(HostRoute(ip_network("100.96.0.0/16"), kind="blackhole"), 0)
_ROUTE6 = messages.host_item(HostRoute(ip_network("fd00::/64"), link="eth0", metric=7), 2)
_LINK = struct.pack("=BxHiII", 0, 1, 2, 1, 0) + attribute(3, b"eth0\0") + attribute(4, struct.pack("=I", 1500))


def _framed(*bodies: bytes) -> bytes:
    return b"".join(
        struct.pack("=IHHII", 16 + len(body), 16, 2, 1, 0) + body + bytes(-len(body) % 4) for body in bodies
    )


PARSERS = (
    Parser("netlink_messages", (_framed(_LINK), _framed(_LINK, _ROUTE4)), check_split),
    Parser("netlink_attributes", (_LINK[16:], _ROUTE6[12:]), check_attributes),
    Parser("netlink_link", (_LINK,), check_link),
    Parser("netlink_addresses", (_ADDRESS4, _ADDRESS6), check_addresses),
    Parser("netlink_routes", (_ROUTE4, _ROUTE6), check_routes),
)
