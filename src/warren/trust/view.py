"""What a node believes after `verify`: values only.

Decides nothing. A `View` is made only by `verify`; whatever opens access (a peer in the engine, its gate, a name) is
derived from one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from warren.model.ids import Identity, NetworkId
from warren.trust.authenticate import Authentic, Refusal
from warren.trust.documents import (
    ADMIN_ROLE,
    PLAIN_ROLE,
    Delegation,
    Head,
    Membership,
    NodeRecord,
    Policy,
    Recovery,
    RootChange,
    Settings,
)
from warren.trust.floors import Floors


@dataclass(frozen=True, slots=True)
class VerifiedMember:
    """A member of the network now.

    `hostname` is what it is called here: as given, or with a suffix where an earlier member has that name or none was
    given. `ipv4` is None if none was given, an earlier member has it, or it is outside the network's prefix. `record`
    is None until one verifies; the WireGuard keys in it belong to this identity alone. `signer` admitted it.
    `is_admin`: a delegation makes its key a human admin's.
    """

    identity: Identity
    membership: Membership
    record: NodeRecord | None
    hostname: str
    ipv4: IPv4Address | None
    ipv6: IPv6Address
    signer: Identity
    is_admin: bool = False

    @property
    def role(self) -> str:
        """Its role for policy: what the membership says, but admin only while its key is one's; who resigns cannot say
        its own membership again."""
        return self.membership.role if self.is_admin or self.membership.role != ADMIN_ROLE else PLAIN_ROLE


@dataclass(frozen=True, slots=True)
class VerifiedHead:
    """How far an authority is: its newest head, and the newest date that it or an attester put on it."""

    head: Head
    date: int


@dataclass(frozen=True, slots=True)
class HealthNote:
    """Something a person should look at; the code is stable, the text a sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change of the root that has no effect yet: who voted for it, and how many votes it takes."""

    change: RootChange
    votes: tuple[Identity, ...]
    quorum: int


@dataclass(frozen=True, slots=True)
class View:
    """One network as verified. What is absent is not so: no member, no policy, no right.

    `policy` None: deny all. `removed`: identities whose membership was ended, with the epoch. `delegations`: the live
    ones by delegate. `documents`: those worth keeping on disk, by digest; giving them back with `floors` gives the same
    facts. `floors`: to be on disk before anything here is used. `effective_now`: Unix seconds, what counted as now.
    `newest_date`: of what those wrote who are trusted with dates; `root_date`: of what the root did. The next `verify`
    gets what `trust.clock` makes of both (never the last `effective_now`: a clock that was wrong once would count for
    ever). `next_change`: when time alone changes the answer (None: never). `root` is the one in force, after
    `generation` changes; `roots`: it and the former ones; `recovery`: who may change it where it is lost, and
    `proposals` what they voted for so far; `voters`: those of them whose vote counts, members or not, with
    the epoch to vote under.
    """

    network: NetworkId
    root: Identity
    settings: Settings | None
    policy: Policy | None
    policy_digest: bytes | None
    members: Mapping[Identity, VerifiedMember]
    removed: Mapping[Identity, int]
    delegations: Mapping[Identity, tuple[Delegation, ...]]
    heads: Mapping[Identity, VerifiedHead]
    documents: tuple[Authentic, ...]
    refused: tuple[Refusal, ...]
    health: tuple[HealthNote, ...]
    floors: Floors
    effective_now: int
    newest_date: int
    next_change: int | None
    roots: frozenset[Identity] = frozenset()
    generation: int = 0
    recovery: Recovery | None = None
    proposals: tuple[Proposal, ...] = ()
    voters: Mapping[Identity, int] = field(default_factory=dict)
    root_date: int = 0
