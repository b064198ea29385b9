"""STUN for the node's client (RFC 8489): binding requests and responses, bytes <-> values.

Decides the form only: who is asked, when, and what an answer means is the path agent's; that an answer belongs to a
live transaction is checked by the engine before Python sees it. Read here: XOR-MAPPED-ADDRESS (and the old
MAPPED-ADDRESS), ERROR-CODE, SOFTWARE, FINGERPRINT, and of RFC 5780 OTHER-ADDRESS and RESPONSE-ORIGIN.

A server of ours sends an unproven source no more bytes than that source sent (SECURITY.md, rule 34), so our requests
are as long as the longest answer they ask for: SOFTWARE, which a server ignores, is the padding. The server's side in
Rust is `engine/proto/src/turn`.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from warren.errors import Code, WarrenError
from warren.limits import STUN_MAX_BYTES
from warren.model.addresses import Endpoint

DEFAULT_PORT: Final = 3478
TRANSACTION_BYTES: Final = 12
HEADER_BYTES: Final = 20
SOFTWARE: Final = "warren, padded to its answer"  # 28 bytes: with it a request is 60, an IPv6 answer at most 52
_COOKIE: Final = bytes.fromhex("2112a442")
_BINDING_REQUEST: Final = 0x0001
_BINDING_SUCCESS: Final = 0x0101
_BINDING_ERROR: Final = 0x0111
_FINGERPRINT_XOR: Final = 0x5354554E
_FINGERPRINT_BYTES: Final = 8
_COMPREHENSION_OPTIONAL: Final = 0x8000
_REASON_MAX_BYTES: Final = 763  # RFC 8489, 14.8: as many as 127 characters can have


class Attribute(IntEnum):
    """The attributes that are read or written here (RFC 8489, 18.3; RFC 5780, 7)."""

    MAPPED_ADDRESS = 0x0001
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    REALM = 0x0014
    NONCE = 0x0015
    MESSAGE_INTEGRITY_SHA256 = 0x001C
    XOR_MAPPED_ADDRESS = 0x0020
    SOFTWARE = 0x8022
    ALTERNATE_SERVER = 0x8023
    FINGERPRINT = 0x8028
    RESPONSE_ORIGIN = 0x802B
    OTHER_ADDRESS = 0x802C


_KNOWN: Final = frozenset(int(attribute) for attribute in Attribute)


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """Somebody asks where its datagram came from."""

    transaction: bytes
    software: str = ""


@dataclass(frozen=True, slots=True)
class BindingSuccess:
    """`mapped` is where the request came from as the server saw it; `other` is an address and port of the same server
    that differ in both (RFC 5780), `origin` where the answer was sent from.
    """

    transaction: bytes
    mapped: Endpoint
    other: Endpoint | None = None
    origin: Endpoint | None = None
    software: str = ""


@dataclass(frozen=True, slots=True)
class BindingError:
    """The server refused: `number` 300..699 (RFC 8489, 14.8) and a sentence of the server's, not to be trusted."""

    transaction: bytes
    number: int
    reason: str = ""


BindingResponse = BindingSuccess | BindingError


def encode_binding_request(transaction: bytes, *, software: str = SOFTWARE, fingerprint: bool = True) -> bytes:
    """Return the request; `transaction` is 12 random bytes (ValueError for another length: a bug of the caller)."""
    attributes = [(Attribute.SOFTWARE, software.encode())] if software else []
    return _encode(_BINDING_REQUEST, transaction, attributes, fingerprint=fingerprint)


