"""The only door to sign-on by a provider: send somebody there, take them back, know who they are.

Decides what binds the way back to the browser that went: one random cookie, from which state, nonce and PKCE verifier
follow; a row of its digest, taken once, by the provider that it was begun with; an address to come back to of each
provider's own (RFC 9700, 4.4: mix-up). Must not know pages or HTTP.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warren.errors import Code, WarrenError
from warren.limits import SIGN_ON_FLOW_LIFETIME_S, SIGN_ON_FLOWS_AN_ADDRESS_MAX, SIGN_ON_FLOWS_MAX
from warren.log import Log
from warren.server.accounts.service import Accounts
from warren.server.accounts.store import UserRow
from warren.server.db.engine import Database
from warren.server.domains.service import DomainProofs
from warren.server.providers import rules, store
from warren.server.providers.domains import Domains
from warren.server.providers.settings import Provider
from warren.server.providers.store import FlowRow

if TYPE_CHECKING:
    from warren.server.providers.openid import OpenIdProvider

BACK = "/sign-on/back"
_SECRET_BYTES = 32

log = Log("sign-on")


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and the cookie that it comes back with."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What a browser brought back in the query of its URL."""

    state: str
    code: str
    error: str
    iss: str | None


@dataclass(frozen=True, slots=True)
class SignedOn:
    """Who it is, by which provider, and the page that they wanted."""

    user: UserRow
    provider: Provider
    afterwards: str


class Providers:
    """Sign-on by the providers of the settings. `clock`: Unix seconds; `monotonic`: for what memory keeps."""

    def __init__(
        self,
        *,
        providers: Iterable[Provider],
        base_url: str,
        database: Database,
        accounts: Accounts,
        domains: Domains,
        proofs: DomainProofs,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._providers = {one.id: _opened(one, clock, monotonic) for one in providers}
        self._base_url = base_url
        self._database = database
        self._accounts = accounts
        self._domains = domains
        self._proofs = proofs
        self._clock = clock

    def all(self) -> list[Provider]:
        """Every provider, in the order of the file."""
        return [one.provider for one in self._providers.values()]

    async def begin(self, provider: str, afterwards: str, address: str) -> Begun:
        """Send somebody to a provider. Raises WarrenError NOT_FOUND, BUSY, or what the provider's silence means."""
        openid, secret = self._find(provider), os.urandom(_SECRET_BYTES)
        url = await openid.authorization_url(
            redirect_uri=self._back(provider),
            state=_derived("state", secret),
            nonce=_derived("nonce", secret),
            verifier=_derived("verifier", secret),
        )
        now = int(self._clock())
        row = FlowRow(_digest(secret), provider, afterwards, address[:64], now + SIGN_ON_FLOW_LIFETIME_S)
        async with self._database.write() as connection:
            await store.drop_expired_flows(connection, now)
            if (
                await store.count_flows(connection, row.address) >= SIGN_ON_FLOWS_AN_ADDRESS_MAX
                or await store.count_flows(connection, None) >= SIGN_ON_FLOWS_MAX
            ):
                raise WarrenError(Code.BUSY, "too many people sign on at once", "try again in minutes")
            await store.add_flow(connection, row)
        return Begun(url, _text(secret))

    async def finish(self, provider: str, cookie: str, returned: Returned) -> SignedOn:
        """Take somebody back. Raises WarrenError FORBIDDEN with the reason; the flow is over then, too."""
        openid, secret = self._find(provider), _bytes(cookie)
        if not hmac.compare_digest(_derived("state", secret).encode(), returned.state.encode("utf-8", "replace")):
            raise rules.refused("this browser did not begin it")
        async with self._database.write() as connection:
            flow = await store.take_flow(connection, _digest(secret), provider, int(self._clock()))
        if flow is None:
            raise rules.refused("it was used before, or is too old")
        if returned.error or not returned.code:
            raise WarrenError(Code.FORBIDDEN, f"{openid.provider.name} did not sign you on", "try again")
        try:
            claims = await openid.claims(
                code=returned.code,
                iss=returned.iss,
                redirect_uri=self._back(provider),
                nonce=_derived("nonce", secret),
                verifier=_derived("verifier", secret),
            )
            person = rules.person_of(claims, openid.provider, await self._proofs.proved(openid.provider.issuer))
        except WarrenError as error:
            log.warning("a sign-on by a provider was refused", provider=provider, reason=error.text)
            raise
        user = await self._accounts.known_by(person.issuer, person.subject, name=person.name, groups=person.groups)
        if person.domain is not None:
            await self._domains.enter(user, person.domain)
        return SignedOn(user, openid.provider, flow.afterwards)

    def _find(self, provider: str) -> "OpenIdProvider":
        found = self._providers.get(provider)
        if found is None:
            raise WarrenError(Code.NOT_FOUND, "this server has no such provider", "choose one of those on the page")
        return found

    def _back(self, provider: str) -> str:
        return f"{self._base_url}{BACK}/{provider}"


def _opened(provider: Provider, clock: Callable[[], float], monotonic: Callable[[], float]) -> "OpenIdProvider":
    from warren.server.providers.openid import OpenIdProvider  # noqa: PLC0415 - half a second that few servers need

    return OpenIdProvider(provider, clock, monotonic)


def _derived(word: str, secret: bytes) -> str:
    """256 bits for one use, which tell nothing of the others or of the cookie: 43 characters of RFC 7636's alphabet."""
    return _text(hmac.digest(secret, f"warren/sign-on/{word}/v1".encode(), hashlib.sha256))


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(b"warren/sign-on/flow/v1\0" + secret).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return b""
