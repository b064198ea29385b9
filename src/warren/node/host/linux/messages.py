"""The layouts of rtnetlink (linux/rtnetlink.h, if_link.h, if_addr.h): facts from messages, messages for changes. Pure.

Decides what of the kernel's state counts as a fact: not link-local IPv6 addresses, not routes of the kernel's local
table, not cloned cache entries, not what a multipath route has beyond its first way.
"""

import contextlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import cast

from warren.node.host.facts import (
    Address,
    HostAddress,
    HostItem,
    HostLink,
    HostRoute,
    RouteKind,
)
from warren.node.host.linux.netlink import attribute, attributes

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26

_IFLA_IFNAME, _IFLA_MTU, _IFLA_AF_SPEC = 3, 4, 26
_IFLA_INET6_ADDR_GEN_MODE, _ADDR_GEN_MODE_NONE = 8, 1
_IFF_UP, _IFF_LOWER_UP = 0x1, 0x10000
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_IFA_F_NODAD = 0x02
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_PREFSRC, _RTA_METRICS, _RTA_MULTIPATH, _RTA_TABLE, _RTA_VIA = (
    1, 4, 5, 6, 7, 8, 9, 15, 18,
)  # fmt: skip
_RTAX_MTU = 2
_RTM_F_CLONED = 0x200
_TABLE_LOCAL = 255
_SCOPE_UNIVERSE, _SCOPE_LINK = 0, 253
_KINDS: dict[int, RouteKind] = {1: "unicast", 6: "blackhole", 7: "unreachable", 8: "prohibit", 9: "throw"}
_KIND_NUMBERS = {kind: number for number, kind in _KINDS.items()}

_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, dst length, src length, tos, table, protocol, scope, type, flags
_NEXT_HOP = struct.Struct("=HBBi")  # length, flags, hops, index

EVERY_LINK = _LINK.pack(AF_UNSPEC, 0, 0, 0, 0)
EVERY_ADDRESS = _ADDRESS.pack(AF_UNSPEC, 0, 0, 0, 0)


def every_route(family: int) -> bytes:
    """The body that asks for all tables of a family."""
    return _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)


def parse_link(body: bytes) -> HostLink | None:
    """A link of a dump or notification; None where the message is none."""
    if len(body) < _LINK.size:
        return None
    _, _, index, flags, _ = _LINK.unpack_from(body)
    found = attributes(body[_LINK.size :])
    name = found.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode("utf-8", "replace")
    is_up, carrier = bool(flags & _IFF_UP), bool(flags & _IFF_LOWER_UP)
    return HostLink(name, index, _number(found.get(_IFLA_MTU)), is_up, carrier)


def parse_addresses(bodies: Iterable[bytes], names: Mapping[int, str]) -> Iterator[HostAddress]:
    """The addresses of a dump that count; `names` of the links by index. A message that is no address is left out."""
    for body in bodies:
        with contextlib.suppress(struct.error, ValueError):
            if (address := _parse_address(body, names)) is not None:
                yield address


def _parse_address(body: bytes, names: Mapping[int, str]) -> HostAddress | None:
    _, length, _, _, index = _ADDRESS.unpack_from(body)
    found = attributes(body[_ADDRESS.size :])
    raw = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)
    if not raw or index not in names or (address := ip_address(raw)).is_link_local:
        return None
    return HostAddress(names[index], ip_interface((address, length)))


def parse_routes(bodies: Iterable[bytes], names: Mapping[int, str]) -> Iterator[HostRoute]:
    """The routes of a dump that count. A message that is no route is left out: one that we cannot read must not hide
    the others."""
    for body in bodies:
        with contextlib.suppress(struct.error, ValueError):
            if (route := _parse_route(body, names)) is not None:
                yield route


