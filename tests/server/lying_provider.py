"""A provider that says whatever a test wants, signed with its real key: what a broken or hostile one could answer."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass(slots=True)
class LyingProvider:
    """`claims` and `header` are of the next ID token; `answers` replaces what a path answers; `asked` are
    the paths, `posted` the fields of what redeemed a code."""

    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "ES256"})
    description: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Callable[[], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    posted: list[dict[str, str]] = field(default_factory=list)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one"}))
    signer: ECKey | None = None
    _server: ThreadingHTTPServer | None = None

    @property
    def issuer(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> "LyingProvider":
        """Listen on a free port of loopback."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                status, headers, body = provider._answer(self.path)
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                provider.posted.append(dict(parse_qsl(body.decode())))
                self.do_GET()

            def log_message(self, *_arguments: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening."""
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def token(self) -> str:
        """The next ID token, put together by hand: libraries refuse to make such."""
        said = f"{_text({'kid': 'one', **self.header})}.{_text(self.claims)}"
        match self.header["alg"]:
            case "none":
                signature = b""
            case "HS256":
                signature = hmac.digest(self.key.as_pem(private=False), said.encode(), hashlib.sha256)
            case _:
                private = (self.signer or self.key).private_key
                assert private is not None
                pair = decode_dss_signature(private.sign(said.encode(), ECDSA(SHA256())))
                signature = b"".join(number.to_bytes(32, "big") for number in pair)
        return f"{said}.{_base64(signature)}"

    def _answer(self, path: str) -> Answer:
        if path in self.answers:
            return self.answers[path]()
        said: dict[str, Any]
        if path == "/.well-known/openid-configuration":
            said = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/auth",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
                **self.description,
            }
        elif path == "/jwks":
            said = {"keys": [self.key.as_dict(private=False)]}
        else:
            said = {"access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": self.token()}
        return 200, {"content-type": "application/json"}, msgspec.json.encode(said)


def _text(value: object) -> str:
    return _base64(msgspec.json.encode(value))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
