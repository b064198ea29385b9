"""`/api/v1/networks/{network}/domains`: mail domains whose people come into a network by signing on.

GET shows them, PATCH says whether an admin approves each person. `.../domains/{domain}`: DELETE gives it up.
`/api/v1/networks/{network}/domain-proof`: PUT begins the proof that the caller has a domain, and asked again looks for
it in the DNS.
"""

from typing import Annotated

import msgspec
from msgspec import Meta


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """`is_in_force`: its people come into the network: a provider vouched for it (`vouched`), or it is proved. `record`
    is to hold the text `proof` in a TXT record until then and from then on; both empty where the caller asked for no
    proof. `seen_at`: when it was seen there last, Unix seconds. `issuers`: the providers whose word of a verified mail
    address counts by the proof; none: nobody comes by the proof, but whom a provider vouches for."""

    domain: str
    is_in_force: bool
    vouched: bool = False
    record: str = ""
    proof: str = ""
    seen_at: float | None = None
    issuers: tuple[str, ...] = ()


class Domains(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to GET and PATCH. `approve`: whoever comes by one of them waits until an admin lets them in."""

    approve: bool
    domains: tuple[Domain, ...]


class DomainsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To change how people come."""

    approve: bool


class DomainProof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """To prove a domain. `provider`: the id or issuer of the one whose word of a verified mail address is to count;
    empty: it stays, at first the one that the caller signs on by."""

    domain: Annotated[str, Meta(min_length=1, max_length=300)]
    provider: Annotated[str, Meta(max_length=300)] = ""
