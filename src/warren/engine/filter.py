"""The packet filter in the field's words: rules as the engine takes them, records as it gives them. Pure mapping.

The bytes are those of `engine/proto/src/filter/encoding.rs` and `record.rs`. Must not know policies or names.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from warren.engine.events import PeerNumber

_VERSION = 1
_COUNT = struct.Struct(">I")
_RULE = struct.Struct(">IBBBIIH")
_RANGE = struct.Struct(">HH")
_RECORD = struct.Struct(">BBBBB3xIHHQQQ16s16sQQQQ")
_NS_PER_S = 1_000_000_000


class Direction(IntEnum):
    """Which way the first packet of a flow goes."""

    IN = 1
    OUT = 2


class End(IntEnum):
    """Why there is a record."""

    CLOSED = 1
    IDLE = 2
    WITHDRAWN = 3
    EVICTED = 4
    PEER_GONE = 5
    REFUSED = 6


class Reason(IntEnum):
    """Why a packet was dropped."""

    ACCEPTED = 0
    NO_RULE = 1
    NOT_OPENED = 2
    WITHDRAWN = 3
    MALFORMED = 4
    FRAGMENT = 5
    HEADERS = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """What may open a flow: all parts have to match. `number` is the caller's; of several that match the lowest counts.

    `protocol` None: any. `ports`: ranges of the destination port, both ends included, of TCP and UDP; none: any, and
    protocols without ports too.
    """

    number: int
    direction: Direction
    protocol: int | None
    remotes: tuple[IPv4Network | IPv6Network, ...]
    locals: tuple[IPv4Network | IPv6Network, ...]
    ports: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """A flow from its first packet to its last (Unix seconds), or one whose first packet was dropped.

    `peer` is the engine's number, `rule` that of the rule which accepted it (0: none). A superpacket counts its
    packets, and its bytes with one header.
    """

    protocol: int
    opened: Direction
    end: End
    reason: Reason
    rule: int
    local: IPv4Address | IPv6Address
    remote: IPv4Address | IPv6Address
    local_port: int
    remote_port: int
    peer: PeerNumber
    began_s: float
    last_s: float
    rx_packets: int
    rx_bytes: int
    tx_packets: int
    tx_bytes: int


def show_rules(rules: Sequence[Rule]) -> bytes:
    """The rules as bytes; equal sets of prefixes stand there once."""
    sets: dict[tuple[IPv4Network | IPv6Network, ...], int] = {}
    shown = [_show_rule(rule, sets) for rule in rules]
    prefixes = [_COUNT.pack(len(one)) + b"".join(_show_prefix(prefix) for prefix in one) for one in sets]
    return b"".join([bytes([_VERSION]), _COUNT.pack(len(sets)), *prefixes, _COUNT.pack(len(shown)), *shown])


def parse_records(data: bytes) -> Iterator[FlowRecord]:
    """Records one behind the other."""
    for fields in _RECORD.iter_unpack(data):
        family, protocol, opened, end, reason, rule, local_port, remote_port, peer, began, last, local, remote = fields[
            :13
        ]
        rx_packets, rx_bytes, tx_packets, tx_bytes = fields[13:]
        yield FlowRecord(
            protocol=protocol,
            opened=Direction(opened),
            end=End(end),
            reason=Reason(reason),
            rule=rule,
            local=_address(family, local),
            remote=_address(family, remote),
            local_port=local_port,
            remote_port=remote_port,
            peer=PeerNumber(peer),
            began_s=began / _NS_PER_S,
            last_s=last / _NS_PER_S,
            rx_packets=rx_packets,
            rx_bytes=rx_bytes,
            tx_packets=tx_packets,
            tx_bytes=tx_bytes,
        )


def _show_rule(rule: Rule, sets: dict[tuple[IPv4Network | IPv6Network, ...], int]) -> bytes:
    remotes, own = (sets.setdefault(one, len(sets)) for one in (rule.remotes, rule.locals))
    head = _RULE.pack(
        rule.number, rule.direction, rule.protocol is not None, rule.protocol or 0, remotes, own, len(rule.ports)
    )
    return head + b"".join(_RANGE.pack(first, last) for first, last in rule.ports)


def _show_prefix(prefix: IPv4Network | IPv6Network) -> bytes:
    return bytes([prefix.version, prefix.prefixlen]) + prefix.network_address.packed


def _address(family: int, packed: bytes) -> IPv4Address | IPv6Address:
    return IPv4Address(packed[12:]) if family == 4 else IPv6Address(packed)
