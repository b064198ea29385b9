"""Codes of an authenticator app (RFC 6238: SHA-1, 30 s, six digits, as every app has them), and their secret at rest.

Decides which steps count (this one, the one before and after: RFC 6238, 5.2) and how the secret is kept: sealed under a
key that is not in the database, by a key of each row's own from 32 random bytes, so that no nonce ever meets its key
twice (SECURITY.md rule 23). Pure: time, random bytes and key are arguments. The libraries are loaded at the first use,
which a start needs not wait for.
"""

import base64
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from warren.errors import Code, WarrenError
from warren.server.factors.rules import TOTP_DIGITS

SECRET_BYTES: Final = 20  # RFC 4226, 4: 160 bits
SALT_BYTES: Final = 32
STEP_S: Final = 30
_NONCE: Final = bytes(12)
_AROUND: Final = (0, -1, 1)


def wrap(secret: bytes, *, key: bytes, salt: bytes, user: str) -> bytes:
    """The secret as it is stored for this user; `salt`: fresh random bytes, stored beside it."""
    return ChaCha20Poly1305(_row_key(key, salt)).encrypt(_NONCE, secret, user.encode())


def unwrap(sealed: bytes, *, key: bytes, salt: bytes, user: str) -> bytes:
    """The secret. WarrenError STATE_DAMAGED where another key sealed it, or it is another user's."""
    try:
        return ChaCha20Poly1305(_row_key(key, salt)).decrypt(_NONCE, sealed, user.encode())
    except InvalidTag as error:
        raise WarrenError(
            Code.STATE_DAMAGED, "this app's secret was sealed under another key", "restore keys/factors.key"
        ) from error


def matching_step(secret: bytes, code: str, now: float) -> int | None:
    """The step whose code this is, None where it is none of those that count at `now` (Unix seconds)."""
    if len(code) != TOTP_DIGITS:
        return None
    import pyotp  # noqa: PLC0415

    app, step = pyotp.HOTP(_text(secret)), int(now) // STEP_S
    found = [step + off for off in _AROUND if hmac.compare_digest(app.at(step + off), code)]
    return found[0] if found else None


def link(secret: bytes, *, user: str, server: str) -> str:
    """The `otpauth:` link that an app reads."""
    import pyotp  # noqa: PLC0415

    return pyotp.TOTP(_text(secret)).provisioning_uri(name=user, issuer_name=f"Warren {server}")


def drawing(text: str) -> str:
    """A QR code as inline SVG, without a script, a style or a second request."""
    import segno  # noqa: PLC0415

    return str(segno.make(text, error="m").svg_inline(scale=4, border=4, light="#fff", dark="#000", omitsize=True))


def show_secret(secret: bytes) -> str:
    """In groups of four, for who types it."""
    text = _text(secret)
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def _text(secret: bytes) -> str:
    return base64.b32encode(secret).decode()


def _row_key(key: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"warren/totp/v1").derive(key)