def _parse_route(body: bytes, names: Mapping[int, str]) -> HostRoute | None:
    family, length, _, _, table, protocol, _, kind, flags = _ROUTE.unpack_from(body)
    found = attributes(body[_ROUTE.size :])
    table = _number(found.get(_RTA_TABLE)) or table
    if flags & _RTM_F_CLONED or table == _TABLE_LOCAL or kind not in _KINDS or family not in {AF_INET, AF_INET6}:
        return None
    prefix = ip_network((found.get(_RTA_DST, bytes(4 if family == AF_INET else 16)), length))
    if prefix.is_link_local or prefix.is_multicast:
        return None
    link, gateway = _way(found, names)
    source = found.get(_RTA_PREFSRC)
    return HostRoute(
        prefix,
        kind=_KINDS[kind],
        link=link if kind == _KIND_NUMBERS["unicast"] else "",  # IPv6 says `lo` for those that lead nowhere
        gateway=gateway,
        metric=_number(found.get(_RTA_PRIORITY)),
        source=ip_address(source) if source else None,
        table=table,
        protocol=protocol,
        mtu=_number(attributes(found.get(_RTA_METRICS, b"")).get(_RTAX_MTU)),
    )


def _way(found: Mapping[int, bytes], names: Mapping[int, str]) -> tuple[str, Address | None]:
    """Link and gateway, of a multipath route those of the first way."""
    index = _number(found.get(_RTA_OIF))
    first = found.get(_RTA_MULTIPATH, b"")
    if len(first) >= _NEXT_HOP.size:
        length, _, _, index = _NEXT_HOP.unpack_from(first)
        found = attributes(first[_NEXT_HOP.size : length])
    via = found.get(_RTA_GATEWAY) or found.get(_RTA_VIA, b"")[2:]
    return names.get(index, ""), ip_address(via) if len(via) in {4, 16} else None


def link_quiet(index: int) -> bytes:
    """RTM_SETLINK: no IPv6 link-local address of the kernel's making, and so none of the chatter that comes with it."""
    mode = attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_ADDR_GEN_MODE_NONE]))
    return _LINK.pack(AF_UNSPEC, 0, index, 0, 0) + attribute(_IFLA_AF_SPEC, attribute(AF_INET6, mode))


def link_up(index: int, mtu: int) -> bytes:
    """RTM_SETLINK: up, with this MTU."""
    return _LINK.pack(AF_UNSPEC, 0, index, _IFF_UP, _IFF_UP) + attribute(_IFLA_MTU, _word(mtu))


def host_item(item: HostItem, index: int) -> bytes:
    """The body that adds or deletes it; `index` of its link, 0 if it has none."""
    return _address(item, index) if isinstance(item, HostAddress) else _route(item, index)


def _address(item: HostAddress, index: int) -> bytes:
    ip = item.interface.ip
    family = AF_INET if ip.version == 4 else AF_INET6
    head = _ADDRESS.pack(family, item.interface.network.prefixlen, 0, _SCOPE_UNIVERSE, index)
    # there is nobody on a tunnel to ask whether the address is taken
    flags = attribute(_IFA_FLAGS, _word(_IFA_F_NODAD)) if family == AF_INET6 else b""
    return head + attribute(_IFA_LOCAL, ip.packed) + attribute(_IFA_ADDRESS, ip.packed) + flags


def _route(item: HostRoute, index: int) -> bytes:
    family = AF_INET if item.prefix.version == 4 else AF_INET6
    on_link = item.kind == "unicast" and item.gateway is None and family == AF_INET
    head = _ROUTE.pack(
        family,
        item.prefix.prefixlen,
        0,
        0,
        0,  # the table is an attribute, which has room for all of them
        item.protocol,
        _SCOPE_LINK if on_link else _SCOPE_UNIVERSE,
        _KIND_NUMBERS[item.kind],
        0,
    )
    body = head + attribute(_RTA_TABLE, _word(item.table)) + attribute(_RTA_DST, item.prefix.network_address.packed)
    if index:
        body += attribute(_RTA_OIF, _word(index))
    if item.gateway is not None:
        body += attribute(_RTA_GATEWAY, item.gateway.packed)
    if item.source is not None:
        body += attribute(_RTA_PREFSRC, item.source.packed)
    if item.mtu:
        body += attribute(_RTA_METRICS, attribute(_RTAX_MTU, _word(item.mtu)))
    return body + attribute(_RTA_PRIORITY, _word(item.metric))


def _number(raw: bytes | None) -> int:
    return cast("int", struct.unpack("=I", raw)[0]) if raw and len(raw) == 4 else 0


def _word(value: int) -> bytes:
    return struct.pack("=I", value)
