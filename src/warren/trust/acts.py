"""The acts of owners and admins, each as what it puts into a `Draft`: lock, unlock, approve, kick, promote and so on.

Decides which documents an act takes. The order of lock states is that of the registrar's epochs: each lock and each
unlock raises it by one and covers everything before it, so that a node which was away through several takes the newest
and nothing of an older one counts. Must not know files, sessions or how an act was asked for.
"""

from ipaddress import IPv4Address, IPv4Network

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import EPHEMERAL_LOCKED_LIFETIME_S
from warren.model.ids import Identity
from warren.trust.batches import Draft, again
from warren.trust.documents import (
    ADMIN_ROLE,
    FIRST_EPOCH,
    PLAIN_ROLE,
    AdmissionLimits,
    Delegation,
    Kind,
    Membership,
    Policy,
    Right,
    Settings,
)
from warren.trust.ephemeral import ends_of_locked, is_ephemeral
from warren.trust.founding import suffix_of
from warren.trust.office import ADMIN_RIGHTS, admins, is_locked, registrars, sleeping_registrars
from warren.trust.signing import REGISTRAR_RIGHTS
from warren.trust.view import View

_STANDING = frozenset({Kind.MEMBERSHIP, Kind.REMOVAL, Kind.DELEGATION, Kind.POLICY, Kind.SETTINGS})
FIRST_HOST = 2  # .0 names the network, .1 is kept for services of the network itself


def lock(draft: Draft, *, without: tuple[Identity, ...] = (), office: Identity | None = None) -> None:
    """Take admission from every registrar. `without`: members to end in the same breath; `office`: the owner's own
    machine, which becomes an admin's, so that the root is not needed day by day."""
    only_root(draft)
    found = registrars(draft.view)
    if not found:
        raise WarrenError(Code.CONFLICT, "this network is locked already", "`warren network unlock` undoes it")
    for key, delegation in found.items():
        draft.end_delegation(key, delegation.epoch)
        if not any(Right.ATTEST in one.rights for one in draft.view.delegations[key]):
            continue  # an admin alone let it admit: unlocking would make a server's key of it
        attest = Delegation(counter=0, date=0, epoch=delegation.epoch + 1, delegate=key, rights=(Right.ATTEST.value,))
        draft.put(Kind.DELEGATION, attest)
    for identity, member in draft.view.members.items():
        if member.membership.expires is not None and identity not in without:
            draft.admit(again(ends_of_locked(member.membership, draft.now)))
    for identity in without:
        kick(draft, identity)
    if office is not None and office in draft.view.members and office not in admins(draft.view):
        promote(draft, office)


def unlock(draft: Draft) -> None:
    """Give admission back to the registrars that lock put to sleep."""
    only_root(draft)
    found = sleeping_registrars(draft.view)
    if not is_locked(draft.view) or not found:
        raise WarrenError(Code.CONFLICT, "this network is not locked")
    for key, delegation in found.items():
        given = Delegation(
            counter=0,
            date=0,
            epoch=delegation.epoch + 1,
            delegate=key,
            rights=tuple(right.value for right in REGISTRAR_RIGHTS),
            limits=AdmissionLimits(ipv4=_settings(draft.view).prefix4),
        )
        draft.put(Kind.DELEGATION, given)


def approve(
    draft: Draft,
    identity: Identity,
    *,
    hostname: str,
    ipv4: str = "",
    user: str = "",
    groups: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    ephemeral: bool = False,
) -> None:
    """Admit a machine that waits, or one that was removed. `ipv4`: the address it was offered; another one where that
    is taken or none was."""
    if identity in draft.view.members:
        raise WarrenError(Code.CONFLICT, "this machine is a member already")
    ended = draft.view.removed.get(identity)
    body = Membership(
        counter=0,
        date=0,
        epoch=FIRST_EPOCH if ended is None else ended + 1,
        identity=identity,
        user=user,
        groups=groups,
        tags=tags,
        hostname=hostname,
        ipv4=free_address(draft.view, ipv4),
        joined=draft.now,
        ephemeral=ephemeral,
        expires=draft.now + EPHEMERAL_LOCKED_LIFETIME_S if ephemeral else None,
    )
    draft.admit(body)


