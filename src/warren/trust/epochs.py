"""How far the epochs about a key have come, so that a jump is told from the next step after somebody else's jump.

Decides from which epoch on the next document about one key jumps. A removal ends everything up to its epoch, so who may
remove could otherwise put a machine out of everybody's reach by one number: the epoch after it is a jump to nodes that
never saw the machine so far, and not even the root could let it in again, or end what such a number brought in. So the
documents and floors about a key lead to each other: each may be a jump beyond those below it, whoever signed them. What
was promised stays: 2^63 takes 2^31 documents. Pure; must not know who may sign what.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from warren import limits
from warren.trust.authenticate import Authentic
from warren.trust.documents import REMOVED_DELEGATE, REMOVED_MEMBER, Delegation, Kind, Membership, Removal
from warren.trust.floors import Floors

_LEADING = frozenset({Kind.MEMBERSHIP, Kind.DELEGATION, Kind.REMOVAL})


def about(kind: str, subject: bytes) -> bytes:
    """What a document of this kind and subject is about, as `reached` names it; empty where epochs are its own."""
    match kind:
        case Kind.MEMBERSHIP | Kind.RECORD:
            return REMOVED_MEMBER + subject
        case Kind.DELEGATION:
            return REMOVED_DELEGATE + subject[:32]
        case Kind.REMOVAL:
            return subject[:33]
        case _:
            return b""


def reached(documents: Iterable[Authentic], floors: Floors) -> Mapping[bytes, int]:
    """The epoch that documents and floors lead to, of each key about which there are any but the first."""
    reach: defaultdict[bytes, int] = defaultdict(int)
    for (kind, subject), (epoch, _) in floors.orders.items():
        if epoch and kind in _LEADING:
            key = about(kind, subject)
            reach[key] = max(epoch, reach[key])
    steps: defaultdict[bytes, set[int]] = defaultdict(set)
    for document in documents:
        body = document.body
        if isinstance(body, Membership | Delegation | Removal) and body.epoch:
            steps[about(document.kind, document.subject)].add(body.epoch)
    for key, epochs in steps.items():
        for epoch in sorted(epochs):
            if epoch - reach[key] > limits.ORDER_JUMP_MAX:
                break
            reach[key] = max(epoch, reach[key])
    return reach
