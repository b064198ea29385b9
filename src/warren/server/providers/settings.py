"""The file of OpenID Connect providers (`--providers`): TOML text to values. Pure but for the secrets' files.

Decides whether an entry is one. Each stands under `[[provider]]`:

    id = "corp"                              # stands in URLs: /sign-on/back/corp is what the provider calls back
    name = "Example Corp"                    # on the button
    issuer = "https://login.corp.example"    # exactly as the provider spells it
    client_id = "warren"
    client_secret = "file:/etc/warren/corp"  # left out: a public client, PKCE alone
    domains = ["corp.example"]               # the provider is set up for these mail domains: their people are a company
    domain_claim = "hd"                      # or: the claim by which it vouches for a whole domain
    require = { tid = "…" }                  # nobody signs on without these claims
    open = false                             # true: also people of no vouched-for domain get an account
    groups_claim = "groups"
    scopes = ["openid", "email", "profile"]
    second_factor = false                    # true: the provider asks for one itself, its word counts as one
    private = false                          # true: it may be at a private address (or at http:// on loopback)

Invariant: ids and issuers of what `parse_providers` returns differ, each issuer is https or configured loopback, and no
shared mail domain is among the domains.
"""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from warren.errors import Code, WarrenError
from warren.limits import PROVIDER_URL_MAX_CHARS, PROVIDERS_MAX
from warren.model.keys import Secret
from warren.server.providers.shared_mail import SHARED_MAIL

Word = Annotated[str, Meta(min_length=1, max_length=300)]
Words = Annotated[tuple[Word, ...], Meta(max_length=64)]

_DOMAIN = re.compile(r"(?=.{3,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII)


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider; see the module for what each field means. `client_secret` is the secret itself, read already."""

    id: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,31}$")]
    name: Annotated[str, Meta(min_length=1, max_length=60)]
    issuer: Annotated[str, Meta(max_length=PROVIDER_URL_MAX_CHARS)]
    client_id: Word
    client_secret: str = ""
    domains: Words = ()
    domain_claim: str = ""
    require: Mapping[str, str] = {}
    open: bool = False
    groups_claim: Word = "groups"
    scopes: Words = ("openid", "email", "profile")
    second_factor: bool = False
    private: bool = False

    @property
    def secret(self) -> Secret[str]:
        """The client's secret, which prints redacted."""
        return Secret(self.client_secret)

    def __repr__(self) -> str:
        return f"Provider({self.id})"


def parse_providers(text: str, read: Callable[[str], str]) -> tuple[Provider, ...]:
    """The providers of the file; `read` gives the secret of `file:PATH`. WarrenError INVALID_CONFIG says what is wrong
    with which entry."""
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong(f"it is not TOML: {error}") from error
    entries = found.get("provider", [])
    if set(found) - {"provider"} or not isinstance(entries, list):
        raise _wrong("providers stand under [[provider]]")
    if len(entries) > PROVIDERS_MAX:
        raise _wrong(f"more than {PROVIDERS_MAX} providers")
    providers = tuple(_provider(number, entry, read) for number, entry in enumerate(entries, 1))
    for what in ("id", "issuer"):
        values = [getattr(provider, what) for provider in providers]
        if len(set(values)) != len(values):
            raise _wrong(f"two providers have the same {what}")
    return providers


def is_mail_domain(text: str) -> bool:
    """Whether this is a domain as it stands behind a mail address's @, in lower case."""
    return _DOMAIN.fullmatch(text) is not None


def is_safe_url(url: str, *, private: bool) -> bool:
    """Whether a provider's URL may be called: https, or, where that was configured, http to a loopback address."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment or len(url) > PROVIDER_URL_MAX_CHARS:
        return False
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and private and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _provider(number: int, entry: object, read: Callable[[str], str]) -> Provider:
    where = f"provider {number}"
    if not isinstance(entry, dict):
        raise _wrong(f"{where} is no table")
    for key in entry:
        if key not in Provider.__struct_fields__:
            near = difflib.get_close_matches(key, Provider.__struct_fields__, n=1)
            raise _wrong(f"{where}: unknown key {key!r}" + (f", did you mean {near[0]!r}?" if near else ""))
    try:
        provider = msgspec.convert(entry, Provider)
    except (msgspec.ValidationError, ValueError) as error:
        raise _wrong(f"{where}: {error}") from error
    _check(where, provider)
    if not provider.client_secret:
        return provider
    if not provider.client_secret.startswith("file:"):
        raise _wrong(f"{where}: client_secret takes file:PATH, so that this file holds no secret")
    secret = read(provider.client_secret.removeprefix("file:")).strip()
    if not secret:
        raise _wrong(f"{where}: the file of its client_secret is empty")
    return msgspec.structs.replace(provider, client_secret=secret)


def _check(where: str, provider: Provider) -> None:
    if not is_safe_url(provider.issuer, private=provider.private) or urlsplit(provider.issuer).query:
        raise _wrong(f"{where}: the issuer is no https:// URL (http:// only with private = true, on loopback)")
    if "openid" not in provider.scopes:
        raise _wrong(f"{where}: scopes has to hold 'openid'")
    for domain in provider.domains:
        if not is_mail_domain(domain):
            raise _wrong(f"{where}: {domain!r} is no mail domain in lower case")
        if domain in SHARED_MAIL:
            raise _wrong(f"{where}: {domain!r} is a shared mail provider's, nobody's company")
    if not (provider.open or provider.domains or provider.domain_claim or provider.require):
        raise _wrong(f"{where}: nobody may sign on: give domains, domain_claim or require, or open = true")


def _wrong(what: str) -> WarrenError:
    return WarrenError(Code.INVALID_CONFIG, f"the file of providers: {what}", "correct the file of --providers")
