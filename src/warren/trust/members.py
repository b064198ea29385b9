"""Who is a member: which membership of each identity is in force.

Decides, in this order: may the signer admit (delegation, its limits), was the identity removed (epoch), is it behind
the floor, which of several is the newest, may it replace the one of another signer, has it run out, is the signer's
head fresh enough, is there room within the delegation's count. Must not know names' clashes (`naming`) nor records.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType

from warren import limits
from warren.errors import Code
from warren.model.ids import Identity
from warren.trust.authenticate import Authentic
from warren.trust.authority import Authorities, Grant
from warren.trust.documents import FIRST_EPOCH, PLAIN_ROLE, AdmissionLimits, Kind, Membership, Right
from warren.trust.floors import Floors
from warren.trust.heads import Freshness
from warren.trust.ledger import Ledger, order_of

RUN_OUT = "the membership has run out"


@dataclass(frozen=True, slots=True)
class Admitted:
    """A membership in force and the delegations that it rests on (none: the root's own)."""

    document: Authentic
    membership: Membership
    grant: Grant | None

    def seniority(self) -> tuple[int, bytes]:
        """Sorts members by who was there first; the same on every node."""
        return (self.membership.joined or self.membership.date, self.membership.identity)


def admit(
    memberships: Iterable[Authentic],
    authorities: Authorities,
    removed: Mapping[Identity, int],
    freshness: Freshness,
    *,
    now: int,
    sure_date: int,
    ledger: Ledger,
) -> dict[Identity, Admitted]:
    """The members at `now` (Unix seconds), in the order of seniority; all other memberships are refused.

    `sure_date`: the newest that was signed and is no lie. Only by that is one forgotten that ran out: a clock that is
    ahead would otherwise throw away what nobody sends again when it is right.
    """
    candidates: defaultdict[Identity, list[Admitted]] = defaultdict(list)
    for document in memberships:
        candidate = _authorised(document, authorities, removed, now, ledger)
        if candidate is not None:
            candidates[Identity(candidate.membership.identity)].append(candidate)
    chosen = []
    for identity in sorted(candidates):
        newest = _newest(candidates[identity], now, ledger)
        if newest is None:
            continue
        if _is_in_force(newest, authorities.root, freshness, ledger, now=now, sure_date=sure_date):
            chosen.append(newest)
    return _within_counts(sorted(chosen, key=Admitted.seniority), authorities, ledger)


def admitted_in_time(held: Iterable[Authentic]) -> Floors:
    """The floors of whoever holds these: a membership that is held counted when it came, so an invite's end does not
    take it away, and whose it is may leave by its own word."""
    members = [one for one in held if one.kind == Kind.MEMBERSHIP]
    return Floors(MappingProxyType({(one.kind.value, one.subject): order_of(one) for one in members}))


def _authorised(
    document: Authentic, authorities: Authorities, removed: Mapping[Identity, int], now: int, ledger: Ledger
) -> Admitted | None:
    body = document.body
    if not isinstance(body, Membership):
        return None
    at = None if _was_in_time(document, ledger) else now
    grants = authorities.grants_for(document, Right.ADMIT, at)
    if grants is None:
        ledger.refuse(document, Code.FORBIDDEN, "its signer may not admit members, or not any more")
        return None
    reason = _reason_against(document, body, authorities, removed, at)
    if reason is not None:
        ledger.refuse(document, *reason)
        return None
    if not grants:
        return Admitted(document, body, None)
    reasons = [_reason_outside(grant, body) for grant in grants]
    for grant, outside in zip(grants, reasons, strict=True):
        if outside is None:
            return Admitted(document, body, grant)
    ledger.refuse(document, Code.FORBIDDEN, f"outside the limits of the delegation: {reasons[0]}")
    return None


def _was_in_time(document: Authentic, ledger: Ledger) -> bool:
    """Whether this membership counted here before: an invite or a key that ends admits nobody from then on, and throws
    out nobody whom it admitted in time. The date on the document is its signer's own word; whoever sees it for the
    first time after the end refuses it."""
    return ledger.floors.order(Kind.MEMBERSHIP, document.subject) == order_of(document)


def _reason_against(
    document: Authentic, body: Membership, authorities: Authorities, removed: Mapping[Identity, int], now: int | None
) -> tuple[Code, str] | None:
    """Why its signer may not admit this identity again; None if it may, or if it was never removed."""
    ended = removed.get(Identity(body.identity))
    if ended is not None and body.epoch <= ended:
        return Code.REMOVED, f"the membership ended with epoch {ended}"
    if body.epoch > FIRST_EPOCH:
        grants = authorities.grants_for(document, Right.READMIT, now)
        if grants is None:
            return Code.FORBIDDEN, "only the root or an admin's key admits again after a removal"
        of_their_own = [grant for grant in grants if any(link.key == body.identity for link in grant.chain())]
        if document.signer == body.identity or (grants and len(of_their_own) == len(grants)):
            return Code.FORBIDDEN, "nobody admits themselves again after a removal, nor by a key of theirs"
    return None


def _reason_outside(grant: Grant, membership: Membership) -> str | None:
    for link in grant.chain():
        reason = reason_outside(link.delegation.limits, membership)
        if reason is not None:
            return reason
        if link.delegation.limits.count is not None and (
            membership.user or membership.groups or membership.role != PLAIN_ROLE or membership.invite
        ):
            return "an invite says nothing of whose a machine is, its groups, its role or another invite"
    return None


def reason_outside(admission: AdmissionLimits, membership: Membership) -> str | None:
    """Why this membership is not within these limits (tags, hostname, IPv4 pool); None if it is."""
    if admission.tags is not None and not set(membership.tags) <= set(admission.tags):
        return "a tag that it may not give"
    if admission.hostname and not matches(admission.hostname, membership.hostname):
        return "a hostname that it may not give"
    if admission.ipv4 and membership.ipv4 and IPv4Address(membership.ipv4) not in IPv4Network(admission.ipv4):
        return "an IPv4 address that it may not give"
    return None


def matches(pattern: str, label: str) -> bool:
    """Whether the label is what the pattern describes; `*` stands for any run of characters, also none.

    Greedy from the left with one place to go back to, so at most len(pattern) * len(label) steps.
    """
    at, start, star, resume = 0, 0, -1, 0
    while start < len(label):
        if at < len(pattern) and pattern[at] == "*":
            star, resume, at = at, start, at + 1
        elif at < len(pattern) and pattern[at] == label[start]:
            at, start = at + 1, start + 1
        elif star >= 0:
            resume += 1
            at, start = star + 1, resume
        else:
            return False
    return all(char == "*" for char in pattern[at:])


def _newest(candidates: Sequence[Admitted], now: int, ledger: Ledger) -> Admitted | None:
    """The one in force of one identity's memberships.

    A key without the right to remove may not push out what another signer gave (it would be a removal by another
    name) unless that has run out.
    """
    if len(candidates) > 1 and len({candidate.document.signer for candidate in candidates}) > 1:
        strong = [candidate for candidate in candidates if _may_replace(candidate)]
        best = max(strong, key=lambda candidate: order_of(candidate.document), default=None)
        if best is not None and not _has_run_out(best.membership, now):
            for weak in (candidate for candidate in candidates if not _may_replace(candidate)):
                ledger.refuse(weak.document, Code.FORBIDDEN, "its signer may not replace the membership of another")
            candidates = strong
    chosen = ledger.newest([candidate.document for candidate in candidates])
    return next((candidate for candidate in candidates if candidate.document is chosen), None)


def _may_replace(candidate: Admitted) -> bool:
    return candidate.grant is None or Right.REMOVE in candidate.grant.delegation.rights


def _has_run_out(membership: Membership, now: int) -> bool:
    return membership.expires is not None and now >= membership.expires


def _is_in_force(
    candidate: Admitted, root: Identity, freshness: Freshness, ledger: Ledger, *, now: int, sure_date: int
) -> bool:
    document = candidate.document
    signer = root if candidate.grant is None else document.signer  # what a former root signed, the one in force answers
    if _has_run_out(candidate.membership, now):
        # its floor stays: an older one without an end must not come back in its place
        ledger.raise_floor(document.kind, document.subject, order_of(document))
        if sure_date < (candidate.membership.expires or 0) + limits.EXPIRED_KEPT_S:
            ledger.keep(document)
        ledger.refuse(document, Code.EXPIRED, RUN_OUT)
        return False
    is_known = ledger.floors.order(Kind.MEMBERSHIP, document.subject) is not None
    if signer in freshness.cut or (signer in freshness.stale and not is_known):
        ledger.keep(document)  # it may count when the news arrives, but must not become 'known' by waiting
        ledger.refuse(document, Code.EXPIRED, "the news of its signer is too old to admit on")
        return False
    return True


def _within_counts(chosen: Sequence[Admitted], authorities: Authorities, ledger: Ledger) -> dict[Identity, Admitted]:
    """Of those a delegation admitted, the first `count`; a limit binds all that was signed beneath it. For whom another
    key signed since has its place all the same. Who counted here before goes first: how long somebody has been there is
    the signer's own word."""
    used: Counter[bytes] = Counter()
    for candidate in chosen:
        for grant in authorities.grants.get(Identity(candidate.membership.invite), ()):
            used.update(link.document.subject for link in _limited(grant))
    members: dict[Identity, Admitted] = {}
    for candidate in sorted(chosen, key=lambda one: not _was_in_time(one.document, ledger)):
        limited = _limited(candidate.grant) if candidate.grant is not None else []
        if any(used[link.document.subject] >= (link.delegation.limits.count or 0) for link in limited):
            ledger.keep(candidate.document)
            ledger.refuse(candidate.document, Code.FORBIDDEN, "its delegation admits no more members")
            continue
        used.update(link.document.subject for link in limited)
        ledger.accept(candidate.document)
        members[Identity(candidate.membership.identity)] = candidate
    return dict(sorted(members.items(), key=lambda one: one[1].seniority()))


def _limited(grant: Grant) -> list[Grant]:
    return [link for link in grant.chain() if link.delegation.limits.count is not None]
