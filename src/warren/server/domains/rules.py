"""Which mail domains can be proved, what the record says, and how long a proof lasts. Pure.

A proof belongs to one network and one account: each has a text of its own, and a record with another's proves nothing
for it (SECURITY.md rule 10). A domain that everybody has an address of is nobody's. A domain may change hands, so its
record is looked for again and again; one that is not there any more ends the proof after DOMAIN_PROOF_KEPT_S.
"""

import base64

from warren.errors import Code, WarrenError
from warren.limits import DOMAIN_PROOF_KEPT_S
from warren.model.names import printable
from warren.server.providers.settings import is_mail_domain
from warren.server.providers.shared_mail import SHARED_MAIL

TOKEN_BYTES = 20
_LABEL = "_warren"


def parse_domain(text: str) -> str:
    """The mail domain in lower case. Raises WarrenError INVALID_ARGUMENT."""
    domain = text.strip().lower().removesuffix(".")
    if not is_mail_domain(domain) or len(domain) > 253 - len(_LABEL) - 1:
        raise WarrenError(Code.INVALID_ARGUMENT, f"{printable(text[:80])!r} is no mail domain", "such as corp.example")
    if domain in SHARED_MAIL:
        raise WarrenError(Code.INVALID_ARGUMENT, f"{domain} is a shared mail provider's, nobody's company")
    return domain


def record_name(domain: str) -> str:
    """Where the TXT record stands."""
    return f"{_LABEL}.{domain}"


def new_token(random: bytes) -> str:
    """A token of so many random bytes (TOKEN_BYTES)."""
    return base64.b32encode(random).decode().lower()


def proof_of(token: str) -> str:
    """The text that the record has to hold."""
    return f"warren-domain={token}"


def is_kept(seen_at: int | None, now: int) -> bool:
    """Whether a proof that was seen then (Unix seconds) still counts."""
    return seen_at is not None and seen_at > now - DOMAIN_PROOF_KEPT_S
