"""How fresh the news is: heads of the authorities, and what follows when they are old.

Decides which head of each authority is in force, its date, and whether somebody withholds news. Must not know members.
An authority that never showed a head is not judged. One whose head is missing or older than settings allow is stale:
nobody new is admitted on its word, and after `cut_after_days` (if set) nobody at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from warren.errors import Code
from warren.model.ids import Identity, short_identity
from warren.trust.authenticate import Authentic
from warren.trust.authority import Authorities
from warren.trust.documents import Head, Kind, Membership, Right, Settings
from warren.trust.floors import Order, reason_against
from warren.trust.ledger import Ledger, order_of
from warren.trust.view import VerifiedHead

DAY_S = 86_400
DATED_ANEW = "its signer dated this head anew since"


@dataclass(frozen=True, slots=True)
class Freshness:
    """The heads in force; `stale` authorities admit nobody new, `cut` ones nobody; `next_change` in Unix seconds."""

    heads: Mapping[Identity, VerifiedHead]
    stale: frozenset[Identity]
    cut: frozenset[Identity]
    next_change: int | None


def judge_heads(
    documents: Sequence[Authentic],
    memberships: Iterable[Authentic],
    authorities: Authorities,
    settings: Settings,
    *,
    now: int,
    latest: int,
    ledger: Ledger,
) -> Freshness:
    """The newest head of each authority, and who is stale at `now` (Unix seconds). `latest`: as `verify` has it."""
    own: defaultdict[Identity, list[Authentic]] = defaultdict(list)
    redated: defaultdict[Identity, list[Authentic]] = defaultdict(list)
    for document in documents:
        body = document.body
        if isinstance(body, Head) and body.authority == document.signer:
            own[document.signer].append(document)
        elif isinstance(body, Head):
            redated[Identity(body.authority)].append(document)
    marks = _first_floors(memberships, authorities, ledger)
    heads: dict[Identity, VerifiedHead] = {}
    for authority in sorted(own):
        chosen = _own_head(authority, own[authority], marks, authorities, ledger)
        if chosen is not None and isinstance(chosen.body, Head):
            again = _redated(chosen, redated.pop(authority, []), authorities, now=now, latest=latest, ledger=ledger)
            heads[authority] = VerifiedHead(chosen.body, max(chosen.body.date, again))
    for orphans in redated.values():
        for document in orphans:
            ledger.refuse(document, Code.NOT_FOUND, "the head that it dates anew is not here")
    return _freshness(heads, authorities, settings, now, ledger)


def _own_head(
    authority: Identity,
    documents: Sequence[Authentic],
    marks: Mapping[Identity, Order],
    authorities: Authorities,
    ledger: Ledger,
) -> Authentic | None:
    if not authorities.roots.was_root(authority) and authority not in authorities.grants:
        for document in documents:
            ledger.refuse(document, Code.FORBIDDEN, "its signer is no authority")
        return None
    chosen = ledger.newest(documents)
    if chosen is None:
        return None
    if authority in marks and order_of(chosen) < marks[authority]:
        ledger.refuse(chosen, Code.OUT_OF_ORDER, "a membership names a newer head")
        ledger.note("head-withheld", f"a newer head of {short_identity(authority)} exists and was not shown")
        return None
    ledger.accept(chosen)
    return chosen


def _first_floors(memberships: Iterable[Authentic], authorities: Authorities, ledger: Ledger) -> dict[Identity, Order]:
    """What memberships say of their signer's own head, for authorities of which no head was seen before."""
    marks: dict[Identity, Order] = {}
    for document in memberships:
        body = document.body
        if not isinstance(body, Membership) or not body.heads:
            continue
        if authorities.grants_for(document, Right.ADMIT, now=None) is None:
            continue
        for mark in body.heads:
            authority, order = Identity(mark.authority), (mark.epoch, mark.counter)
            speaks = document.signer == authority or authorities.roots.is_root(document)
            trusted = speaks and reason_against(order, None) is None
            if trusted and ledger.floors.order(Kind.HEAD, authority) is None:
                marks[authority] = max(order, marks.get(authority, order))
    return marks


def _redated(
    own: Authentic,
    redated: Iterable[Authentic],
    authorities: Authorities,
    *,
    now: int,
    latest: int,
    ledger: Ledger,
) -> int:
    """The newest date that attesters put on this head; 0 where none did. Of each the newest date is kept, and of those
    after `latest` none where there is another: that one would hide for ever that news is withheld."""
    body = own.body
    newest: dict[bytes, tuple[bool, int, bytes]] = {}
    good: dict[bytes, Authentic] = {}
    for document in sorted(redated, key=lambda entry: entry.digest):
        again = document.body
        same = isinstance(again, Head) and isinstance(body, Head) and again.digest == body.digest
        if authorities.grants_for(document, Right.ATTEST, now) is None:
            ledger.refuse(document, Code.FORBIDDEN, "its signer may not attest heads")
        elif not same or order_of(document) != order_of(own):
            ledger.refuse(document, Code.OUT_OF_ORDER, "it dates another head than the newest")
        elif isinstance(again, Head):
            rank = again.date <= latest, again.date, document.digest
            newest[document.signer] = max(rank, newest.get(document.signer, rank))
            good[document.digest] = document
    for _, _, digest in newest.values():
        ledger.keep(good.pop(digest))
    for document in good.values():
        is_ahead = isinstance(document.body, Head) and document.body.date > latest
        reason = "its date is far ahead of this machine's clock" if is_ahead else DATED_ANEW
        ledger.refuse(document, Code.OUT_OF_ORDER, reason)
    return max(newest.values(), default=(False, 0, b""))[1]


def _freshness(
    heads: Mapping[Identity, VerifiedHead], authorities: Authorities, settings: Settings, now: int, ledger: Ledger
) -> Freshness:
    stale: set[Identity] = set()
    cut: set[Identity] = set()
    changes: list[int] = []
    for authority in (authorities.root, *sorted(authorities.grants)):
        head = heads.get(authority)
        if head is None:
            if ledger.floors.order(Kind.HEAD, authority) is not None:
                stale.add(authority)
                ledger.note("head-missing", f"the head of {short_identity(authority)} was seen before and is not here")
            continue
        ends = [head.date + settings.stale_after_days * DAY_S]
        if now > ends[0]:
            stale.add(authority)
            ledger.note("heads-stale", f"no news of {short_identity(authority)} since {head.date} (Unix time)")
        if settings.cut_after_days:
            ends.append(head.date + settings.cut_after_days * DAY_S)
            if now > ends[1]:
                cut.add(authority)
        changes += [end + 1 for end in ends if end >= now]
    return Freshness(heads, frozenset(stale), frozenset(cut), min(changes, default=None))
