"""A passkey without a device: answers as a browser does that has it (Web Authentication, level 2, 6.1 and 7.2)."""

import base64
import hashlib
import os

import cbor2
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from warren.server.factors.passkeys import Place

_PRESENT_AND_VERIFIED = b"\x05"


class SoftPasskey:
    """One ES256 key pair, and the id that a server knows it by."""

    def __init__(self) -> None:
        self.id = os.urandom(16)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._counter = 0

    @property
    def public(self) -> bytes:
        """As COSE has it (RFC 9053, 7.1.1)."""
        point = self._key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})

    def answer(self, asked: str, place: Place) -> str:
        """Sign what a server at this place asked, both as JSON; the person was there and showed who they are."""
        challenge = msgspec.json.decode(asked)["challenge"]
        client = msgspec.json.encode({"type": "webauthn.get", "challenge": challenge, "origin": place.origin})
        self._counter += 1
        host = hashlib.sha256(place.host.encode()).digest()
        said = host + _PRESENT_AND_VERIFIED + self._counter.to_bytes(4, "big")
        signature = self._key.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": said, "signature": signature}
        response = {name: _to_text(part) for name, part in parts.items()}
        named = {"id": _to_text(self.id), "rawId": _to_text(self.id), "type": "public-key"}
        return msgspec.json.encode(named | {"response": response}).decode()


def _to_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
