"""Which mail domains can be proved, what the record says, and how long a proof lasts. Pure.

A proof belongs to one network and one account: each has a text of its own, and a record with another's proves nothing
for it (SECURITY.md rule 10). A domain that everybody has an address of is nobody's. A domain may change hands, so its
record is looked for again and again. A proof that was not seen for DOMAIN_PROOF_KEPT_S lets nobody in; it is over, and
the domain free, only after DOMAIN_LOOKS_MISSED_MAX looks in vain, a day apart: a server that was off, a restored copy,
a clock that leaps and a DNS that does not answer say nothing of a record.
"""

import base64

from warren.errors import Code, WarrenError
from warren.limits import DOMAIN_LOOK_EVERY_S, DOMAIN_LOOKS_MISSED_MAX, DOMAIN_PROOF_KEPT_S
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


def is_in_force(seen_at: int | None, missed: int, now: int) -> bool:
    """Whether a proof that was seen then (Unix seconds), and missed so often since, lets people in. One that was seen
    well after `now`, by a clock that was wrong, has to be seen again."""
    return seen_at is not None and not is_lapsed(missed) and _is_fresh(seen_at, now)


def is_lapsed(missed: int) -> bool:
    """Whether a proof was looked for in vain so often that it is over."""
    return missed >= DOMAIN_LOOKS_MISSED_MAX


def is_due(seen_at: int | None, missed: int, missed_at: int | None, now: int) -> bool:
    """Whether a proof is to be looked for; what was never seen is not. After a look in vain the next ones are early, so
    that a record that is back counts at once; one that lapsed is looked for as rarely as one that is there."""
    if seen_at is None:
        return False
    return _is_another_day(missed_at if missed_at is not None and is_lapsed(missed) else seen_at, now)


def missed_after(seen_at: int | None, missed: int, missed_at: int | None, now: int) -> int:
    """How many looks were in vain, after one at `now`: at most one a day counts, and the last one not while the proof
    is fresh, however the clock leapt between the others."""
    if is_lapsed(missed) or not _is_another_day(missed_at, now):
        return missed
    if missed + 1 == DOMAIN_LOOKS_MISSED_MAX and seen_at is not None and _is_fresh(seen_at, now):
        return missed
    return missed + 1


def _is_fresh(seen_at: int, now: int) -> bool:
    return -DOMAIN_LOOK_EVERY_S < now - seen_at < DOMAIN_PROOF_KEPT_S


def _is_another_day(before: int | None, now: int) -> bool:
    """Either way: a clock that was set back makes what it wrote before no reason to wait."""
    return before is None or abs(now - before) >= DOMAIN_LOOK_EVERY_S