def encode_binding_response(response: BindingResponse, *, fingerprint: bool = True) -> bytes:
    """Return the response, as a server would send it."""
    if isinstance(response, BindingError):
        code = bytes((0, 0, response.number // 100, response.number % 100))
        attributes = [(Attribute.ERROR_CODE, code + response.reason.encode())]
        return _encode(_BINDING_ERROR, response.transaction, attributes, fingerprint=fingerprint)
    xored = _xored(_pack_address(response.mapped), response.transaction)
    attributes = [(Attribute.XOR_MAPPED_ADDRESS, xored)]
    if response.origin is not None:
        attributes.append((Attribute.RESPONSE_ORIGIN, _pack_address(response.origin)))
    if response.other is not None:
        attributes.append((Attribute.OTHER_ADDRESS, _pack_address(response.other)))
    if response.software:
        attributes.append((Attribute.SOFTWARE, response.software.encode()))
    return _encode(_BINDING_SUCCESS, response.transaction, attributes, fingerprint=fingerprint)


def transaction_of(datagram: bytes) -> bytes:
    """Return the 12 bytes that tie an answer to its request; the rest is not looked at. WarrenError MALFORMED."""
    if len(datagram) < HEADER_BYTES or datagram[4:8] != _COOKIE or datagram[0] & 0xC0:
        raise _malformed("not STUN")
    return datagram[8:HEADER_BYTES]


def decode_binding_request(datagram: bytes) -> BindingRequest:
    """Return what is asked; WarrenError MALFORMED, TOO_LARGE, or UNSUPPORTED (an attribute that must be understood)."""
    kind, transaction, attributes = _decode(datagram)
    if kind != _BINDING_REQUEST:
        raise _malformed("not a binding request")
    return BindingRequest(transaction, _text(attributes.get(Attribute.SOFTWARE, b"")))


def decode_binding_response(datagram: bytes) -> BindingResponse:
    """Return what the server says; WarrenError MALFORMED, TOO_LARGE, or UNSUPPORTED (an attribute that must be
    understood). The caller has compared the transaction.
    """
    kind, transaction, attributes = _decode(datagram)
    if kind == _BINDING_ERROR:
        return _read_error(transaction, attributes)
    if kind != _BINDING_SUCCESS:
        raise _malformed("not an answer to a binding request")
    if (xored := attributes.get(Attribute.XOR_MAPPED_ADDRESS)) is not None:
        mapped = _unpack_address(_xored(xored, transaction))
    elif (plain := attributes.get(Attribute.MAPPED_ADDRESS)) is not None:
        mapped = _unpack_address(plain)
    else:
        raise _malformed("an answer without an address")
    if mapped.port == 0:
        raise _malformed("nobody sends from port 0")
    return BindingSuccess(
        transaction,
        mapped,
        other=_optional_address(attributes.get(Attribute.OTHER_ADDRESS)),
        origin=_optional_address(attributes.get(Attribute.RESPONSE_ORIGIN)),
        software=_text(attributes.get(Attribute.SOFTWARE, b"")),
    )


def _read_error(transaction: bytes, attributes: dict[int, bytes]) -> BindingError:
    value = attributes.get(Attribute.ERROR_CODE, b"")
    if not 4 <= len(value) <= 4 + _REASON_MAX_BYTES or not 3 <= value[2] & 7 <= 6 or value[3] > 99:
        raise _malformed("an error without a number")
    return BindingError(transaction, (value[2] & 7) * 100 + value[3], _text(value[4:]))


def _encode(kind: int, transaction: bytes, attributes: list[tuple[Attribute, bytes]], *, fingerprint: bool) -> bytes:
    if len(transaction) != TRANSACTION_BYTES:
        raise ValueError(f"a transaction has {TRANSACTION_BYTES} bytes")
    body = b"".join(
        kind_of.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)
        for kind_of, value in attributes
    )
    length = len(body) + (_FINGERPRINT_BYTES if fingerprint else 0)
    message = kind.to_bytes(2, "big") + length.to_bytes(2, "big") + _COOKIE + transaction + body
    if fingerprint:
        message += Attribute.FINGERPRINT.to_bytes(2, "big") + b"\0\4" + _fingerprint(message)
    if len(message) > STUN_MAX_BYTES:
        raise ValueError(f"a message has at most {STUN_MAX_BYTES} bytes")
    return message


def _decode(datagram: bytes) -> tuple[int, bytes, dict[int, bytes]]:
    """Type, transaction, and the first of each attribute; a fingerprint, where there is one, is last and right."""
    if len(datagram) > STUN_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, "longer than a STUN message of ours may be")
    transaction = transaction_of(datagram)
    if int.from_bytes(datagram[2:4], "big") != len(datagram) - HEADER_BYTES:
        raise _malformed("its length is not what its header says")
    attributes: dict[int, bytes] = {}
    for at, kind, value in _attributes(datagram):
        if Attribute.FINGERPRINT in attributes:
            raise _malformed("something follows the fingerprint")
        if kind == Attribute.FINGERPRINT and value != _fingerprint(datagram[:at]):
            raise _malformed("the fingerprint is wrong")
        if kind < _COMPREHENSION_OPTIONAL and kind not in _KNOWN:
            raise WarrenError(Code.UNSUPPORTED, f"attribute {kind:#06x} must be understood and is not")
        attributes.setdefault(kind, value)
    return int.from_bytes(datagram[:2], "big"), transaction, attributes


def _attributes(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Where each begins, its type and its value without padding."""
    at = HEADER_BYTES
    while at < len(datagram):
        kind, length = int.from_bytes(datagram[at : at + 2], "big"), int.from_bytes(datagram[at + 2 : at + 4], "big")
        end = at + 4 + length + -length % 4
        if end > len(datagram):
            raise _malformed("an attribute is cut off")
        yield at, kind, datagram[at + 4 : at + 4 + length]
        at = end


def _fingerprint(before: bytes) -> bytes:
    return (zlib.crc32(before) ^ _FINGERPRINT_XOR).to_bytes(4, "big")


def _pack_address(endpoint: Endpoint) -> bytes:
    packed = endpoint.address.packed
    return bytes((0, 1 if len(packed) == 4 else 2)) + endpoint.port.to_bytes(2, "big") + packed


def _unpack_address(value: bytes) -> Endpoint:
    family, port, packed = value[1:2], int.from_bytes(value[2:4], "big"), value[4:]
    if family == b"\x01" and len(packed) == 4:
        return Endpoint(IPv4Address(packed), port)
    if family == b"\x02" and len(packed) == 16:
        return Endpoint(IPv6Address(packed), port)
    raise _malformed("not an address")


def _optional_address(value: bytes | None) -> Endpoint | None:
    return None if value is None else _unpack_address(value)


def _xored(value: bytes, transaction: bytes) -> bytes:
    """Hide the address from, or show it after, middleboxes that rewrite addresses (RFC 8489, 14.2)."""
    mask = bytes(2) + _COOKIE[:2] + _COOKIE + transaction
    return bytes(byte ^ masked for byte, masked in zip(value, mask, strict=False)) if len(value) <= len(mask) else b""


def _text(value: bytes) -> str:
    return value[:_REASON_MAX_BYTES].decode("utf-8", "replace")


def _malformed(text: str) -> WarrenError:
    return WarrenError(Code.MALFORMED, text)
