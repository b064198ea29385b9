"""What a browser says that a passkey signed: the answer's JSON, and each part in it under a right signature.

A stranger with a key of their own signs anything, so what stands inside is mutated before it is signed.
"""

import base64
import hashlib
import json
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tools.fuzzing.parser import Parser, require
from warren.errors import Code, WarrenError
from warren.server.factors import passkeys
from warren.server.factors.store import PasskeyRow

_PLACE = passkeys.Place("vpn.example.org", "https://vpn.example.org")
_CHALLENGE = bytes(range(32))
_ID = bytes([7]) * 16
_SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_COSE = cbor2.dumps({1: 1, 3: -8, -1: 6, -2: _SIGNER.public_key().public_bytes_raw()})
_ROW = PasskeyRow(id=_ID, user="u", public=_COSE, counter=3, name="p", created_at=0, used_at=None)
_WHOLE_BYTES = 8_000  # what is longer, twice in base64, is cut before it is read
_HOST = hashlib.sha256(b"vpn.example.org").digest()
_PRESENT, _VERIFIED, _ATTESTED = 1, 4, 64
_MADE = (
    _HOST + bytes([_PRESENT | _VERIFIED | _ATTESTED]) + bytes(4) + bytes(16) + len(_ID).to_bytes(2, "big") + _ID + _COSE
)
_USED = _HOST + bytes([_PRESENT | _VERIFIED]) + (9).to_bytes(4, "big")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _said(kind: str) -> bytes:
    said = {"type": f"webauthn.{kind}", "challenge": _text(_CHALLENGE), "origin": _PLACE.origin, "crossOrigin": False}
    return json.dumps(said).encode()


def _answer(**response: bytes) -> str:
    parts: dict[str, Any] = {name: _text(data) for name, data in response.items()}
    whole = {"id": _text(_ID), "rawId": _text(_ID), "type": "public-key", "response": parts}
    return json.dumps(whole | {"clientExtensionResults": {}})


def _registration(attestation: bytes, said: bytes = _said("create")) -> str:
    return _answer(clientDataJSON=said, attestationObject=attestation)


def _attestation(data: object) -> bytes:
    return cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})


def _assertion(data: bytes, said: bytes = _said("get")) -> str:
    signature = _SIGNER.sign(data + hashlib.sha256(said).digest())
    return _answer(clientDataJSON=said, authenticatorData=data, signature=signature)


def _is_made(answer: str) -> bool:
    try:
        found, public, counter = passkeys.made(_PLACE, answer, challenge=_CHALLENGE)
    except WarrenError as error:
        return _refused(error)
    require(found and public and counter >= 0, "a passkey without a key")
    return True


def _is_used(answer: str, *, alone: bool) -> bool:
    try:
        counter = passkeys.used(_PLACE, answer, _ROW, challenge=_CHALLENGE, alone=alone)
    except WarrenError as error:
        return _refused(error)
    require(counter == 0 or counter > _ROW.counter, "a counter that fell")
    return True


def _refused(error: WarrenError) -> bool:
    require(error.code is Code.FORBIDDEN, f"refused with {error.code}")
    return False


def check_answer(data: bytes) -> bool:
    """An answer as a form brings it: whom it says it is of, and whether it counts, or a refusal of each."""
    answer = data.decode("utf-8", "surrogateescape")
    for read in (passkeys.credential_of, passkeys.challenge_of):
        try:
            require(isinstance(read(answer), bytes), "no bytes")
        except WarrenError as error:
            _refused(error)
    made, used = _is_made(answer), _is_used(answer, alone=True)
    return made or used


def check_attestation(data: bytes) -> bool:
    """Any CBOR as an attestation."""
    return _is_made(_registration(data))


def check_data_made(data: bytes) -> bool:
    """Any authenticator data in a right attestation: its host is ours."""
    taken = _is_made(_registration(_attestation(data)))
    require(not taken or (data[:32] == _HOST and data[32] & _PRESENT), "a passkey of another host, or of nobody")
    return taken


def check_data_used(data: bytes) -> bool:
    """Any authenticator data under a right signature: ours, somebody was there, and was verified where it is asked."""
    for alone in (True, False):
        if _is_used(_assertion(data), alone=alone):
            require(data[:32] == _HOST and data[32] & _PRESENT, "of another host, or nobody was there")
            require(not alone or data[32] & _VERIFIED, "nobody was verified")
            return True
    return False


def check_client(data: bytes) -> bool:
    """Any client data under a right signature: over our challenge, for our origin."""
    made, used = _is_made(_registration(_attestation(_MADE), data)), _is_used(_assertion(_USED, data), alone=True)
    if (made or used) and len(data) < _WHOLE_BYTES:
        said = json.loads(data)
        require(not (made and used), "one word for making and using")
        require(said["origin"] == _PLACE.origin, "for another origin")
        try:
            challenge = passkeys.challenge_of(_assertion(_USED, data))
        except WarrenError as error:  # asked before the library: what is no UTF-8 gets no further
            return _refused(error)
        require(challenge == _CHALLENGE, "over another challenge")
    return made or used


_ANSWERS = (_registration(_attestation(_MADE)).encode(), _assertion(_USED).encode())
_PACKED = cbor2.dumps({"fmt": "packed", "attStmt": {"alg": -8, "sig": bytes(64)}, "authData": _MADE})
_KEYS = (
    b'"id":1',
    b'"rawId":null',
    b'"response":[]',
    b'"transports":["usb"]',
    b'"origin":',
    b'"challenge":""',
    b"[" * 3000,
)
_CBOR = (
    b"\xbf",
    b"\xff",
    b"\x9f",
    b"\xc2\x58\x20",
    b"\x5f",
    b"\x81" * 2000,
    b"\xf9\x7e\x00",
    b"\xa1",
    b"\x1b" + b"\xff" * 8,
)

PARSERS = (
    Parser("passkey_answer", _ANSWERS, check_answer, _KEYS),
    Parser("passkey_attestation", (_attestation(_MADE), _PACKED), check_attestation, _CBOR),
    Parser("passkey_data_made", (_MADE,), check_data_made, _CBOR),
    Parser("passkey_data_used", (_USED,), check_data_used, _CBOR),
    Parser("passkey_client", (_said("create"), _said("get")), check_client, _KEYS),
)
