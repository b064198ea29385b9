"""The first documents of a network: what its root signs at the beginning. Makes bytes, keeps nothing.

Decides the content of genesis, settings, the delegation to a server's registrar, the first policy and the root's first
head. The same wherever the root lives, on an owner's device or on a server. Must not know files or databases; the root
key, the policy's text and random bytes are arguments.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair
from warren.trust.documents import AdmissionLimits as Limits
from warren.trust.documents import Body, Delegation, Head, Kind, Policy, ServerPlace, Settings, subject_of
from warren.trust.signing import REGISTRAR_RIGHTS, make_genesis, sign


@dataclass(frozen=True, slots=True)
class Signed:
    """A document with what it speaks about."""

    kind: Kind
    subject: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Founded:
    """A new network: its genesis, and the documents that its root signed with it."""

    network: NetworkId
    genesis: bytes
    settings: Settings
    documents: tuple[Signed, ...]


def found(
    root: SigningKeyPair,
    *,
    random: bytes,
    name: str,
    prefix4: IPv4Network,
    prefix6: IPv6Network,
    server: ServerPlace,
    registrar: Identity,
    policy: bytes,
    now: int,
) -> Founded:
    """Make a network. `random`: 16 fresh bytes; `policy`: the first one's text; `now`: Unix seconds."""
    network, genesis = make_genesis(root, random)
    settings = Settings(
        version=1,
        counter=1,
        date=now,
        name=name,
        prefix4=str(prefix4),
        prefix6=str(prefix6),
        suffix=suffix_of(name),
        servers=(server,),
    )
    delegation = Delegation(
        counter=1,
        date=now,
        delegate=registrar,
        rights=tuple(right.value for right in REGISTRAR_RIGHTS),
        limits=Limits(ipv4=str(prefix4)),
    )
    first = (
        signed(Kind.SETTINGS, network, settings, root),
        signed(Kind.DELEGATION, network, delegation, root),
        signed(Kind.POLICY, network, Policy(counter=1, date=now, text=policy), root),
    )
    digest = digest_of({(one.kind.value, one.subject): hashlib.sha256(one.raw).digest() for one in first})
    head = Head(counter=1, date=now, authority=root.public, digest=digest)
    return Founded(network, genesis, settings, (*first, signed(Kind.HEAD, network, head, root)))


def signed(kind: Kind, network: NetworkId, body: Body, key: SigningKeyPair) -> Signed:
    """The document, signed, with its subject."""
    return Signed(kind, subject_of(body, key.public), sign(kind, network, body, key))


def digest_of(digests: dict[tuple[str, bytes], bytes]) -> bytes:
    """What a head says of an authority's documents: SHA-256 over their digests in the order of (kind, subject)."""
    ordered: Iterable[tuple[tuple[str, bytes], bytes]] = sorted(digests.items())
    return hashlib.sha256(b"".join(digest for _key, digest in ordered)).digest()


def suffix_of(name: str) -> str:
    """The DNS suffix of a network: `.internal` is the domain that will never be delegated."""
    return f"{name}.warren.internal"
