"""What the root of a network signs where it lives on this server. Makes rows of documents, stores nothing.

Decides which documents count into which authority's head. Must not know the database or files; the root key is an
argument, and `trust.founding` says what a network begins with.
"""

import hashlib
from collections.abc import Iterable, Sequence

from warren.errors import Code, WarrenError
from warren.limits import DATE_AHEAD_MAX_S
from warren.model.ids import NetworkId
from warren.model.keys import SigningKeyPair
from warren.policy.language import is_readable
from warren.server.networks.store import DocumentRow
from warren.trust.authenticate import Refusal, authenticate, read_genesis
from warren.trust.documents import Delegation, Head, Kind, Policy, Settings
from warren.trust.floors import Floors
from warren.trust.founding import digest_of, signed
from warren.trust.verify import verify
from warren.trust.view import View

ROOT_KINDS = frozenset({Kind.SETTINGS, Kind.DELEGATION, Kind.POLICY})
"""What counts into the root's head where the root lives here."""

REGISTRAR_KINDS = frozenset({Kind.MEMBERSHIP, Kind.REMOVAL})
"""What counts into the registrar's head."""


SHARED_KINDS = frozenset({Kind.SETTINGS, Kind.POLICY, Kind.MEMBERSHIP})
"""What several signers say in one order; of all else each has an order of its own."""


def adopted(genesis: bytes, raws: Sequence[bytes], now: int) -> tuple[NetworkId, list[DocumentRow], View]:
    """The documents of a network that was founded elsewhere, and what they make true. `now`: Unix seconds.

    Raises WarrenError with what is wrong with a document: each of them has to count.
    """
    begun = read_genesis(genesis)
    if isinstance(begun, Refusal):
        raise WarrenError(begun.code, begun.text)
    network, first = begun
    documents = []
    for raw in raws:
        answer = authenticate(network, raw)
        if isinstance(answer, Refusal):
            raise WarrenError(answer.code, answer.text)
        documents.append(answer)
    view = verify(network, [first, *documents], floors=Floors(), now=now, readable=is_readable)
    if view.refused:
        raise WarrenError(view.refused[0].code, f"a document does not count: {view.refused[0].text}")
    check_date(view.newest_date, now)
    return network, [DocumentRow(one.kind.value, one.subject, one.raw) for one in documents], view


def check_date(newest: int, now: int) -> None:
    """Raises CLOCK where those whom nodes trust with dates are far ahead of this server: what it signs would be old
    news to them, and its short memberships over."""
    if newest > now + DATE_AHEAD_MAX_S:
        raise WarrenError(
            Code.CLOCK,
            f"this is signed by a clock that is {(newest - now) // 3600} hours ahead of the server's",
            "set the clock of the machine that signs (if it is right: the server's), then run the same again",
        )


def root_head(
    root: SigningKeyPair, network: NetworkId, in_force: Iterable[DocumentRow], *, counter: int, now: int
) -> DocumentRow:
    """The head of the root over what it has in force."""
    digests = {(row.kind, row.subject): hashlib.sha256(row.raw).digest() for row in in_force}
    body = Head(counter=counter, date=now, authority=root.public, digest=digest_of(digests))
    return signed_row(Kind.HEAD, network, body, root)


def signed_row(
    kind: Kind, network: NetworkId, body: Settings | Delegation | Policy | Head, key: SigningKeyPair
) -> DocumentRow:
    """A document as the database holds it."""
    one = signed(kind, network, body, key)
    return DocumentRow(one.kind.value, one.subject, one.raw)
