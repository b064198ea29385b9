"""One OpenID Connect provider as a relying party sees it: description, keys, the code for claims.

OpenID Connect Discovery 1.0 (the description has to name the configured issuer), Core 1.0 by the authorization code
flow with PKCE (RFC 7636, S256 only), RFC 9207 (`iss` in the answer). Decides when description and keys are asked for
anew: after PROVIDER_METADATA_S, and once in PROVIDER_RETRY_S where a token names a key that is not there (rotation).
What the claims have to say is in `rules.py`. Must not know accounts.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from warren.errors import Code, WarrenError
from warren.limits import (
    PROVIDER_CALLS_AT_ONCE,
    PROVIDER_METADATA_S,
    PROVIDER_RETRY_S,
    PROVIDER_TOKEN_MAX_BYTES,
)
from warren.server.providers import rules
from warren.server.providers.outward import Outward, one_question
from warren.server.providers.settings import Provider, is_safe_url

Answer = TypeVar("Answer")
_WELL_KNOWN = "/.well-known/openid-configuration"
# What the libraries raise over words that they trust to be what the standards say.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of itself; fields that we do not use are left out."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


@dataclass(frozen=True, slots=True)
class _Known:
    description: Description
    keys: KeySet
    keys_at: float
    until: float


class OpenIdProvider:
    """Speaks to one provider. `clock`: Unix seconds; `monotonic`: seconds, for what is kept in memory."""

    def __init__(self, provider: Provider, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self.provider = provider
        self._host = urlsplit(provider.issuer).netloc
        self._clock = clock
        self._monotonic = monotonic
        self._known: _Known | None = None
        self._renewed_at = float("-inf")  # when keys were asked for because a token named others
        self._one_look = asyncio.Lock()
        self._turns = asyncio.Semaphore(PROVIDER_CALLS_AT_ONCE)

    async def authorization_url(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes. Raises WarrenError where the provider cannot be asked for its description."""
        known = await self._look()
        async with self._client(known.description, redirect_uri) as client:
            url, _ = client.create_authorization_url(
                known.description.authorization_endpoint, state=state, nonce=nonce, code_verifier=verifier
            )
        return str(url)

    async def claims(self, *, code: str, iss: str | None, redirect_uri: str, nonce: str, verifier: str) -> rules.Claims:
        """What the provider says of whoever it sent back with this code. Raises WarrenError."""
        known = await self._look()
        if iss is None and known.description.authorization_response_iss_parameter_supported:
            raise rules.refused("it does not say whose it is")
        if iss is not None and iss != self.provider.issuer:
            raise rules.refused("another provider gave it")
        async with self._client(known.description, redirect_uri) as client:
            token = await self._redeem(client, known.description, code, verifier)
            claims = await self._verified(text_of(token, "id_token"))
            rules.check_id_token(claims, self.provider, nonce=nonce, now=self._clock())
            return await self._completed(claims, known.description, text_of(token, "access_token"))

    async def _redeem(
        self, client: AsyncOAuth2Client, description: Description, code: str, verifier: str
    ) -> Mapping[str, Any]:
        async with self._turns, one_question(self._host):
            try:
                token: Mapping[str, Any] = await client.fetch_token(
                    description.token_endpoint, code=code, code_verifier=verifier, grant_type="authorization_code"
                )
            except (OAuthError, *_UNREADABLE) as error:
                raise rules.refused("it does not take back its own code") from error
        return token

    async def _completed(self, claims: rules.Claims, description: Description, access_token: str) -> rules.Claims:
        """The claims, with those that this provider tells only when asked for them (Core 5.4)."""
        wanted = {"email", "email_verified", self.provider.groups_claim}
        if not description.userinfo_endpoint or wanted <= claims.keys() or not access_token:
            return claims
        self._check_url(description.userinfo_endpoint)
        told = await self._get(
            description.userinfo_endpoint, dict[str, Any], {"authorization": f"Bearer {access_token}"}
        )
        rules.check_userinfo(told, claims)
        return {**told, **claims}  # what was signed outweighs what was not

    async def _verified(self, token: str) -> rules.Claims:
        """The claims of a token whose signature is right; asks for new keys where its key is not among ours."""
        if not token or len(token) > PROVIDER_TOKEN_MAX_BYTES:
            raise rules.refused("it has no token, or one that is too large")
        known = await self._look()
        allowed = rules.ALGORITHMS & set(known.description.id_token_signing_alg_values_supported)
        try:
            header = extract_compact(token.encode("ascii")).headers()
            if not isinstance(header, dict):  # the library takes any JSON
                raise rules.refused("it is signed in a way that is not taken")
            if header.get("alg") not in allowed or "crit" in header:
                raise rules.refused("it is signed in a way that is not taken")
            try:
                return jwt.decode(token, known.keys, algorithms=list(allowed)).claims
            except (JoseError, ValueError):
                known = await self._look(newer_than=known.keys_at)
                return jwt.decode(token, known.keys, algorithms=list(allowed)).claims
        except (JoseError, *_UNREADABLE) as error:
            raise rules.refused("its signature is not right") from error

    async def _look(self, newer_than: float = float("-inf")) -> _Known:
        """Description and keys, asked for where they are not at hand. `newer_than`: keys of then are not enough."""
        async with self._one_look:
            now = self._monotonic()
            known = self._known
            if known is not None and known.until > now:
                if known.keys_at > newer_than or now - self._renewed_at < PROVIDER_RETRY_S:
                    return known
                self._renewed_at = now
            description = await self._get(self.provider.issuer.rstrip("/") + _WELL_KNOWN, Description)
            if description.issuer != self.provider.issuer:
                raise rules.refused("its description names another issuer")
            for url in (description.authorization_endpoint, description.token_endpoint, description.jwks_uri):
                self._check_url(url)
            keys = await self._get(description.jwks_uri, dict[str, Any])
            try:
                imported = KeySet.import_key_set(keys)  # type: ignore[arg-type]  # checked there
            except (JoseError, *_UNREADABLE) as error:
                raise rules.refused("its keys are none") from error
            self._known = _Known(description, imported, now, now + PROVIDER_METADATA_S)
            return self._known

    async def _get(self, url: str, kind: type[Answer], headers: Mapping[str, str] | None = None) -> Answer:
        async with (
            self._turns,
            one_question(self._host),
            httpx2.AsyncClient(transport=Outward(private=self.provider.private)) as client,
        ):
            response = await client.get(url, headers={"accept": "application/json", **(headers or {})})
        if response.status_code != 200:
            raise WarrenError(Code.SERVER_UNREACHABLE, f"{self._host} answers {response.status_code}", "try again")
        return read_answer(response.content, kind)

    def _client(self, description: Description, redirect_uri: str) -> AsyncOAuth2Client:
        secret = self.provider.client_secret
        methods = description.token_endpoint_auth_methods_supported
        basic = "client_secret_basic" in methods or "client_secret_post" not in methods
        return AsyncOAuth2Client(
            client_id=self.provider.client_id,
            client_secret=secret or None,
            token_endpoint_auth_method=("client_secret_basic" if basic else "client_secret_post") if secret else "none",
            scope=" ".join(self.provider.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            transport=Outward(private=self.provider.private),
        )

    def _check_url(self, url: str) -> None:
        if not is_safe_url(url, private=self.provider.private):
            raise rules.refused("its description names a URL that is not safe to call")


def read_answer(content: bytes, kind: type[Answer]) -> Answer:
    """An answer in JSON. Raises WarrenError FORBIDDEN where it is none of this kind."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise rules.refused("it is not understood") from error


def text_of(token: Mapping[str, Any], name: str) -> str:
    """What an answer of the token endpoint has under this name; empty where that is no text."""
    value = token.get(name)
    return value if isinstance(value, str) else ""
