"""What a provider's signed word has to say before it counts, and whom it names. Pure.

OpenID Connect Core 1.0, 3.1.3.7 (checks of an ID token) and 5.7 (an account is issuer and subject, never a mail
address: SECURITY.md rules 9 to 11). A mail domain is vouched for where the mail is verified and the provider was set up
for that domain, or names it in its hosted-domain claim, or an owner of a network proved it by DNS and named this
provider, which does not say itself that the person belongs elsewhere. Must not know HTTP, keys or accounts; signatures
were checked before.
"""

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.limits import GROUP_MAX_CHARS, GROUPS_MAX, PROVIDER_CLOCK_SKEW_S, PROVIDER_TOKEN_AGE_MAX_S
from warren.model.names import printable
from warren.server.providers.settings import Provider, is_mail_domain
from warren.server.providers.shared_mail import SHARED_MAIL

SUBJECT_MAX_CHARS = 255  # Core 2: ASCII, at most 255
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signatures only: no `none`, and nothing that is checked with a secret (a public key would do for one)."""

Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed on. `name` is a label to show; `domain` the mail domain that the provider vouches for, if any."""

    issuer: str
    subject: str
    name: str
    groups: tuple[str, ...]
    domain: str | None


def check_id_token(claims: Claims, provider: Provider, *, nonce: str, now: float) -> None:
    """Whether these claims are this provider's, for us, for this sign-on and of this moment (Unix seconds).

    Raises WarrenError FORBIDDEN.
    """
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != provider.issuer:
        raise refused("it names another issuer")
    if provider.client_id not in audiences:
        raise refused("it is meant for another program")
    if claims.get("azp", provider.client_id) != provider.client_id or (len(audiences) > 1 and "azp" not in claims):
        raise refused("it was given to another program")
    expires, issued, begins = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None or issued is None:
        raise refused("it has no dates")
    if expires <= now - PROVIDER_CLOCK_SKEW_S or issued <= now - PROVIDER_TOKEN_AGE_MAX_S:
        raise refused("it is too old; is this server's clock right?")
    if max(issued, begins or issued) > now + PROVIDER_CLOCK_SKEW_S:
        raise refused("it is of the future; is this server's clock right?")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "replace"), nonce.encode()):
        raise refused("it belongs to another sign-on")
    _subject(claims)


def person_of(claims: Claims, provider: Provider, proved: Collection[str] = ()) -> Person:
    """Whom checked claims name; `proved`: mail domains whose owners named this provider, which says where somebody
    belongs and opens this server to nobody. Raises WarrenError FORBIDDEN where the settings let nobody like
    that in."""
    for name, value in provider.require.items():
        if claims.get(name) != value:
            raise WarrenError(Code.FORBIDDEN, f"{provider.name} says that you belong elsewhere", "use another account")
    if vouched_domain(claims, provider) is None and not provider.open and not provider.require:
        raise WarrenError(
            Code.FORBIDDEN,
            f"{provider.name} vouches for no mail domain of yours that may sign on here",
            "verify your mail address there, or ask this server's admin",
        )
    subject = _subject(claims)
    labels = (claims.get(name) for name in ("email", "preferred_username", "name"))
    label = next((one for one in labels if isinstance(one, str) and one.strip()), subject)
    domain = vouched_domain(claims, provider, proved)
    return Person(
        provider.issuer, subject, printable(label.strip())[:SUBJECT_MAX_CHARS], _groups(claims, provider), domain
    )


def vouched_domain(claims: Claims, provider: Provider, proved: Collection[str] = ()) -> str | None:
    """The mail domain that the provider vouches for, or whose verified mail this is and that was proved for this
    provider, in lower case; None where there is none."""
    mail = claims.get("email")
    is_verified = claims.get("email_verified")
    if (is_verified is not True and is_verified != "true") or not isinstance(mail, str) or mail.count("@") != 1:
        return None
    domain = mail.rpartition("@")[2].lower() if mail.isascii() else ""
    if not is_mail_domain(domain) or domain in SHARED_MAIL:
        return None
    hosted = claims.get(provider.domain_claim) if provider.domain_claim else None
    is_hosted = isinstance(hosted, str) and hosted.lower() == domain
    if domain in provider.domains or is_hosted:
        return domain
    return domain if domain in proved and hosted is None else None


def check_userinfo(said: Claims, id_token: Claims) -> None:
    """Core 5.3.2: an answer about another subject is not used. Raises WarrenError FORBIDDEN."""
    if said.get("sub") != id_token.get("sub"):
        raise refused("its second answer is about another person")


def network_names(domain: str) -> tuple[str, ...]:
    """What the network of a mail domain may be called, the best first: corp-example, corp-example-2 …"""
    plain = domain.replace(".", "-")[:58].strip("-")
    return (plain, *(f"{plain}-{number}" for number in range(2, 10)))


def refused(why: str) -> WarrenError:
    """The refusal of a provider's answer."""
    return WarrenError(Code.FORBIDDEN, f"the provider's answer does not count: {why}", "sign on again")


def _subject(claims: Claims) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_MAX_CHARS or not subject.isprintable():
        raise refused("it names no subject")
    return subject


def _seconds(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise refused("its dates are none")
    return float(value)


def _groups(claims: Claims, provider: Provider) -> tuple[str, ...]:
    """Names that are not printable or too long are left out, for a policy could not name them."""
    said = claims.get(provider.groups_claim)
    listed = said if isinstance(said, list) else [said]
    groups = {one for one in listed if isinstance(one, str) and 0 < len(one) <= GROUP_MAX_CHARS and one.isprintable()}
    return tuple(sorted(groups)[:GROUPS_MAX])
