"""What an identity provider sends: description, keys, tokens, claims, the second answer; and the operator's file.

The provider signs what it likes, so claims come here under a right signature too. Bytes go through the relying party
itself; only the transport is another.
"""

import base64
import json
import warnings
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar
from unittest.mock import patch

import httpx2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.errors import SecurityWarning

from tools.fuzzing.parser import Parser, require
from warren.errors import Code, WarrenError
from warren.limits import GROUPS_MAX, PROVIDERS_MAX
from warren.model.names import printable
from warren.server.providers import openid, rules
from warren.server.providers.settings import Provider, is_safe_url, parse_providers

T = TypeVar("T")
_NOW = 1_700_000_000
_ISSUER = "https://login.corp.example"
_NONCE = "a nonce"
_SIGNER = ec.derive_private_key(0x77617272656E, ec.SECP256R1())
_ES256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)  # a finding comes back by its seed
_PROVIDER = Provider(
    id="corp", name="Corp", issuer=_ISSUER, client_id="warren", domains=("corp.example",), domain_claim="hd"
)
_OPEN = Provider(id="any", name="Any", issuer=_ISSUER, client_id="warren", open=True)


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_POINT = _SIGNER.public_key().public_numbers()
_X, _Y = (_base64(one.to_bytes(32, "big")).decode() for one in (_POINT.x, _POINT.y))
_KEYS: dict[str, Any] = {"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": _X, "y": _Y}]}
_OKP = b'{"keys":[{"kty":"OKP","crv":"Ed25519","x":"%b"}]}' % _base64(bytes(range(32)))
_RSA = b'{"keys":[{"kty":"RSA","n":"' + _base64(b"\xc1" + bytes(range(255))) + b'","e":"AQAB","kid":"r"}]}'
_DESCRIPTION: dict[str, Any] = {
    "issuer": _ISSUER,
    "authorization_endpoint": f"{_ISSUER}/a",
    "token_endpoint": f"{_ISSUER}/t",
    "jwks_uri": f"{_ISSUER}/k",
    "userinfo_endpoint": f"{_ISSUER}/u",
    "authorization_response_iss_parameter_supported": True,
    "id_token_signing_alg_values_supported": ["RS256", "ES256"],
}
_CLAIMS: dict[str, Any] = {
    "iss": _ISSUER,
    "aud": "warren",
    "sub": "248289761001",
    "exp": _NOW + 300,
    "iat": _NOW,
    "nonce": _NONCE,
    "email": "ann@corp.example",
    "email_verified": True,
    "hd": "corp.example",
    "groups": ["ops", "dev"],
    "name": "Ann",
}


def _bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def _token(claims: bytes, header: bytes = b'{"alg":"ES256","kid":"1"}') -> bytes:
    signed = _base64(header) + b"." + _base64(claims)
    r, s = decode_dss_signature(_SIGNER.sign(signed, _ES256))
    return signed + b"." + _base64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


class _Canned(openid.OpenIdProvider):
    """A relying party whose questions are answered with bytes that are here already."""

    def __init__(self, provider: Provider, **answers: bytes) -> None:
        super().__init__(provider, clock=lambda: _NOW, monotonic=lambda: 0.0)
        self.answers = {"configuration": _bytes(_DESCRIPTION), "k": _bytes(_KEYS), "u": b"{}"} | answers

    async def _get(self, url: str, kind: type[T], headers: Mapping[str, str] | None = None) -> T:  # noqa: ARG002
        return openid.read_answer(self.answers.get(url.rpartition("/")[2].rpartition("-")[2], b"{}"), kind)

    def look(self) -> object:
        """Description and keys."""
        return _driven(self._look())

    def verified(self, token: str) -> rules.Claims:
        """The claims of a token."""
        return _driven(self._verified(token))

    def completed(self, claims: rules.Claims) -> rules.Claims:
        """The claims with those of the second answer."""
        return _driven(self._completed(claims, openid.read_answer(_bytes(_DESCRIPTION), openid.Description), "token"))

    def redeem(self) -> Mapping[str, Any]:
        """What the token endpoint says."""
        description = openid.read_answer(_bytes(_DESCRIPTION), openid.Description)
        client = self._client(description, "https://vpn.example.org/sign-on/back/corp")
        return _driven(self._redeem(client, description, "code", "v" * 43))


