"""What the root of a network signs: at its beginning, and when its settings change. Makes documents, stores nothing.

Decides the content of genesis, settings, the delegation to the registrar, the first policy ('members reach each other')
and the root's head. Must not know the database or files; the root key and random bytes are arguments.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair
from warren.policy.language import DEFAULT_TEXT
from warren.server.networks.store import DocumentRow
from warren.trust.documents import AdmissionLimits as Limits
from warren.trust.documents import Delegation, Head, Kind, Policy, ServerPlace, Settings, subject_of
from warren.trust.signing import REGISTRAR_RIGHTS, make_genesis, sign

ROOT_KINDS = frozenset({Kind.SETTINGS, Kind.DELEGATION, Kind.POLICY})
"""What counts into the root's head."""

REGISTRAR_KINDS = frozenset({Kind.MEMBERSHIP, Kind.REMOVAL})
"""What counts into the registrar's head."""


@dataclass(frozen=True, slots=True)
class Founded:
    """A new network: its genesis, and the documents that its root signed with it."""

    network: NetworkId
    genesis: bytes
    settings: Settings
    documents: tuple[DocumentRow, ...]


def found(
    root: SigningKeyPair,
    *,
    random: bytes,
    name: str,
    prefix4: IPv4Network,
    prefix6: IPv6Network,
    server: ServerPlace,
    registrar: Identity,
    now: int,
) -> Founded:
    """Make a network. `random`: 16 fresh bytes; `now`: Unix seconds."""
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
    signed = (
        signed_row(Kind.SETTINGS, network, settings, root),
        signed_row(Kind.DELEGATION, network, delegation, root),
        signed_row(Kind.POLICY, network, Policy(counter=1, date=now, text=DEFAULT_TEXT), root),
    )
    head = root_head(root, network, signed, counter=1, now=now)
    return Founded(network, genesis, settings, (*signed, head))


def root_head(
    root: SigningKeyPair, network: NetworkId, in_force: Iterable[DocumentRow], *, counter: int, now: int
) -> DocumentRow:
    """The head of the root over what it has in force."""
    body = Head(counter=counter, date=now, authority=root.public, digest=digest_of(in_force))
    return signed_row(Kind.HEAD, network, body, root)


def signed_row(
    kind: Kind, network: NetworkId, body: Settings | Delegation | Policy | Head, key: SigningKeyPair
) -> DocumentRow:
    """A document as the database holds it."""
    return DocumentRow(kind.value, subject_of(body, key.public), sign(kind, network, body, key))


def digest_of(in_force: Iterable[DocumentRow]) -> bytes:
    """SHA-256 over the digests of an authority's documents, in the order of (kind, subject)."""
    return digest_of_digests({(row.kind, row.subject): hashlib.sha256(row.raw).digest() for row in in_force})


def digest_of_digests(digests: dict[tuple[str, bytes], bytes]) -> bytes:
    """The same from digests by (kind, subject) that are at hand."""
    return hashlib.sha256(b"".join(digest for _key, digest in sorted(digests.items()))).digest()


def suffix_of(name: str) -> str:
    """The DNS suffix of a network: `.internal` is the domain that will never be delegated."""
    return f"{name}.warren.internal"