def kick(draft: Draft, identity: Identity) -> None:
    """End a membership, and with it what the identity may sign: all of it by the root, else what the pen can end."""
    if identity not in draft.view.members and identity not in draft.view.removed:
        raise WarrenError(Code.NOT_FOUND, "there is no such member", "warren member list shows who there is")
    draft.remove(identity)
    if is_roots_to_end(draft.view, identity):
        draft.end_delegation(identity, _newest_epoch(draft.view, identity), is_all=False)


def promote(draft: Draft, identity: Identity) -> None:
    """Make a member an admin: its key may admit, remove, set policy and delegate from then on."""
    member = draft.view.members.get(identity)
    if member is None:
        raise WarrenError(Code.NOT_FOUND, "there is no such member", "warren member list shows who there is")
    ended = draft.ended_epoch(identity)
    given = Delegation(
        counter=0,
        date=0,
        epoch=FIRST_EPOCH if ended is None else ended + 1,
        delegate=identity,
        rights=tuple(right.value for right in ADMIN_RIGHTS),
    )
    draft.put(Kind.DELEGATION, given)
    before = member.membership
    body = msgspec.structs.replace(
        again(before),
        epoch=before.epoch + is_ephemeral(before),  # its farewell lies with the server, and ends what it was
        role=ADMIN_ROLE,
        expires=None,
        ephemeral=False,
        invite=b"",
    )
    draft.admit(body)  # no server renews it


def demote(draft: Draft, identity: Identity) -> None:
    """Make an admin a plain member; whom it admitted stays. WarrenError FORBIDDEN where it would stay an admin."""
    member = draft.view.members.get(identity)
    if member is None or not is_roots_to_end(draft.view, identity):
        raise WarrenError(Code.NOT_FOUND, "this member is no admin", "warren member list shows who is")
    draft.end_delegation(identity, _newest_epoch(draft.view, identity))
    if identity == draft.pen.key.public:
        _check_nothing_stands_on(draft.view, identity)
        return  # its own membership it can say no more
    draft.admit(msgspec.structs.replace(again(member.membership), role=PLAIN_ROLE))


def _check_nothing_stands_on(view: View, key: Identity) -> None:
    """Who resigns can sign nothing again that it signed: WarrenError FORBIDDEN where somebody else has to."""
    standing = {one.kind for one in view.documents if one.signer == key and one.kind in _STANDING}
    if standing:
        raise WarrenError(
            Code.FORBIDDEN,
            f"what this machine signed would end with its office ({', '.join(sorted(standing))}): members, invites or "
            "rules that others rely on",
            "another admin or the owner signs that again: there, warren member demote NAME",
        )


def is_roots_to_end(view: View, key: Identity) -> bool:
    """Whether a key may sign something or vote for another root: an admin ends only what comes from its own word, the
    root all of it."""
    return key in view.delegations or key in view.voters


def is_roots_word(view: View, key: Identity) -> bool:
    """Whether the root had better say what becomes of a key: it may sign or vote, or was named to vote."""
    return is_roots_to_end(view, key) or (view.recovery is not None and key in view.recovery.keys)


def rename(draft: Draft, name: str) -> None:
    """Give the network another name, and with it another DNS suffix."""
    draft.put(Kind.SETTINGS, msgspec.structs.replace(_settings(draft.view), name=name, suffix=suffix_of(name)))


def set_policy(draft: Draft, text: bytes) -> None:
    """Put another access policy in force."""
    draft.put(Kind.POLICY, Policy(counter=0, date=0, text=text, replaces=draft.view.policy_digest or b""))


