"""Who administers a network, and whether anybody may admit while its people sleep. Pure, from a `View`.

Decides what an admin's delegation says, which keys are registrars, and so whether the network is locked. A registrar is
known by what it may do, not by its name: it admits without a limit of number and may not undo a removal. A person's key
may (`readmit`); an invite's is limited in number. A server cannot change what it counts as, since none of the three can
be had without the root's or an admin's signature. Those that hold the network open are the root's own, which alone may
attest: whatever key an admin lets admit is that admin's word, and wakes no server.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from warren.model.ids import Identity
from warren.trust.documents import Delegation, Right
from warren.trust.view import View

ADMIN_RIGHTS = (Right.ADMIT, Right.READMIT, Right.REMOVE, Right.POLICY, Right.SETTINGS, Right.ROUTES, Right.DELEGATE)
"""What `member promote` gives. Not `attest`: dates are trusted, and one of a wrong clock would make others expire."""


def registrars(view: View) -> dict[Identity, Delegation]:
    """The keys that admit on their own, with the newest delegation of each."""
    return _chosen(view, is_registrar)


def sleeping_registrars(view: View) -> dict[Identity, Delegation]:
    """The keys that lock left nothing but `attest`: whom unlocking gives admission back."""
    return _chosen(view, lambda one: set(one.rights) == {Right.ATTEST})


def admins(view: View) -> dict[Identity, Delegation]:
    """The keys of human admins."""
    return _chosen(view, is_admins)


def is_locked(view: View) -> bool:
    """Whether no key but those of people, and what they gave, admits. False before the settings are known."""
    return view.settings is not None and not any(holds_open(one) for many in view.delegations.values() for one in many)


def is_registrar(delegation: Delegation) -> bool:
    """Whether this delegation lets a key admit any number on its own."""
    rights = set(delegation.rights)
    return Right.ADMIT in rights and Right.READMIT not in rights and not is_invite(delegation)


def holds_open(delegation: Delegation) -> bool:
    """Whether this delegation makes a key a registrar by the root's word, which alone gives `attest`."""
    return is_registrar(delegation) and Right.ATTEST in delegation.rights


def is_admins(delegation: Delegation) -> bool:
    """Whether this delegation makes a key a human admin's."""
    return {Right.ADMIT, Right.READMIT} <= set(delegation.rights)


def is_invite(delegation: Delegation) -> bool:
    """Whether this delegation is an invite's: it lets a few machines in, and its key's word proves nothing else."""
    return delegation.limits.count is not None


def is_invites_key(standing: Iterable[Delegation], over: Iterable[Delegation] = ()) -> bool:
    """Whether a key is an invite's by the delegations that nobody ended: it has nothing else. Else any admin could make
    another's key one, by a delegation that nobody asked for. Or was one by those that are `over`, where nothing else
    stands: nor does an admin who was put out make an invite into something else for good."""
    counted = [is_invite(one) for one in standing]
    return all(counted) if counted else any(map(is_invite, over))


def invites(view: View) -> frozenset[Identity]:
    """The keys of invites, live or over."""
    refused = {one.digest for one in view.refused}  # of what is kept: delegations that somebody ended
    standing: defaultdict[Identity, list[Delegation]] = defaultdict(list)
    over: defaultdict[Identity, list[Delegation]] = defaultdict(list)
    for document in view.documents:
        if isinstance(document.body, Delegation):
            given = over if document.digest in refused else standing
            given[Identity(document.body.delegate)].append(document.body)
    found = (key for key in {*standing, *over} if is_invites_key(standing[key], over[key]))
    return frozenset(found) - view.roots - {view.root}


def newest(delegations: Iterable[Delegation]) -> Delegation:
    """The one of the highest (epoch, counter)."""
    return max(delegations, key=lambda one: (one.epoch, one.counter))


def _chosen(view: View, wanted: Callable[[Delegation], bool]) -> dict[Identity, Delegation]:
    found = {}
    for key, many in sorted(view.delegations.items()):
        chosen = [one for one in many if wanted(one)]
        if chosen:
            found[key] = newest(chosen)
    return found
