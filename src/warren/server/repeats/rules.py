"""What a request with an `Idempotency-Key` is known by, and how its answer is kept. Pure.

Answers may hold what is shown once (a key, a token), and bodies a password; neither may lie in the database as it is or
as a plain digest that can be guessed (SECURITY.md rule 16). So everything is derived of the server's own key, which is
not in the database, and of the client's key, of which nothing is stored: by which row a request is found, what tells a
body from another, and what seals the answer. The row's 32 fresh bytes see to it that a sealing key meets one message
(rule 23).
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from warren.errors import Code, WarrenError

KEY_MAX_CHARS: Final = 255
SALT_BYTES: Final = 32
_NONCE: Final = bytes(12)
_KEY = re.compile(rf"[\x21\x23-\x5b\x5d-\x7e]{{1,{KEY_MAX_CHARS}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a key: whose it is (a token's id, or the admin socket), of whom for the count, and all that was
    said: method, address and body."""

    caller: str
    person: str
    key: str
    said: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Marks:
    """By what a request is known: `row` finds it, `request` is what was said, of `seal` its answer's key is made."""

    row: bytes
    request: bytes
    seal: bytes


def parse_key(text: str) -> str:
    """The key of a header, with or without the quotes of a structured field. WarrenError INVALID_ARGUMENT."""
    bare = text[1:-1] if len(text) > 2 and text[0] == text[-1] == '"' else text
    if _KEY.fullmatch(bare) is None:
        raise WarrenError(
            Code.INVALID_ARGUMENT,
            f"an Idempotency-Key is 1 to {KEY_MAX_CHARS} characters of ASCII without blanks, quotes and backslashes",
            "a random UUID for each request is good",
        )
    return bare


def said_of(method: str, path: str, query: bytes, body: bytes) -> bytes:
    """What tells one request from another, each part with its length in front."""
    parts = (method.encode(), path.encode("utf-8", "surrogateescape"), query, body)
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def marks(asked: Asked, secret: bytes) -> Marks:
    """`secret`: the server's own 32 bytes."""
    info = b"warren/repeat/v1\0" + asked.caller.encode()
    drawn = HKDF(algorithm=SHA256(), length=96, salt=None, info=info).derive(secret + asked.key.encode())
    return Marks(drawn[:32], hmac.digest(drawn[32:64], asked.said, hashlib.sha256), drawn[64:])


def wrap(answer: bytes, by: Marks, salt: bytes) -> bytes:
    """The answer as it is stored; `salt`: SALT_BYTES fresh random bytes, stored beside it."""
    return ChaCha20Poly1305(_row_key(by, salt)).encrypt(_NONCE, answer, by.request)


def unwrap(sealed: bytes, by: Marks, salt: bytes) -> bytes:
    """The answer. WarrenError STATE_DAMAGED where another server's key sealed it."""
    try:
        return ChaCha20Poly1305(_row_key(by, salt)).decrypt(_NONCE, sealed, by.request)
    except InvalidTag as error:
        raise WarrenError(
            Code.STATE_DAMAGED, "the answer to this Idempotency-Key cannot be read", "ask with another key"
        ) from error


def used_for_another() -> WarrenError:
    """The refusal where a key comes with another request than it did first."""
    return WarrenError(
        Code.REPEAT_MISMATCH,
        "this Idempotency-Key came with another request before",
        "send what you sent then, or use a key of its own for each request",
    )


def _row_key(by: Marks, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"warren/repeat-answer/v1").derive(by.seal)
