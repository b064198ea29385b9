"""What a node never goes back behind, and how that is kept.

Decides the order of documents about one subject: (epoch, counter), rising, in jumps of at most 2^32. Must not know
files: the node writes `encode()` to disk before it uses what the floors allowed. A floor is a pair for each
(kind, subject); a claim says which WireGuard keys, hostname and IPv4 address an identity was first seen with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

import msgspec

from warren import limits
from warren.errors import Code, WarrenError
from warren.model.ids import Identity

Order: TypeAlias = tuple[int, int]
FloorKey: TypeAlias = tuple[str, bytes]

UNSEEN: Order = (0, 0)
_Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1]
    floors: list[tuple[str, str, _Natural, _Natural]]
    claims: list[tuple[str, list[str], str, str]]


@dataclass(frozen=True, slots=True)
class Claim:
    """What an identity holds because it was first: names and addresses as given, not as shown."""

    wireguard: tuple[bytes, ...] = ()
    hostname: str = ""
    ipv4: str = ""


@dataclass(frozen=True, slots=True)
class Floors:
    """The newest (epoch, counter) seen for each (kind, subject), and the claims of the members."""

    orders: Mapping[FloorKey, Order] = field(default_factory=lambda: MappingProxyType({}))
    claims: Mapping[Identity, Claim] = field(default_factory=lambda: MappingProxyType({}))

    def order(self, kind: str, subject: bytes) -> Order | None:
        """The floor of this subject; None if it was never seen."""
        return self.orders.get((kind, subject))

    def encode(self) -> bytes:
        """The bytes to keep; the same floors give the same bytes."""
        floors = [(kind, subject.hex(), *order) for (kind, subject), order in sorted(self.orders.items())]
        claims = [
            (identity.hex(), [key.hex() for key in claim.wireguard], claim.hostname, claim.ipv4)
            for identity, claim in sorted(self.claims.items())
        ]
        return msgspec.json.encode(_Kept(version=1, floors=floors, claims=claims))

    @classmethod
    def decode(cls, data: bytes) -> "Floors":
        """What `encode` wrote; WarrenError STATE_DAMAGED for anything else (a node then must not go on with none)."""
        try:
            kept = msgspec.json.decode(data, type=_Kept)
            orders = {(kind, bytes.fromhex(subject)): (epoch, counter) for kind, subject, epoch, counter in kept.floors}
            claims = {
                Identity(bytes.fromhex(identity)): Claim(tuple(map(bytes.fromhex, keys)), hostname, ipv4)
                for identity, keys, hostname, ipv4 in kept.claims
            }
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise WarrenError(Code.STATE_DAMAGED, "the kept floors cannot be read") from error
        if len(orders) != len(kept.floors) or len(claims) != len(kept.claims):
            raise WarrenError(Code.STATE_DAMAGED, "the kept floors name a subject twice")
        return cls(MappingProxyType(orders), MappingProxyType(claims))


def reason_against(order: Order, floor: Order | None, reach: int = 0) -> str | None:
    """Why a document of this order is not to be taken after that floor; None if it may be (equal is the same again).
    `reach`: the epoch that other documents about the same key lead to (`epochs`)."""
    if floor is not None and order < floor:
        return f"older than what was seen: {order} after {floor}"
    epoch, counter = floor or UNSEEN
    if order[0] - max(epoch, reach) > limits.ORDER_JUMP_MAX or order[1] - counter > limits.ORDER_JUMP_MAX:
        return f"a jump of more than 2^32: {order} after {floor or UNSEEN}"
    return None