def _driven(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise AssertionError("it waited for something")


def _refused(error: WarrenError) -> bool:
    require(error.code in {Code.FORBIDDEN, Code.SERVER_UNREACHABLE}, f"refused with {error.code}")
    require(error.text == printable(error.text), f"a refusal that a terminal obeys: {error.text!r}")
    return False


def check_description(data: bytes) -> bool:
    """A description names our issuer and safe URLs, or none is taken."""
    provider = _Canned(_PROVIDER, configuration=data)
    try:
        provider.look()
    except WarrenError as error:
        return _refused(error)
    said = openid.read_answer(data, openid.Description)
    require(said.issuer == _ISSUER, "another issuer's description")
    for url in (said.authorization_endpoint, said.token_endpoint, said.jwks_uri):
        require(is_safe_url(url, private=False) and url.lower().startswith("https://"), f"not safe: {url!r}")
    return True


_GOOD = _token(_bytes(_CLAIMS)).decode()


def check_keys(data: bytes) -> bool:
    """A set of keys, or none; with any set a token is ours or refused."""
    provider = _Canned(_PROVIDER, k=data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # a provider with a short key is its admin's to judge
        try:
            provider.look()
        except WarrenError as error:
            return _refused(error)
        try:
            provider.verified(_GOOD)
        except WarrenError as error:
            _refused(error)
    return True


_READY = _Canned(_PROVIDER)


def check_token(data: bytes) -> bool:
    """Nobody's bytes but the provider's are a token."""
    try:
        claims = _READY.verified(data.decode("utf-8", "surrogateescape"))
    except WarrenError as error:
        return _refused(error)
    require(dict(claims) == _CLAIMS, "a changed token counts")
    return True


def check_claims(data: bytes) -> bool:
    """The provider signs anything: a person with a printable name and bounded groups, or a refusal."""
    try:
        claims = _READY.verified(_token(data).decode())
        rules.check_id_token(claims, _PROVIDER, nonce=_NONCE, now=_NOW)
    except WarrenError as error:
        return _refused(error)
    taken = False
    for provider in (_PROVIDER, _OPEN):
        try:
            person = rules.person_of(claims, provider)
        except WarrenError as error:
            _refused(error)
            continue
        taken = True
        require(person.issuer == _ISSUER and person.subject == claims["sub"], "somebody else")
        require(person.name == printable(person.name) and person.subject.isprintable(), f"a name like {person.name!r}")
        require(len(person.groups) <= GROUPS_MAX and all(map(str.isprintable, person.groups)), "groups without bound")
        if person.domain is not None:
            require(claims["email_verified"] in {True, "true"}, "a domain that nobody verified")
            require(all(map(str.isprintable, rules.network_names(person.domain))), "a network named so")
    return taken


def check_header(data: bytes) -> bool:
    """Any header over the right claims: only a signature of the allowed kinds counts."""
    try:
        claims = _READY.verified(_token(_bytes(_CLAIMS), data).decode())
    except WarrenError as error:
        return _refused(error)
    require(dict(claims) == _CLAIMS and b"ES256" in data and b"crit" not in data, "a header that is not taken")
    return True


def check_userinfo(data: bytes) -> bool:
    """The second answer adds to what was signed, and never outweighs it."""
    first = {"iss": _ISSUER, "sub": "248289761001", "aud": "warren"}
    try:
        claims = _Canned(_PROVIDER, u=data).completed(first)
    except WarrenError as error:
        return _refused(error)
    require(claims.items() >= first.items(), "what was signed is overruled")
    try:
        rules.person_of(claims, _PROVIDER)
    except WarrenError as error:
        _refused(error)
    return True


class _Answering(httpx2.AsyncBaseTransport):
    """A transport without a network: one answer for every question."""

    def __init__(self, status: int, content: bytes) -> None:
        self._answer = (status, content)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer."""
        status, content = self._answer
        return httpx2.Response(status, headers={"content-type": "application/json"}, content=content, request=request)


def check_token_answer(data: bytes) -> bool:
    """What the token endpoint says (the first byte chooses the status): a mapping, or a refusal."""
    status = (200, 200, 200, 400, 500)[data[0] % 5] if data else 200
    with (
        patch.object(openid, "Outward", lambda **_: _Answering(status, data[1:])),
        patch.object(openid, "one_question", lambda _host: _NoDeadline()),
    ):
        try:
            token = _Canned(_PROVIDER).redeem()
            text = openid.text_of(token, "id_token")
        except WarrenError as error:
            return _refused(error)
    require(isinstance(text, str), "a token that is no text")
    return bool(text)


class _NoDeadline:
    """One question without its deadline, which needs an event loop; HTTP's own refusals are the network's there."""

    async def __aenter__(self) -> None:
        """Nothing."""

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """As there."""
        if isinstance(error, httpx2.HTTPError):
            raise WarrenError(Code.SERVER_UNREACHABLE, "the provider cannot be reached") from error


def check_file(data: bytes) -> bool:
    """An operator's file: providers that differ, each with a safe issuer; or a printable sentence."""
    try:
        providers = parse_providers(data.decode("utf-8", "surrogateescape"), lambda path: f"secret of {path}")
    except WarrenError as error:
        require(error.code is Code.INVALID_CONFIG, f"refused with {error.code}")
        require(error.text == printable(error.text), f"a refusal that a terminal obeys: {error.text!r}")
        return False
    require(len(providers) <= PROVIDERS_MAX, "more than may be")
    require(len({one.id for one in providers}) == len({one.issuer for one in providers}) == len(providers), "one twice")
    require(all(is_safe_url(one.issuer, private=one.private) for one in providers), "an issuer that is not safe")
    return True


_FILE = (
    b'[[provider]]\nid = "corp"\nname = "Corp"\nissuer = "https://login.corp.example"\nclient_id = "warren"\n'
    b'client_secret = "file:/x"\ndomains = ["corp.example"]\ndomain_claim = "hd"\nscopes = ["openid", "email"]\n'
    b'[[provider]]\nid = "two"\nname = "Two"\nissuer = "http://localhost:1/x"\nclient_id = "w"\nprivate = true\n'
    b'open = true\nrequire = { tid = "x" }\ngroups_claim = "roles"\nsecond_factor = true\n'
)
_SAID = b'{"access_token":"x","token_type":"bearer","expires_in":60,"id_token":"a.b.c","scope":"openid"}'
_WORDS = (
    b'"iss"', b'"aud":["warren"]', b'"azp":"warren"', b'"exp":1e308', b'"sub":""', b'"nbf":', b'"keys":[]', b"@",
    b'"alg":"none"', b'"alg":"HS256"', b'"crit":["b64"]', b'"jwk":{}', b'"kty":"oct"', b"[" * 3000, b"://", b"\\u0000",
)  # fmt: skip

PARSERS = (
    Parser("provider_description", (_bytes(_DESCRIPTION),), check_description, _WORDS),
    Parser("provider_keys", (_bytes(_KEYS), _RSA, _OKP), check_keys, _WORDS),
    Parser("provider_token", (_GOOD.encode(),), check_token),
    Parser("provider_header", (b'{"alg":"ES256","kid":"1"}', b'{"alg":"ES256"}'), check_header, _WORDS),
    Parser("provider_claims", (_bytes(_CLAIMS),), check_claims, _WORDS),
    Parser("provider_userinfo", (_bytes({"sub": "248289761001", "email": "a@corp.example"}),), check_userinfo, _WORDS),
    Parser("provider_token_answer", (b"\0" + _SAID, b"\3" + b'{"error":"invalid_grant"}'), check_token_answer, _WORDS),
    Parser("provider_file", (_FILE,), check_file, (b"[[provider]]\n", b"id = ", b"private = ", b"\x1b", b"file:")),
)
