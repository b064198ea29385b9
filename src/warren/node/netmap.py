"""Documents and presence in, the network map out: the one value from which everything on this node follows.

Decides who is a peer, by which name and addresses, and whether its gate opens (with the reason). Must not know the
engine, the host or the session. A peer stands in the map only by documents that `trust.verify` accepted, and only with
a node record of its own (else there is no key to reach it by); presence is the server's word and opens nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from warren.errors import Code, WarrenError
from warren.model.ids import Identity, NetworkId, UserId, show_identity
from warren.model.names import HostLabel, is_host_label
from warren.model.transport import AES_OFFER, Transport
from warren.policy.language import Policy as AccessPolicy
from warren.policy.language import parse as parse_policy
from warren.policy.verdict import Opening, Party, Verdict, allows, openings
from warren.trust.founding import suffix_of
from warren.trust.members import RUN_OUT
from warren.trust.view import VerifiedMember, View


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether the server has a session with a member, when it last had one (Unix seconds), and the member's home relay
    (0: not told)."""

    online: bool
    last_seen: float | None
    relay: int = 0


@dataclass(frozen=True, slots=True)
class Peer:
    """Another member. `wireguard_keys`: the one in use, then the next one. `last_seen` in Unix seconds. `home_relay` is
    the number of the relay where it can be reached, 0: not told. `offers_aes`: its record says that it is fast at it.
    """

    identity: Identity
    name: HostLabel
    fqdn: str
    addresses: tuple[IPv4Address | IPv6Address, ...]
    wireguard_keys: tuple[bytes, ...]
    path_key: bytes
    allowed: bool
    allowed_reason: str
    online: bool
    last_seen: float | None
    user: str
    tags: tuple[str, ...]
    home_relay: int = 0
    inward: tuple[Opening, ...] = ()
    """What policy lets the peer open to this node."""
    outward: tuple[Opening, ...] = ()
    """What policy lets this node open to the peer."""
    offers_aes: bool = False


@dataclass(frozen=True, slots=True)
class SelfNode:
    """This node in this network."""

    identity: Identity
    name: HostLabel
    fqdn: str
    addresses: tuple[IPv4Address | IPv6Address, ...]


@dataclass(frozen=True, slots=True)
class Here:
    """What this machine alone chose for a network. `alias`: what it is called here, in names too, where another one
    has its name; without `ipv4` it is here by IPv6 alone, where its IPv4 prefix is something else already."""

    alias: str = ""
    ipv4: bool = True


@dataclass(frozen=True, slots=True)
class NetworkMap:
    """One network as this node sees it; `prefixes` are the network's own (a blackhole route each), `transport` is what
    this node does at most. `narrow`: peers to which no packet of full size passes right now. `is_current`: the server
    said so in this life of the daemon, or gave no word in time; before, nobody is let in by what was verified long ago.
    """

    network: NetworkId
    name: str
    suffix: str
    me: SelfNode
    prefixes: tuple[IPv4Network | IPv6Network, ...]
    peers: tuple[Peer, ...]
    transport: Transport = Transport.WIREGUARD
    narrow: frozenset[Identity] = frozenset()
    is_current: bool = True


def membership_refusal(view: View, me: Identity) -> WarrenError | None:
    """Why this node has no part in the network: removed, run out, or not (or no longer) a member; None where it has."""
    if me in view.removed:
        return WarrenError(
            Code.REMOVED, "this node was removed from the network", "`warren leave`, and ask an admin for a new key"
        )
    if me not in view.members:
        if any(one.subject == me and (one.code, one.text) == (Code.EXPIRED, RUN_OUT) for one in view.refused):
            return WarrenError(Code.EXPIRED, "this machine's key has expired", "warren up --renew")
        return WarrenError(Code.NOT_A_MEMBER, "no valid membership of this node is known", "join anew with a key")
    return None


