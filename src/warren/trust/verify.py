"""From authentic documents to what a node believes: one pure function, with reasons.

Decides what counts, in this order: root (genesis and its changes), delegations, removals, time, settings, policy,
heads, memberships, records, names. Must not know how documents came here or where floors are kept. The answer does not
depend on the order of the documents; giving a View's own `documents` and `floors` back gives the same facts. A removal
wins whatever a head says. Dates that members write do not move the time: one of them could make everybody else expire.
Those of who merely attests move it no further than the machine's clock bears out (`trust.clock` says why).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv6Network
from itertools import chain
from types import MappingProxyType

from warren import limits
from warren.errors import Code, WarrenError
from warren.model.addresses import member_ipv6
from warren.model.ids import Identity, NetworkId, short_identity
from warren.trust.authenticate import Authentic
from warren.trust.authority import Authorities, RemovalFact, removal_facts, removed_members, resolve
from warren.trust.documents import INTEGER_MAX, Delegation, Genesis, Kind, NodeRecord, Policy, Right, Settings
from warren.trust.electorate import Roots
from warren.trust.epochs import reached
from warren.trust.floors import Claim, Floors
from warren.trust.heads import Freshness, judge_heads
from warren.trust.ledger import Ledger, digest_order
from warren.trust.lineage import Lineage, trace
from warren.trust.members import Admitted, admit
from warren.trust.naming import Given, give_names
from warren.trust.office import is_admins
from warren.trust.records import choose_records, remembered
from warren.trust.view import VerifiedMember, View

_OF_THE_ROOTS = frozenset({Kind.GENESIS, Kind.ROOT_CHANGE, Kind.RECOVERY})  # judged by `trace`


def verify(
    network: NetworkId,
    documents: Iterable[Authentic],
    *,
    floors: Floors,
    now: int,
    latest: int | None = None,
    readable: Callable[[bytes], bool] = lambda _text: True,
) -> View:
    """What these documents make true.

    `documents`: with the genesis among them; all that the node holds, old and new. `floors`: of the last View, or from
    disk. `now`: Unix seconds, of a `SignedClock`. `latest`: up to when a date of who merely attests counts, where the
    root dated nothing later; None: CLOCK_ATTESTED_AHEAD_MAX_S after `now`. `readable`: whether a policy's text can be
    read by this version; an unreadable one does not replace the last good one. WarrenError NETWORK_UNKNOWN without this
    network's genesis, TOO_LARGE for more documents or delegations than `limits` allows.
    """
    documents = tuple(documents)
    ledger = Ledger(floors, reached((one for one in documents if one.network == network), floors))
    begun = _begin(network, documents, ledger)
    lineage, authorities, by_kind = begun.lineage, begun.authorities, begun.by_kind
    removed = removed_members(begun.removals, begun.facts, authorities, ledger)
    latest = now + limits.CLOCK_ATTESTED_AHEAD_MAX_S if latest is None else latest
    dates = _dates(now, latest, by_kind, authorities, ledger)
    now = max(now, dates.newest)
    settings = _settings(by_kind[Kind.SETTINGS], authorities, now, ledger)
    policy = _policy(by_kind[Kind.POLICY], authorities, now, readable, ledger)
    admitted: dict[Identity, Admitted] = {}
    freshness = Freshness({}, frozenset(), frozenset(), None)
    members: dict[Identity, VerifiedMember] = {}
    delegations = _live_delegations(authorities, now)
    if settings is None:
        ledger.note("no-settings", "the network's settings are not here, so nobody has an address")
    else:
        freshness = judge_heads(
            by_kind[Kind.HEAD],
            by_kind[Kind.MEMBERSHIP],
            authorities,
            settings,
            now=now,
            latest=dates.latest,
            ledger=ledger,
        )
        admitted = admit(
            by_kind[Kind.MEMBERSHIP],
            authorities,
            removed,
            freshness,
            now=now,
            sure_date=dates.sure,
            ledger=ledger,
        )
        members = _members(network, admitted, by_kind[Kind.RECORD], settings, ledger, delegations=delegations)
    return View(
        network=network,
        root=authorities.root,
        settings=settings,
        policy=policy.body if policy is not None and isinstance(policy.body, Policy) else None,
        policy_digest=policy.digest if policy is not None else None,
        members=MappingProxyType(members),
        removed=MappingProxyType({one: epoch for one, epoch in removed.items() if one not in members}),
        delegations=delegations,
        heads=MappingProxyType(dict(freshness.heads)),
        documents=tuple(sorted(ledger.kept.values(), key=digest_order)),
        refused=ledger.refused(),
        health=ledger.health(),
        floors=Floors(MappingProxyType(ledger.orders), floors.claims if settings is None else _claims(members, floors)),
        effective_now=now,
        newest_date=dates.newest,
        root_date=dates.root,
        next_change=_next_change(authorities, admitted, freshness, now),
        roots=lineage.roots.former | {authorities.root},
        generation=lineage.roots.generation,
        recovery=lineage.recovery,
        proposals=lineage.pending,
        voters=lineage.voters,
    )


def authorities_of(network: NetworkId, documents: Iterable[Authentic]) -> Authorities:
    """Who may sign what by these documents alone, as `verify` judges it; of their kinds it looks at the genesis,
    recoveries, changes of the root, delegations and removals. WarrenError as for `verify`."""
    documents = tuple(documents)
    ledger = Ledger(Floors(), reached((one for one in documents if one.network == network), Floors()))
    return _begin(network, documents, ledger).authorities


@dataclass(frozen=True, slots=True)
class _Begun:
    """Whose word counts: the part of `verify` that all else rests on. `by_kind`: without what is void."""

    lineage: Lineage
    authorities: Authorities
    removals: Sequence[Authentic]
    facts: Sequence[RemovalFact]
    by_kind: Mapping[Kind, Sequence[Authentic]]


def _begin(network: NetworkId, documents: Iterable[Authentic], ledger: Ledger) -> _Begun:
    by_kind = _sort_out(network, documents, ledger)
    first = _root(by_kind[Kind.GENESIS], ledger)
    shown_removals = ledger.in_order(by_kind[Kind.REMOVAL])
    lineage = trace(first, by_kind, shown_removals, ledger)
    by_kind = _without_void(by_kind, lineage.roots, ledger)
    removals = [one for one in shown_removals if not lineage.roots.is_void(one)]
    facts = removal_facts(removals, lineage.roots, ledger.floors)
    authorities = resolve(lineage.roots, by_kind[Kind.DELEGATION], facts, ledger)
    return _Begun(lineage, authorities, removals, facts, by_kind)


def _sort_out(network: NetworkId, documents: Iterable[Authentic], ledger: Ledger) -> Mapping[Kind, Sequence[Authentic]]:
    """The documents of this network by kind, each once, in an order that does not depend on how they came."""
    unique: dict[bytes, Authentic] = {}
    for document in documents:
        unique[document.digest] = document
        if len(unique) > limits.DOCUMENTS_MAX:
            raise WarrenError(Code.TOO_LARGE, f"more than {limits.DOCUMENTS_MAX} documents")
    by_kind: defaultdict[Kind, list[Authentic]] = defaultdict(list)
    for document in sorted(unique.values(), key=digest_order):
        if document.network == network:
            by_kind[document.kind].append(document)
        else:
            ledger.refuse(document, Code.NETWORK_UNKNOWN, "a document of another network")
    return by_kind


def _root(geneses: Sequence[Authentic], ledger: Ledger) -> Identity:
    """The root that the genesis names; that it is this network's the document's own check saw (its hash is the id)."""
    for document in geneses:
        if isinstance(document.body, Genesis):
            ledger.accept(document)
            return Identity(document.body.root)
    raise WarrenError(Code.NETWORK_UNKNOWN, "the genesis of the network is not among the documents")


def _without_void(
    by_kind: Mapping[Kind, Sequence[Authentic]], roots: Roots, ledger: Ledger
) -> Mapping[Kind, Sequence[Authentic]]:
    """The documents but for those of a former root that the change of the root does not name: they may not even push
    out what it does name."""
    left: defaultdict[Kind, list[Authentic]] = defaultdict(list)
    for kind, documents in by_kind.items():
        for document in documents:
            if kind in _OF_THE_ROOTS or not roots.is_void(document):
                left[kind].append(document)
            else:
                ledger.refuse(document, Code.FORBIDDEN, "a former root signed it, and the change does not name it")
    return left


@dataclass(frozen=True, slots=True)
class _Dates:
    """The newest date of the root, of whoever is trusted with dates, and that no lie can be (0 where there is none);
    `latest`: up to when attested ones count."""

    root: int
    newest: int
    sure: int
    latest: int


def _dates(
    now: int, latest: int, by_kind: Mapping[Kind, Sequence[Authentic]], authorities: Authorities, ledger: Ledger
) -> _Dates:
    """What is to be known of the time. Trusted with dates: the root, and up to `latest` keys that may attest; without a
    bound where the root dated something later, for then the clock that `latest` rests on witnesses nothing. One pass is
    enough: a later now can only silence signers.
    """
    root, attested = 0, dict[int, Identity]()
    for document in chain.from_iterable(by_kind.values()):
        body = document.body
        if isinstance(body, Genesis) or body.date <= root:
            continue
        grants = authorities.grants_for(document, Right.ATTEST, now)
        if grants:
            attested[body.date] = document.signer
        elif grants is not None:
            root = body.date
    bound = latest if root <= latest else INTEGER_MAX
    newest = max([root, *(date for date in attested if date <= bound)])
    ahead = max(attested, default=0)
    if ahead > bound:
        ledger.note(
            "date-ahead", f"{short_identity(attested[ahead])} dates what it signs {ahead} (Unix time), far ahead"
        )
    return _Dates(root, newest, max(root, min(newest, latest)), bound)


def _settings(documents: Sequence[Authentic], authorities: Authorities, now: int, ledger: Ledger) -> Settings | None:
    chosen = ledger.newest(_permitted(documents, Right.SETTINGS, authorities, now, ledger))
    if chosen is None or not isinstance(chosen.body, Settings):
        return None
    ledger.accept(chosen)
    return chosen.body


def _policy(
    documents: Sequence[Authentic],
    authorities: Authorities,
    now: int,
    readable: Callable[[bytes], bool],
    ledger: Ledger,
) -> Authentic | None:
    """The policy in force: the highest (epoch, counter), and of those with the same one the lowest digest.

    Who replaces a policy counts one up from it, so two that replace the same one meet here and every node picks the
    same. The digest alone must not decide: a floor knows orders only, and a policy could then come back that had lost.
    """
    readable_ones = []
    for document in ledger.in_order(_permitted(documents, Right.POLICY, authorities, now, ledger)):
        body = document.body
        if isinstance(body, Policy) and readable(body.text):
            readable_ones.append(document)
        else:
            ledger.refuse(document, Code.UNSUPPORTED, "this version cannot read the policy; the one before stays")
            ledger.note("policy-unreadable", "a policy was set that this version cannot read")
            ledger.keep(document)
    chosen = ledger.newest(readable_ones)
    if chosen is None:
        return None
    ledger.accept(chosen)
    if sum(_replaces(one) == _replaces(chosen) != b"" for one in readable_ones) > 1:
        ledger.note("policy-conflict", "two policies replace the same one; the other signer should look at it")
    return chosen


def _replaces(document: Authentic) -> bytes:
    return document.body.replaces if isinstance(document.body, Policy) else b""


def _permitted(
    documents: Iterable[Authentic], right: Right, authorities: Authorities, now: int, ledger: Ledger
) -> list[Authentic]:
    permitted = []
    for document in documents:
        if authorities.grants_for(document, right, now) is None:
            ledger.refuse(document, Code.FORBIDDEN, f"its signer has no right '{right}', or not any more")
        else:
            permitted.append(document)
    return permitted


def _members(
    network: NetworkId,
    admitted: Mapping[Identity, Admitted],
    records: Sequence[Authentic],
    settings: Settings,
    ledger: Ledger,
    *,
    delegations: Mapping[Identity, tuple[Delegation, ...]],
) -> dict[Identity, VerifiedMember]:
    held = {Identity(document.subject) for document in ledger.kept.values() if document.kind == Kind.MEMBERSHIP}
    chosen = choose_records(records, admitted, held, ledger)
    names = give_names(admitted, settings, ledger)
    prefix = IPv6Network(settings.prefix6)
    return {
        identity: replace(
            _member(network, one, chosen.get(identity), names[identity], prefix),
            is_admin=any(map(is_admins, delegations.get(identity, ()))),
        )
        for identity, one in admitted.items()
    }


def _member(
    network: NetworkId, admitted: Admitted, record: NodeRecord | None, given: Given, prefix: IPv6Network
) -> VerifiedMember:
    identity = Identity(admitted.membership.identity)
    return VerifiedMember(
        identity=identity,
        membership=admitted.membership,
        record=record,
        hostname=given.hostname,
        ipv4=given.ipv4,
        ipv6=member_ipv6(network, identity, prefix),
        signer=admitted.document.signer,
    )


def _claims(members: Mapping[Identity, VerifiedMember], floors: Floors) -> Mapping[Identity, Claim]:
    """What members hold by having been first; who is no member any more holds nothing."""
    claims = {}
    for identity, member in members.items():
        earlier = floors.claims.get(identity, Claim())
        owns_name = member.hostname == member.membership.hostname
        claims[identity] = Claim(
            wireguard=remembered(earlier.wireguard, member.record),
            hostname=member.hostname if owns_name else "",
            ipv4="" if member.ipv4 is None else str(member.ipv4),
        )
    return MappingProxyType(claims)


def _live_delegations(authorities: Authorities, now: int) -> Mapping[Identity, tuple[Delegation, ...]]:
    live = {
        key: tuple(grant.delegation for grant in grants if grant.is_live(now))
        for key, grants in authorities.grants.items()
    }
    return MappingProxyType({key: many for key, many in live.items() if many})


def _next_change(
    authorities: Authorities, admitted: Mapping[Identity, Admitted], freshness: Freshness, now: int
) -> int | None:
    """The first second at which the same documents give another answer."""
    changes = [one.membership.expires for one in admitted.values() if one.membership.expires is not None]
    changes += [
        ends + 1
        for grants in authorities.grants.values()
        for ends in (grant.ends() for grant in grants)
        if ends is not None
    ]
    changes += [] if freshness.next_change is None else [freshness.next_change]
    return min((change for change in changes if change > now), default=None)
