"""PCP, the port control protocol (RFC 6887): requests of a client and answers of its gateway, bytes <-> values.

Decides the form only. Read and written here: the MAP opcode without options (11.1) for UDP, and ANNOUNCE (14.1), which
asks for the gateway's epoch and, sent by the gateway to all, tells that it restarted. Must not know when to ask,
whether an answer is awaited, or whether the address that a gateway claims is to be believed.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from warren.errors import Code, WarrenError
from warren.model.addresses import Endpoint

SERVER_PORT: Final = 5351
ANNOUNCE_PORT: Final = 5350  # where clients listen for what gateways tell all (14.1.1)
NONCE_BYTES: Final = 12
MESSAGE_MAX_BYTES: Final = 1100  # RFC 6887, 7
_VERSION: Final = 2
_ANNOUNCE, _MAP = 0, 1
_ANSWER_BIT: Final = 0x80
_UDP: Final = 17
_REQUEST = struct.Struct(">BBHI16s")  # version, opcode, reserved, lifetime, client's address (7.1)
_ANSWER = struct.Struct(">BBBBII12x")  # version, opcode, reserved, result, lifetime, epoch (7.2)
_MAPPING = struct.Struct(">12sB3xHH16s")  # nonce, protocol, internal port, external port, external address (11.1)
_ANY4 = IPv6Address("::ffff:0:0")
_ANY6 = IPv6Address("::")


class Result(IntEnum):
    """Why a gateway refuses (7.4); numbers that are not here are refusals too."""

    SUCCESS = 0
    UNSUPP_VERSION = 1
    NOT_AUTHORIZED = 2
    MALFORMED_REQUEST = 3
    UNSUPP_OPCODE = 4
    UNSUPP_OPTION = 5
    MALFORMED_OPTION = 6
    NETWORK_FAILURE = 7
    NO_RESOURCES = 8
    UNSUPP_PROTOCOL = 9
    USER_EX_QUOTA = 10
    CANNOT_PROVIDE_EXTERNAL = 11
    ADDRESS_MISMATCH = 12
    EXCESSIVE_REMOTE_PEERS = 13


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """What became of a mapping. `external` None where it was refused; `lifetime_s` is then how long not to ask."""

    result: int
    lifetime_s: int
    epoch_s: int
    nonce: bytes
    internal_port: int
    external: Endpoint | None


@dataclass(frozen=True, slots=True)
class AnnounceAnswer:
    """The gateway's epoch: seconds since it lost its mappings last, by its own clock (8.5)."""

    result: int
    epoch_s: int


@dataclass(frozen=True, slots=True)
class OtherVersion:
    """The gateway speaks another version; 0 is NAT-PMP (RFC 6886, appendix A of RFC 6887)."""

    version: int


Answer = MapAnswer | AnnounceAnswer | OtherVersion


def encode_announce(client: IPv4Address | IPv6Address) -> bytes:
    """Return the request for the gateway's epoch; `client` is the address that it is sent from."""
    return _REQUEST.pack(_VERSION, _ANNOUNCE, 0, 0, _packed(client))


def encode_map(
    client: IPv4Address | IPv6Address, nonce: bytes, internal_port: int, lifetime_s: int, suggested: Endpoint | None
) -> bytes:
    """Return the request for a UDP mapping, or with `lifetime_s` 0 for its end; `suggested` is what to give if it can.

    ValueError for a nonce that is not 12 bytes long: a bug of the caller.
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError("a nonce has 12 bytes")
    if suggested is None or lifetime_s == 0:  # 11.1: a request for the end suggests nothing
        external_port, external = 0, (_ANY4 if client.version == 4 else _ANY6).packed
    else:
        external_port, external = suggested.port, _packed(suggested.address)
    head = _REQUEST.pack(_VERSION, _MAP, 0, lifetime_s, _packed(client))
    return head + _MAPPING.pack(nonce, _UDP, internal_port, external_port, external)


def decode_answer(datagram: bytes) -> Answer:
    """Return what the gateway says; WarrenError MALFORMED, TOO_LARGE, or UNSUPPORTED (another opcode or protocol)."""
    if len(datagram) > MESSAGE_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, "longer than a PCP message may be")
    if len(datagram) < 4:
        raise _malformed("too short for PCP")
    if not datagram[1] & _ANSWER_BIT:
        raise _malformed("not an answer")
    if datagram[0] != _VERSION:
        return OtherVersion(datagram[0])
    if len(datagram) < _ANSWER.size or len(datagram) % 4:
        raise _malformed("cut short")
    _, opcode, _, result, lifetime_s, epoch_s = _ANSWER.unpack_from(datagram)
    if result == Result.UNSUPP_VERSION:
        return OtherVersion(datagram[0])
    if opcode & ~_ANSWER_BIT == _ANNOUNCE:
        return AnnounceAnswer(result, epoch_s)
    if opcode & ~_ANSWER_BIT != _MAP:
        raise WarrenError(Code.UNSUPPORTED, "an opcode that was not asked")
    return _read_mapping(datagram[_ANSWER.size :], result, lifetime_s, epoch_s)


def _read_mapping(body: bytes, result: int, lifetime_s: int, epoch_s: int) -> MapAnswer:
    if len(body) < _MAPPING.size:
        raise _malformed("a mapping cut short")
    nonce, protocol, internal_port, external_port, external = _MAPPING.unpack_from(body)
    if protocol != _UDP:
        raise WarrenError(Code.UNSUPPORTED, "a protocol that was not asked")
    granted = None
    if result == Result.SUCCESS and lifetime_s:
        if external_port == 0:
            raise _malformed("a mapping of port 0")
        granted = Endpoint(IPv6Address(external), external_port)
    return MapAnswer(result, lifetime_s, epoch_s, nonce, internal_port, granted)


def _packed(address: IPv4Address | IPv6Address) -> bytes:
    """Addresses are 16 bytes, IPv4 ones mapped (RFC 6887, 5)."""
    return bytes(10) + b"\xff\xff" + address.packed if address.version == 4 else address.packed


def _malformed(text: str) -> WarrenError:
    return WarrenError(Code.MALFORMED, f"a port mapping answer is malformed: {text}")
