"""One netlink socket: requests with their answers, and the framing of messages and attributes (RFC 3549, 2.3).

Must not know what the messages are about. A socket of this kind blocks: the kernel works while we send, so the answer
is there when `send` returns, unless another program holds the kernel's lock. Callers run it in a thread.
"""

import os
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from warren.limits import (
    NETLINK_ANSWER_MAX_S,
    NETLINK_DUMP_MAX_MESSAGES,
    NETLINK_DUMP_TRIES_MAX,
    NETLINK_READ_MAX_BYTES,
)

# linux/netlink.h
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
_NLM_F_DUMP_INTR = 0x10
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_TYPE_MASK = 0x3FFF  # the two high bits say 'nested' and 'big-endian'


class RouteSocket:
    """NETLINK_ROUTE; use as a context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.settimeout(NETLINK_ANSWER_MAX_S)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def request(self, kind: int, flags: int, body: bytes) -> None:
        """Ask for one change; OSError with the kernel's errno if it refuses."""
        self._send(kind, flags | NLM_F_REQUEST | NLM_F_ACK, body)
        for _ in self._answers():
            pass

    def dump(self, kind: int, body: bytes) -> list[tuple[int, bytes]]:
        """Every (type, body) of a table. It is read again if it changed in the middle."""
        messages: list[tuple[int, bytes]] = []
        for _ in range(NETLINK_DUMP_TRIES_MAX):
            self._send(kind, NLM_F_REQUEST | NLM_F_DUMP, body)
            whole, messages = True, []
            for message_kind, flags, content in self._answers():
                whole = whole and not flags & _NLM_F_DUMP_INTR
                if len(messages) < NETLINK_DUMP_MAX_MESSAGES:
                    messages.append((message_kind, content))
            if whole:
                break
        return messages

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, self._sequence, 0) + body)

    def _answers(self) -> Iterator[tuple[int, int, bytes]]:
        """Messages that answer the last request, until the one that ends them."""
        while True:
            for kind, flags, sequence, body in split(self._socket.recv(NETLINK_READ_MAX_BYTES)):
                if sequence != self._sequence:
                    continue
                if kind in {_NLMSG_ERROR, _NLMSG_DONE}:
                    code = -struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
                    if code:
                        raise OSError(code, os.strerror(code))
                    return
                yield kind, flags, body


def split(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, sequence, body) of each message in what one read gave."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, flags, sequence, data[at + _HEADER.size : at + length]
        at += _aligned(length)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_aligned(length) - length)


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes of a message by type; of doubles the last."""
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = data[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3
