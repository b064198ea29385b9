"""One WebSocket frame to one message and back.

Decides what well-formed means: canonical msgpack within the limits, a kind that the direction knows, fields of the
right type. Must not know states: whether a message may come is `session`'s business. Everything that bytes of the
network can do wrong becomes one error, `MalformedError`.
"""

from typing import Any, Final

import msgspec

from warren import canonical
from warren.errors import Code
from warren.limits import SESSION_DEPTH_MAX
from warren.protocol.control.messages import Envelope, FromNode, FromServer, Message, Unknown, VersionsOnly

Incoming = FromNode | FromServer | Unknown


class MalformedError(Exception):
    """The frame is no message; `code` is MALFORMED or TOO_LARGE."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def kinds_of(union: object) -> frozenset[str]:
    """Return the values of `t` that a union of messages knows."""
    return frozenset(member.__struct_config__.tag for member in getattr(union, "__args__", ()))


# Sorted keys and absent defaults make what this encoder writes canonical; `canonical.encode` would scan it again, and
# holds to the size of a document.
_ENCODER: Final = msgspec.msgpack.Encoder(order="sorted")
FROM_NODE_KINDS: Final = kinds_of(FromNode)
FROM_SERVER_KINDS: Final = kinds_of(FromServer)


def encode(message: Message) -> bytes:
    """Return the frame of a message."""
    return _ENCODER.encode(message)


def from_node(frame: bytes, max_bytes: int) -> FromNode | Unknown:
    """Return what a node said; raises MalformedError."""
    try:
        message: FromNode = _decode(frame, FromNode, max_bytes)
    except MalformedError as error:
        return _unknown(frame, max_bytes, FROM_NODE_KINDS, error)
    return message


def from_server(frame: bytes, max_bytes: int) -> FromServer | Unknown:
    """Return what a server said; raises MalformedError."""
    try:
        message: FromServer = _decode(frame, FromServer, max_bytes)
    except MalformedError as error:
        return _unknown(frame, max_bytes, FROM_SERVER_KINDS, error)
    return message


def offered_versions(frame: bytes, max_bytes: int) -> tuple[int, int] | None:
    """Return the versions that a hello names even where the rest of it is not as we know it; None: not even that."""
    try:
        versions: VersionsOnly = _decode(frame, VersionsOnly, max_bytes)
    except MalformedError:
        return None
    return versions.versions


def _unknown(frame: bytes, max_bytes: int, known: frozenset[str], error: MalformedError) -> Unknown:
    """What is no message of ours may be one of a newer program; where it is not, `error` stands."""
    envelope: Envelope = _decode(frame, Envelope, max_bytes)
    if envelope.t in known:
        raise error
    return Unknown(kind=envelope.t, id=envelope.id)


def _decode(frame: bytes, kind: Any, max_bytes: int) -> Any:
    """A union is no `type` to mypy, so the callers name the result's type."""
    try:
        return canonical.decode(frame, kind, max_bytes=max_bytes, max_depth=SESSION_DEPTH_MAX)
    except canonical.Refused as error:
        raise MalformedError(error.code, error.text) from error