def build(
    view: View,
    presence: Mapping[Identity, Presence],
    me: Identity,
    transport: Transport = Transport.WIREGUARD,
    here: Here | None = None,
) -> NetworkMap | None:
    """The map of this moment; None where this node is no member or the network has no settings (nothing is in force).

    Peers come in the order of their identities, so that equal documents make equal maps.
    """
    settings = view.settings
    if settings is None or membership_refusal(view, me) is not None:
        return None
    here = here or Here()
    place = _Place(here.alias or settings.name, suffix_of(here.alias) if here.alias else settings.suffix, here.ipv4)
    policy = parse_policy(view.policy.text) if view.policy is not None else None
    own = view.members[me]
    peers = (
        _peer(member, record_keys, place, _Ruled(policy, own, member), presence.get(identity))
        for identity, member in sorted(view.members.items())
        if identity != me and (record_keys := _keys(member)) is not None
    )
    return NetworkMap(
        network=view.network,
        name=place.name,
        suffix=place.suffix,
        me=SelfNode(me, _name(own), place.fqdn(_name(own)), place.addresses(own)),
        prefixes=place.prefixes(ip_network(settings.prefix4), ip_network(settings.prefix6)),
        peers=tuple(peers),
        transport=transport,
    )


def _keys(member: VerifiedMember) -> tuple[tuple[bytes, ...], bytes] | None:
    record = member.record
    if record is None:
        return None
    following = (record.next_wireguard,) if record.next_wireguard else ()
    return (record.wireguard, *following), record.path


def _peer(
    member: VerifiedMember,
    keys: tuple[tuple[bytes, ...], bytes],
    place: "_Place",
    ruled: "_Ruled",
    presence: Presence | None,
) -> Peer:
    name = _name(member)
    verdict = ruled.mutual()
    return Peer(
        identity=member.identity,
        name=name,
        fqdn=place.fqdn(name),
        addresses=place.addresses(member),
        wireguard_keys=keys[0],
        path_key=keys[1],
        allowed=verdict.allowed,
        allowed_reason=verdict.reason,
        online=presence.online if presence is not None else False,
        last_seen=presence.last_seen if presence is not None else None,
        user=member.membership.user,
        tags=member.membership.tags,
        home_relay=presence.relay if presence is not None else 0,
        inward=openings(ruled.policy, ruled.party, ruled.own),
        outward=openings(ruled.policy, ruled.own, ruled.party),
        offers_aes=member.record is not None and AES_OFFER in member.record.capabilities,
    )


class _Ruled:
    """What policy says of this node and a peer."""

    def __init__(self, policy: AccessPolicy | None, own: VerifiedMember, peer: VerifiedMember) -> None:
        self.policy = policy
        self.own, self.party = party_of(own), party_of(peer)

    def mutual(self) -> Verdict:
        """A gate lets packets through both ways, so it opens where policy lets either side begin; the packet filter
        behind it knows directions. The reason says which."""
        outwards = allows(self.policy, self.own, self.party)
        return outwards if outwards.allowed else allows(self.policy, self.party, self.own)


def party_of(member: VerifiedMember) -> Party:
    """A verified member as policy sees it."""
    membership = member.membership
    return Party(
        member.identity,
        UserId(membership.user),
        groups=membership.groups,
        role=member.role,
        tags=membership.tags,
        host=_name(member),
    )


def _name(member: VerifiedMember) -> HostLabel:
    """What it is called; a member without a name gets one from its identity, so that it can be pinged."""
    if is_host_label(member.hostname):
        return HostLabel(member.hostname)
    return HostLabel(f"n-{show_identity(member.identity)[:10]}")


@dataclass(frozen=True, slots=True)
class _Place:
    """How names and addresses of a network are on this machine."""

    name: str
    suffix: str
    ipv4: bool

    def fqdn(self, name: HostLabel) -> str:
        return f"{name}.{self.suffix}"

    def addresses(self, member: VerifiedMember) -> tuple[IPv4Address | IPv6Address, ...]:
        return (member.ipv4, member.ipv6) if self.ipv4 and member.ipv4 is not None else (member.ipv6,)

    def prefixes(self, *all_of_it: IPv4Network | IPv6Network) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(prefix for prefix in all_of_it if self.ipv4 or prefix.version == 6)
