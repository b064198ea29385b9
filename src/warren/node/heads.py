"""Comparing heads with peers: how a node learns that its server shows it another world, or an old one. Pure.

Every node tells its peers, sealed, the heads that it holds (trust/heads.py), as the authorities signed them; so what a
peer shows is either an authority's own word or nothing. Two heads of one authority with one order are a contradiction:
the server shows different machines different networks. A newer head than ours that does not come from the server within
HEAD_NEWS_S is news that it withholds. Neither is taken in: a head without what it covers would only make old news look
fresh. Must not know sessions or signals. The server carries the signals too, so one that drops all of them is not found
out here; machines that learn nothing of each other see that as signals that never come.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from warren.limits import HEAD_MAX_BYTES, HEAD_NEWS_S, HEADS_TOLD_MAX, HEADS_WATCHED_MAX, TROUBLE_SHOWN_S
from warren.model.ids import Identity, short_identity
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import Head, Kind
from warren.trust.view import VerifiedHead, View

Order = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A head that a peer showed: its place in the order, who showed it, and when (seconds)."""

    order: Order
    by: str
    at: float


def own_heads(view: View) -> tuple[bytes, ...]:
    """The heads to tell peers and the server: as signed, at most HEADS_TOLD_MAX. The root's first, then the newest: a
    server that was brought back from a copy knows least of what was signed last."""
    heads = [one for one in view.documents if _is_own_head(one) and len(one.raw) <= HEAD_MAX_BYTES]
    heads.sort(key=lambda one: (one.signer != view.root, -getattr(one.body, "date", 0), one.signer))
    return tuple(one.raw for one in heads[:HEADS_TOLD_MAX])


class HeadWatch:
    """What peers showed and the server did not. One network's."""

    def __init__(self) -> None:
        self._newer: dict[Identity, _Shown] = {}
        self._other: dict[Identity, _Shown] = {}

    def compare(self, view: View, peer: str, heads: Iterable[bytes], now: float) -> None:
        """Take what a peer told; what no authority of ours signed is nothing. `now`: seconds, ascending."""
        held = {one.raw for one in view.documents}
        for raw in heads:
            document = authenticate(view.network, raw) if raw not in held else None
            if isinstance(document, Authentic) and _is_own_head(document) and document.signer in view.heads:
                self._note(document.signer, _Shown(_order_of(document), peer, now), _order(view.heads, document.signer))

    def trouble(self, view: View, now: float) -> Iterator[tuple[str, str]]:
        """(code, sentence) of what is wrong; forgets what the server has shown meanwhile."""
        for authority, shown in list(self._other.items()):
            if now - shown.at > TROUBLE_SHOWN_S:
                del self._other[authority]
            else:
                yield "two-views", _contradiction(authority, shown)
        for authority, shown in list(self._newer.items()):
            if _order(view.heads, authority) >= shown.order:
                del self._newer[authority]
            elif now - shown.at > HEAD_NEWS_S:
                yield "news-withheld", _withheld(authority, shown)

    def _note(self, authority: Identity, shown: _Shown, ours: Order) -> None:
        if shown.order < ours:
            return
        kept = self._other if shown.order == ours else self._newer
        if authority in kept or len(kept) < HEADS_WATCHED_MAX:
            kept.setdefault(authority, shown)  # the first one's time counts: a liar that goes on lying gains no time


def _is_own_head(document: Authentic) -> bool:
    return document.kind == Kind.HEAD and document.subject == document.signer


def _order_of(document: Authentic) -> Order:
    body = document.body
    return (body.epoch, body.counter) if isinstance(body, Head) else (0, 0)


def _order(heads: Mapping[Identity, VerifiedHead], authority: Identity) -> Order:
    held = heads.get(authority)
    return (held.head.epoch, held.head.counter) if held is not None else (-1, 0)


def _contradiction(authority: Identity, shown: _Shown) -> str:
    return (
        f"{shown.by} was shown another state of {short_identity(authority)} with the same number: "
        "the server shows different machines different networks"
    )


def _withheld(authority: Identity, shown: _Shown) -> str:
    return f"{shown.by} has newer news of {short_identity(authority)} than the server shows this node"
