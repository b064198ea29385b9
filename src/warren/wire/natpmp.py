"""NAT-PMP (RFC 6886): requests of a client and answers of its gateway, bytes <-> values.

Decides the form only; IPv4 and UDP mappings alone. Must not know when to ask or what to believe. A request to delete
always names a port of ours: internal port 0 would mean every mapping of this machine, also those of other programs.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Final

from warren.errors import Code, WarrenError

SERVER_PORT: Final = 5351
_VERSION: Final = 0
_ADDRESS, _MAP_UDP = 0, 1
_ANSWER: Final = 128
_MESSAGE_MAX_BYTES: Final = 64  # the longest answer has 16
_HEAD = struct.Struct(">BBHI")  # version, opcode, result, epoch (3.5)
_MAP_REQUEST = struct.Struct(">BBHHHI")  # version, opcode, reserved, internal port, external port, lifetime (3.3)
_MAP_ANSWER = struct.Struct(">HHI")  # internal port, external port, lifetime


class Result(IntEnum):
    """Why a gateway refuses (3.5); numbers that are not here are refusals too."""

    SUCCESS = 0
    UNSUPPORTED_VERSION = 1
    NOT_AUTHORIZED = 2
    NETWORK_FAILURE = 3
    OUT_OF_RESOURCES = 4
    UNSUPPORTED_OPCODE = 5


@dataclass(frozen=True, slots=True)
class AddressAnswer:
    """The gateway's outer address, None where it refused; sent to all hosts when it changed (3.2.1)."""

    result: int
    epoch_s: int
    address: IPv4Address | None


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """What became of a mapping; ports and lifetime are 0 where it was refused."""

    result: int
    epoch_s: int
    internal_port: int
    external_port: int
    lifetime_s: int


Answer = AddressAnswer | MapAnswer


def encode_address_request() -> bytes:
    """Return the request for the gateway's outer address and epoch."""
    return bytes((_VERSION, _ADDRESS))


def encode_map(internal_port: int, external_port: int, lifetime_s: int) -> bytes:
    """Return the request for a UDP mapping, or with `lifetime_s` 0 for its end; `external_port` is a wish, 0 for none.

    ValueError for internal port 0.
    """
    if internal_port == 0:
        raise ValueError("port 0 would mean every mapping of this machine")
    wish = external_port if lifetime_s else 0
    return _MAP_REQUEST.pack(_VERSION, _MAP_UDP, 0, internal_port, wish, lifetime_s)


def decode_answer(datagram: bytes) -> Answer:
    """Return what the gateway says; WarrenError MALFORMED, TOO_LARGE, or UNSUPPORTED (another version or opcode)."""
    if len(datagram) > _MESSAGE_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, "longer than a NAT-PMP answer")
    if len(datagram) < _HEAD.size:
        raise _malformed("too short")
    version, opcode, result, epoch_s = _HEAD.unpack_from(datagram)
    if version != _VERSION or opcode not in {_ANSWER + _ADDRESS, _ANSWER + _MAP_UDP}:
        raise WarrenError(Code.UNSUPPORTED, "a version or opcode that was not asked")
    body = datagram[_HEAD.size :]
    if opcode == _ANSWER + _ADDRESS:
        if result != Result.SUCCESS:
            return AddressAnswer(result, epoch_s, None)
        if len(body) < 4:
            raise _malformed("an address cut short")
        return AddressAnswer(result, epoch_s, IPv4Address(body[:4]))
    if result != Result.SUCCESS:
        return MapAnswer(result, epoch_s, 0, 0, 0)
    if len(body) < _MAP_ANSWER.size:
        raise _malformed("a mapping cut short")
    internal_port, external_port, lifetime_s = _MAP_ANSWER.unpack_from(body)
    if lifetime_s and external_port == 0:
        raise _malformed("a mapping of port 0")
    return MapAnswer(result, epoch_s, internal_port, external_port, lifetime_s)


def _malformed(text: str) -> WarrenError:
    return WarrenError(Code.MALFORMED, f"a port mapping answer is malformed: {text}")
