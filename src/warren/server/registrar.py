"""The registrar: the one key of this server to which networks delegated admission, behind a few verbs.

Decides what it signs at all: plain members at their first epoch, the removal of members, its own head. Must not know
the database, sessions or why somebody is admitted. The interface is narrow and asynchronous so that the key can live in
a process of its own: whoever takes over the web part gets these verbs and never the key, no role, no group, no undoing
of a removal (DESIGN.md, Trust; `trust.signing.REGISTRAR_RIGHTS`).
"""

from ipaddress import IPv4Address, IPv4Network
from typing import Protocol

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import GROUPS_MAX
from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair
from warren.trust.documents import FIRST_EPOCH, Head, Kind, Membership, Removal
from warren.trust.signing import sign


class Registrar(Protocol):
    """Who signs admissions. Every verb raises WarrenError FORBIDDEN for what the registrar does not sign."""

    @property
    def public(self) -> Identity:
        """The key that networks delegate to."""
        ...

    async def admit(self, network: NetworkId, body: Membership, pool: IPv4Network) -> bytes:
        """The signed membership; its address must lie within `pool`."""
        ...

    async def remove(self, network: NetworkId, body: Removal) -> bytes:
        """The signed removal of a member."""
        ...

    async def attest(self, network: NetworkId, body: Head) -> bytes:
        """The signed head of the registrar itself."""
        ...

    async def redate(self, network: NetworkId, head: Head, now: int, under: int) -> bytes:
        """Another authority's head with a later date: its owner sleeps, and there is no newer one. `under`: the epoch
        of the registrar's own delegation, by which it may say so."""
        ...


class LocalRegistrar:
    """The registrar with its key in this process."""

    def __init__(self, key: SigningKeyPair) -> None:
        self._key = key

    @property
    def public(self) -> Identity:
        """The key that networks delegate to."""
        return self._key.public

    async def admit(self, network: NetworkId, body: Membership, pool: IPv4Network) -> bytes:
        """See Registrar."""
        if body.epoch != FIRST_EPOCH:
            raise _refused("it never undoes a removal")
        if body.role != "member" or len(body.groups) > GROUPS_MAX:  # groups are what a person's provider says
            raise _refused("it admits plain members only")
        if not body.hostname or IPv4Address(body.ipv4) not in pool:
            raise _refused("a member has a hostname and an address of the network")
        return sign(Kind.MEMBERSHIP, network, body, self._key)

    async def remove(self, network: NetworkId, body: Removal) -> bytes:
        """See Registrar."""
        if body.of != "membership":
            raise _refused("it removes members only")
        return sign(Kind.REMOVAL, network, body, self._key)

    async def attest(self, network: NetworkId, body: Head) -> bytes:
        """See Registrar."""
        if body.authority != self._key.public:
            raise _refused("it dates its own head only")
        return sign(Kind.HEAD, network, body, self._key)

    async def redate(self, network: NetworkId, head: Head, now: int, under: int) -> bytes:
        """See Registrar."""
        if head.authority == self._key.public:
            raise _refused("its own head it signs anew")
        return sign(Kind.HEAD, network, msgspec.structs.replace(head, date=max(now, head.date), under=under), self._key)


def _refused(why: str) -> WarrenError:
    return WarrenError(Code.FORBIDDEN, f"the registrar does not sign this: {why}")
