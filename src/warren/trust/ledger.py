"""What one run of `verify` writes down while it decides: refusals, notes on health, and the rising floors.

Decides which of several documents about one subject is in force: the highest (epoch, counter), not behind the floor; of
two with the same one the lower digest, which is what every node picks. Lives within one call and is not shared.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from warren import limits
from warren.errors import Code
from warren.trust.authenticate import Authentic, Refusal
from warren.trust.documents import Body, Genesis, Kind, Membership
from warren.trust.epochs import about
from warren.trust.floors import Floors, Order, reason_against
from warren.trust.view import HealthNote

SAID_ALREADY = "another one, signed at the same moment, says the same"

_CAPPED = frozenset({Kind.MEMBERSHIP, Kind.RECORD})  # what machines make by coming and going


def order_of(document: Authentic) -> Order:
    """The (epoch, counter) of a document; a genesis has none and counts as the first."""
    body = document.body
    return (0, 0) if isinstance(body, Genesis) else (body.epoch, body.counter)


def says_the_same(one: Authentic, other: Authentic) -> bool:
    """Whether two documents about one subject differ only in who signed them, and when: two admins who do the same at
    the same moment contradict nobody."""
    return one.kind == other.kind and _meaning(one) == _meaning(other)


def _meaning(document: Authentic) -> Body:
    body = document.body
    if isinstance(body, Genesis):
        return body
    if isinstance(body, Membership):
        body = msgspec.structs.replace(body, heads=(), joined=0, expires=None if body.expires is None else 0)
    return msgspec.structs.replace(body, counter=0, date=0, under=0)


def digest_order(document: Authentic) -> bytes:
    """The key by which sets of documents are put into one order."""
    return document.digest


class Ledger:
    """Collects what a run finds out; `floors` are those that the caller came with, `reach` is of `epochs.reached`."""

    def __init__(self, floors: Floors, reach: Mapping[bytes, int] | None = None) -> None:
        self.floors = floors
        self._reach = reach or {}
        self.orders = dict(floors.orders)
        self.kept: dict[bytes, Authentic] = {}
        self._refused: list[Refusal] = []
        self._health: set[tuple[str, str]] = set()

    def refuse(self, document: Authentic, code: Code, text: str) -> None:
        """The document does not count, and why."""
        self._refused.append(Refusal(document.kind, document.subject, code, text, document.digest))

    def note(self, code: str, text: str) -> None:
        """A person should look at this."""
        self._health.add((code, text))

    def accept(self, document: Authentic) -> None:
        """The document holds: it is kept, and nothing older about its subject will be taken."""
        self.keep(document)
        self.raise_floor(document.kind, document.subject, order_of(document))

    def keep(self, document: Authentic) -> None:
        """The document is worth keeping, in force or not, but moves no floor."""
        self.kept[document.digest] = document

    def raise_floor(self, kind: str, subject: bytes, order: Order) -> None:
        """The floor of a subject is at least this."""
        key = (str(kind), subject)
        self.orders[key] = max(order, self.orders.get(key, order))

    def reason_against(self, document: Authentic) -> str | None:
        """Why a document falls behind the floor of its subject, or jumps; None if it does neither."""
        floor = self.floors.order(document.kind, document.subject)
        reach = self._reach.get(about(document.kind, document.subject), 0)
        return reason_against(order_of(document), floor, reach)

    def in_order(self, documents: Iterable[Authentic]) -> list[Authentic]:
        """Those that neither fall behind the floor of their subject nor jump; the others are refused.

        When the table is full nobody new is taken in; removals and all else go on.
        """
        kept = []
        is_full = len(self.floors.orders) >= limits.FLOORS_MAX
        for document in documents:
            floor = self.floors.order(document.kind, document.subject)
            reason = self.reason_against(document)
            if reason is not None:
                self.refuse(document, Code.OUT_OF_ORDER, reason)
            elif is_full and floor is None and document.kind in _CAPPED:
                self.refuse(document, Code.TOO_LARGE, "more machines were members than a node remembers")
                self.note("memory-full", "more machines were members than a node remembers: nobody new is taken in")
            else:
                kept.append(document)
        return kept

    def newest(self, documents: Sequence[Authentic]) -> Authentic | None:
        """The one in force among documents about one subject; the others are refused. Does not accept it yet."""
        kept = self.in_order(documents)
        if len(kept) <= 1:
            return kept[0] if kept else None
        kept.sort(key=lambda document: (order_of(document), _descending(document)))
        chosen = kept.pop()
        for other in kept:
            if order_of(other) == order_of(chosen) and says_the_same(other, chosen):
                self.refuse(other, Code.CONFLICT, SAID_ALREADY)
            elif order_of(other) == order_of(chosen):
                self.refuse(other, Code.CONFLICT, f"another document with the same order {order_of(other)} is taken")
                self.note("conflict", f"two documents of kind {chosen.kind} with the same order {order_of(chosen)}")
            else:
                reason = reason_against(order_of(other), order_of(chosen))
                self.refuse(other, Code.OUT_OF_ORDER, reason or "older than what was seen")
        return chosen

    def refused(self) -> tuple[Refusal, ...]:
        """The refusals, in an order that does not depend on how the documents came."""
        return tuple(sorted(self._refused, key=lambda refusal: refusal.digest))

    def health(self) -> tuple[HealthNote, ...]:
        """The notes, sorted."""
        return tuple(HealthNote(code, text) for code, text in sorted(self._health))


def _descending(document: Authentic) -> int:
    return -int.from_bytes(document.digest, "big")
