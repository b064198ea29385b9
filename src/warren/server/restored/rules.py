"""Whether nodes know more of a network than this server does, and what follows from what they tell. Pure.

Decides by signatures only. A head that one of the network's authorities signed and that is missing here shows that this
server once knew more: it stores a head with every change before any node hears of it. So does a membership. Of the
documents that nodes tell counts what `verify` makes of all of them together with those held, so a node can bring back
what an authority signed and nothing else; a membership that was ended stays so if anybody knows of its end. Must not
know the database or sessions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from types import MappingProxyType

from warren.model.ids import Identity, NetworkId
from warren.policy.language import is_readable
from warren.server.networks.founding import SHARED_KINDS
from warren.server.networks.live import Change, LiveNetwork
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import INTEGER_MAX, Genesis, Head, Kind, Membership, Removal
from warren.trust.floors import FloorKey, Floors, Order
from warren.trust.ledger import order_of
from warren.trust.members import admitted_in_time
from warren.trust.verify import verify
from warren.trust.view import View


@dataclass(frozen=True, slots=True)
class Returned:
    """A member that the copy did not know; `offset` is its address's place in the network's prefix."""

    identity: Identity
    membership: Membership
    offset: int


@dataclass(frozen=True, slots=True)
class Learned:
    """What nodes told and this server did not know. `counter`: the greatest one among it that this server follows."""

    changes: tuple[Change, ...]
    returned: tuple[Returned, ...]
    removed: tuple[Identity, ...]
    counter: int


def shows_more(network: LiveNetwork, identity: Identity, membership: bytes, heads: Iterable[bytes]) -> bool:
    """Whether a node shows what this server must have known once: a head that is missing here, or a membership of its
    own that an authority signed and nobody ended. What an invite's key signs shows nothing: whoever was given the
    invite has it, and could come in by this door without using it up."""
    authorities = {head.authority for head in network.heads()}
    for raw in heads:
        document = authenticate(network.id, raw)
        if isinstance(document, Authentic) and isinstance(document.body, Head):
            body = document.body
            if network.is_invites(document.signer):
                continue
            if document.signer not in authorities and network.grant_of(document.signer) is None:
                continue
            if document.subject == document.signer and network.is_lost(body.authority, (body.epoch, body.counter)):
                return True
    if not membership or network.state.is_member(identity) or network.is_removed(identity):
        return False
    document = authenticate(network.id, membership)
    return (
        isinstance(document, Authentic)
        and document.kind == Kind.MEMBERSHIP
        and document.subject == identity
        and document.signer in authorities
        and not network.is_invites(document.signer)
    )


def is_an_invites_word(network: LiveNetwork, raw: bytes) -> bool:
    """Whether the key of an invite signed this document."""
    document = authenticate(network.id, raw)
    return isinstance(document, Authentic) and network.is_invites(document.signer)


def learn(
    network: NetworkId, held: Iterable[bytes], told: Iterable[bytes], now: int, furthest: int = INTEGER_MAX
) -> View:
    """What both together make true. `held` has the genesis; `now`: Unix seconds; `furthest`: what is told beyond this
    number is left out where this server signs about the same subject and would have to go beyond it too."""
    held = frozenset(held)
    found = (authenticate(network, raw) for raw in {*held, *told})
    documents = [
        one
        for one in found
        if isinstance(one, Authentic) and (one.raw in held or one.kind not in SHARED_KINDS or _counter(one) <= furthest)
    ]
    floors = admitted_in_time(one for one in documents if one.raw in held)
    view = verify(network, documents, floors=floors, now=now, readable=is_readable)
    if not any(_is_own_end(one) for one in documents):
        return view
    # Who leaves by its own word is believed by those alone who saw it as a member, as whoever held both was.
    members = {Identity(one.subject): order_of(one) for one in view.documents if one.kind == Kind.MEMBERSHIP}
    seen: dict[FloorKey, Order] = {
        (Kind.MEMBERSHIP.value, who): order for who, order in members.items() if who in view.members
    }
    return verify(
        network, documents, floors=Floors(MappingProxyType({**floors.orders, **seen})), now=now, readable=is_readable
    )


def own_ends(network: NetworkId, told: Iterable[bytes], of: Identity | None = None) -> frozenset[bytes]:
    """Of these documents those by which a machine, or the machine `of`, left by its own word."""
    mark = Kind.REMOVAL.value.encode() if of is None else of
    found = ((raw, authenticate(network, raw)) for raw in told if raw.find(mark) >= 0)
    return frozenset(
        raw
        for raw, one in found
        if isinstance(one, Authentic) and _is_own_end(one) and of in {None, Identity(one.signer)}
    )


def compare(network: LiveNetwork, in_force: Iterable[Authentic], furthest: int = INTEGER_MAX) -> Learned:
    """What of these documents is news for this server. A number beyond `furthest` is its signer's own: nobody follows
    it."""
    news = [
        one for one in in_force if one.kind != Kind.GENESIS and network.state.document(one.kind, one.subject) != one.raw
    ]
    ended = {Identity(one.body.subject) for one in news if _ends_membership(one)}  # type: ignore[union-attr]
    removed = tuple(sorted(one for one in ended if network.state.is_member(one)))
    changes: list[Change] = [(one.kind.value, one.subject, one.raw) for one in news]
    for identity in removed:
        changes += [(Kind.MEMBERSHIP.value, identity, None), (Kind.RECORD.value, identity, None)]
    returned = [
        Returned(Identity(one.subject), one.body, _offset(network, one.body))
        for one in news
        if isinstance(one.body, Membership) and not network.state.is_member(Identity(one.subject))
    ]
    counter = max((number for number in map(_counter, news) if number <= furthest), default=0)
    return Learned(tuple(changes), tuple(returned), removed, counter)


def without(learned: Learned, left_out: Iterable[Identity]) -> Learned:
    """The same but for members whose name or address another has by now."""
    out = set(left_out)
    about = {Kind.MEMBERSHIP.value, Kind.RECORD.value}
    return Learned(
        tuple(change for change in learned.changes if not (change[0] in about and change[1] in out)),
        tuple(one for one in learned.returned if one.identity not in out),
        learned.removed,
        learned.counter,
    )


def _counter(document: Authentic) -> int:
    return 0 if isinstance(document.body, Genesis) else document.body.counter


def _ends_membership(document: Authentic) -> bool:
    return document.kind == Kind.REMOVAL and getattr(document.body, "of", "") == "membership"


def _is_own_end(document: Authentic) -> bool:
    body = document.body
    return isinstance(body, Removal) and (body.of, body.subject) == ("membership", document.signer)


def _offset(network: LiveNetwork, body: Membership) -> int:
    return int(IPv4Address(body.ipv4)) - int(network.prefix4.network_address) if body.ipv4 else 0
