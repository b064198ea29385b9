"""The strict Ed25519 check, the same answer on every platform and library.

RFC 8032 section 5.1.7 leaves freedom in what to accept ('Taming the many EdDSAs', Chalkias, Garillot, Nikolaenko 2020).
This check accepts only: S below the group order; the public key and R in their one encoding (y below the field prime)
and not of small order; and the equation without the cofactor. A small-order key would sign any message, and a second
encoding would give one signature two digests.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELD_PRIME: Final = 2**255 - 19
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493

# y of the points of order 8 (found as the y with 8P = 0 and 4P != 0; the other one is its negative)
_ORDER_8_Y: Final = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y: Final = frozenset({0, 1, FIELD_PRIME - 1, _ORDER_8_Y, FIELD_PRIME - _ORDER_8_Y})
_SIGN_MASK: Final = (1 << 255) - 1


def is_strong_point(encoded: bytes) -> bool:
    """Whether 32 bytes are in range and not of small order (that they are on the curve is for the signature check)."""
    if len(encoded) != 32:
        return False
    y = int.from_bytes(encoded, "little") & _SIGN_MASK
    return y < FIELD_PRIME and y not in _SMALL_ORDER_Y


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the strict Ed25519 signature of the message by the key; False for anything malformed."""
    if len(signature) != 64 or not is_strong_point(public) or not is_strong_point(signature[:32]):
        return False
    if int.from_bytes(signature[32:], "little") >= GROUP_ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
