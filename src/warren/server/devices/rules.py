"""Which name and address a new member gets, and until when it is one. Pure.

Decides from the request, the key and what is taken. Must not know a database. IPv4 addresses are places ('offsets') in
the network's prefix; the allocator goes on from where it was instead of filling gaps at once, so that an address that
was freed a minute ago does not reach the wrong machine through somebody's cache.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Protocol, TypeVar

from warren.errors import Code, WarrenError
from warren.limits import EPHEMERAL_LIFETIME_S, MACHINE_LIFE_S
from warren.model.ids import SHORT_HEX_DIGITS, Identity, short_identity, show_identity
from warren.model.names import HostLabel, parse_host_label, printable
from warren.trust.documents import Membership
from warren.trust.ephemeral import is_ephemeral


class Named(Protocol):
    """What finding a member needs of it."""

    @property
    def hostname(self) -> str | None: ...  # noqa: D102 - the field of a member's row
    @property
    def identity(self) -> Identity: ...  # noqa: D102 - the field of a member's row


MemberT = TypeVar("MemberT", bound=Named)

FIRST_OFFSET = 2  # .0 names the network, .1 is kept for services of the network itself
LAST_RESERVED = 1  # the broadcast address, which some systems refuse to reach


def wanted_hostname(asked: str, identity: Identity) -> HostLabel:
    """The name to give: what was asked for, or one that nobody else has. Raises WarrenError INVALID_HOSTNAME."""
    return parse_host_label(asked) if asked else HostLabel(f"node-{short_identity(identity)}")


def invited_hostname(wanted: str, pattern: str) -> str:
    """What an invite calls its machine: the name that it says; where it says a pattern or nothing, the wanted one."""
    return wanted if not pattern or "*" in pattern else pattern


def hostname_taken(hostname: str) -> WarrenError:
    """The refusal for a name that another member has."""
    return WarrenError(
        Code.HOSTNAME_TAKEN,
        f"another machine is called {hostname!r} in this network",
        "choose one with --hostname NAME",
    )


def granted_tags(asked: Sequence[str], of_key: Sequence[str]) -> tuple[str, ...]:
    """The tags to write into the membership: the key's, all of them. Raises WarrenError FORBIDDEN for any other."""
    foreign = sorted(set(asked) - set(of_key))
    if foreign:
        raise WarrenError(
            Code.FORBIDDEN,
            f"this key does not give the tag {foreign[0]!r}",
            "ask for a key that was made with --tag",
        )
    return tuple(sorted(set(of_key)))


def first_end(*, ephemeral: bool, user: str, tags: Sequence[str], life_s: int, now: int) -> int | None:
    """When a new membership ends, Unix seconds. `life_s` of the settings: of people's and tagged machines, 0: never."""
    if ephemeral:
        return now + EPHEMERAL_LIFETIME_S
    return now + life_s if life_s and (user or tags) else None


def own_renewal(body: Membership, *, life_s: int, now: int) -> int | None:
    """The later end that a membership is given by itself while its machine is here, once half of its time is over;
    None where it is not due, or where a person has to renew it."""
    if body.expires is None or not (body.tags or is_ephemeral(body)):
        return None
    life = EPHEMERAL_LIFETIME_S if is_ephemeral(body) else life_s or MACHINE_LIFE_S
    return now + life if body.expires - now <= life / 2 else None


def next_offset(prefix: IPv4Network, start: int, taken: Sequence[int]) -> int:
    """The first free place at or after `start`, going round once. `taken` is ascending.

    Raises WarrenError ADDRESSES_EXHAUSTED.
    """
    last = prefix.num_addresses - 1 - LAST_RESERVED
    occupied = set(taken)
    if not is_usable(prefix, start):
        start = FIRST_OFFSET
    candidate: int
    for candidate in (*range(start, last + 1), *range(FIRST_OFFSET, start)):
        if candidate not in occupied:
            return candidate
    raise WarrenError(Code.ADDRESSES_EXHAUSTED, f"every address of {prefix} is in use", "remove members that are gone")


def address_at(prefix: IPv4Network, offset: int) -> IPv4Address:
    """The address at a place of the prefix."""
    return prefix.network_address + offset


def is_usable(prefix: IPv4Network, offset: int) -> bool:
    """Whether a machine may have this place."""
    return FIRST_OFFSET <= offset <= prefix.num_addresses - 1 - LAST_RESERVED


def pick_member(members: Sequence[MemberT], name: str) -> MemberT:
    """The one member of this hostname, or whose identity begins so in hex. Raises WarrenError NOT_FOUND or CONFLICT."""
    lowered = name.lower()
    for member in members:
        if member.hostname == lowered:
            return member
    found = [
        member
        for member in members
        if len(lowered) >= SHORT_HEX_DIGITS and show_identity(member.identity).startswith(lowered)
    ]
    if len(found) > 1:
        raise WarrenError(Code.CONFLICT, "several members' identities begin so", "give more of its digits")
    if not found:
        raise WarrenError(
            Code.NOT_FOUND, f"there is no member {printable(name[:80])!r}", "warren member list shows who there is"
        )
    return found[0]