def invite(
    draft: Draft, key: Identity, *, hostname: str, ipv4: str, tags: tuple[str, ...], count: int, not_after: int
) -> str:
    """Let an invite's key admit so many machines by itself, within a hostname pattern, tags and, for a single one, an
    address, which is returned."""
    address = free_address(draft.view, ipv4) if count == 1 else ""
    bounds = AdmissionLimits(
        tags=tags, hostname=hostname, ipv4=f"{address}/32" if address else _settings(draft.view).prefix4, count=count
    )
    given = Delegation(counter=0, date=0, delegate=key, rights=(Right.ADMIT.value,), not_after=not_after, limits=bounds)
    draft.put(Kind.DELEGATION, given)
    return address


def orphans(view: View) -> tuple[Identity, ...]:
    """Members whom a key admitted that may not any more, since its time is over: an invite's, mostly."""
    return tuple(
        one for one, member in view.members.items() if member.signer not in {*view.roots, view.root, *view.delegations}
    )


def adopt(draft: Draft) -> tuple[Identity, ...]:
    """Sign for those, so that machines which join later know them too; whom."""
    found = orphans(draft.view)
    for identity in found:
        draft.admit(again(draft.view.members[identity].membership))
    return found


def end_invite(draft: Draft, key: Identity) -> None:
    """End an invite's key; whom it admitted is signed for instead and stays."""
    found = draft.view.delegations.get(key)
    if not found:
        raise WarrenError(Code.NOT_FOUND, "there is no such invite")
    draft.end_delegation(key, max(one.epoch for one in found))


def revoke_invite(draft: Draft, key: Identity) -> None:
    """End an invite's key and whom it admitted (FAULTS.md F27), also those for whom another key signed since, and where
    the invite itself is over."""
    found = draft.view.delegations.get(key)
    came = [one for one, member in draft.view.members.items() if key in {member.signer, member.membership.invite}]
    if not found and not came:
        text = "there is no such invite, or it is over and nobody is here by it"
        raise WarrenError(Code.NOT_FOUND, text, "nothing is left to do, if the id is right")
    for identity in came:
        draft.remove(identity)
    if found:
        draft.end_delegation(key, max(one.epoch for one in found))


def free_address(view: View, wanted: str = "") -> str:
    """An IPv4 address that nobody has: the wanted one if it can be. WarrenError ADDRESSES_EXHAUSTED."""
    prefix = IPv4Network(_settings(view).prefix4)
    taken = {member.membership.ipv4 for member in view.members.values()}
    taken.update(
        one.limits.ipv4.removesuffix("/32")
        for many in view.delegations.values()
        for one in many
        if one.limits.ipv4.endswith("/32")
    )
    if wanted and wanted not in taken and IPv4Address(wanted) in prefix:
        return wanted
    for offset in range(FIRST_HOST, prefix.num_addresses - 1):
        address = str(prefix.network_address + offset)
        if address not in taken:
            return address
    raise WarrenError(Code.ADDRESSES_EXHAUSTED, f"every address of {prefix} is in use", "remove members that are gone")


def _newest_epoch(view: View, key: Identity) -> int:
    """Of all that a key was ever given, as far as it is here: votes count under delegations that others had ended."""
    given = [one.body for one in view.documents if isinstance(one.body, Delegation) and one.body.delegate == key]
    return max(one.epoch for one in given)


def _settings(view: View) -> Settings:
    if view.settings is None:
        raise WarrenError(Code.NETWORK_UNKNOWN, "the network's settings are not known here yet")
    return view.settings


def only_root(draft: Draft) -> None:
    """WarrenError FORBIDDEN unless the root signs."""
    if not draft.is_root:
        raise WarrenError(
            Code.FORBIDDEN,
            "this takes the network's root key, which is not on this machine",
            "on the owner's device, or: warren network take-over, warren network root import",
        )
