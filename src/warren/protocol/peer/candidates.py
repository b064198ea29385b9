"""What is inside a sealed signal: where a node can be reached, told to one peer, and which heads it holds.

Decides the form on the wire, the limits and the order. Must not know sealing or which candidate is good: ranking is the
node's; heads are signed documents, opaque here, and a signal without endpoints is about them only. The list is of one
moment, named by `generation` (ascending in the sender's life; a clock's milliseconds will do): a receiver ignores a
generation lower than the newest it saw from that sender. `mapping` is a number of `node.paths.nat.Mapping`; one that
the receiver does not know counts as 0, unknown.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated

import msgspec
from msgspec import Meta

from warren import canonical
from warren.errors import Code, WarrenError
from warren.limits import CANDIDATES_MAX, HEAD_MAX_BYTES, HEADS_TOLD_MAX, SEALED_MAX_BYTES, SESSION_DEPTH_MAX
from warren.model.addresses import Endpoint

Packed = Annotated[bytes, Meta(min_length=6, max_length=18)]
HeadBytes = Annotated[bytes, Meta(min_length=1, max_length=HEAD_MAX_BYTES)]


class _Wire(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="candidates"):
    """Endpoints as 4 or 16 bytes of address and 2 of port, big-endian."""

    endpoints: Annotated[tuple[Packed, ...], Meta(max_length=CANDIDATES_MAX)]
    generation: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    reply_wanted: bool = False
    heads: Annotated[tuple[HeadBytes, ...], Meta(max_length=HEADS_TOLD_MAX)] | msgspec.UnsetType = msgspec.UNSET
    mapping: Annotated[int, Meta(ge=0, le=255)] | msgspec.UnsetType = msgspec.UNSET


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """The sender's endpoints, best first; `reply_wanted`: the receiver is to send its own (and to probe at once).

    `heads`: the documents of kind `head` that the sender holds, as signed. `mapping`: how routers before the sender
    make its outer endpoint, 0: unknown.
    """

    endpoints: tuple[Endpoint, ...]
    generation: int
    reply_wanted: bool = False
    heads: tuple[bytes, ...] = ()
    mapping: int = 0


def encode_candidates(candidates: Candidates) -> bytes:
    """Return the plaintext to seal; the first CANDIDATES_MAX endpoints."""
    return canonical.encode(
        _Wire(
            endpoints=tuple(pack_endpoint(one) for one in candidates.endpoints[:CANDIDATES_MAX]),
            generation=candidates.generation,
            reply_wanted=candidates.reply_wanted,
            heads=candidates.heads or msgspec.UNSET,
            mapping=candidates.mapping or msgspec.UNSET,
        )
    )


def decode_candidates(plain: bytes) -> Candidates:
    """Return what a signal said; raises WarrenError MALFORMED, TOO_LARGE or UNSUPPORTED (a kind of signal not known
    here).
    """
    wire = canonical.decode(plain, _Wire, max_bytes=SEALED_MAX_BYTES, max_depth=SESSION_DEPTH_MAX)
    return Candidates(
        endpoints=tuple(_unique(unpack_endpoint(one) for one in wire.endpoints)),
        generation=wire.generation,
        reply_wanted=wire.reply_wanted,
        heads=() if isinstance(wire.heads, msgspec.UnsetType) else wire.heads,
        mapping=0 if isinstance(wire.mapping, msgspec.UnsetType) else wire.mapping,
    )


def pack_endpoint(endpoint: Endpoint) -> bytes:
    """Return 4 or 16 bytes of address and 2 of port, as the engine takes them too."""
    return endpoint.address.packed + endpoint.port.to_bytes(2, "big")


def unpack_endpoint(packed: bytes) -> Endpoint:
    """Return the endpoint of 6 or 18 bytes; raises WarrenError MALFORMED (another length, or port 0)."""
    port = int.from_bytes(packed[-2:], "big")
    if len(packed) not in {6, 18} or port == 0:
        raise WarrenError(Code.MALFORMED, "an endpoint has 4 or 16 bytes of address and a port")
    address = IPv4Address(packed[:4]) if len(packed) == 6 else IPv6Address(packed[:16])
    return Endpoint(address, port)


def _unique(endpoints: Iterable[Endpoint]) -> Iterable[Endpoint]:
    return dict.fromkeys(endpoints)
