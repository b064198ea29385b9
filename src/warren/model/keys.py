"""Key pairs as single objects, and the wrapper that keeps a secret out of logs.

Decides how a private key is held and used: a pair is made from its 32 private bytes and never taken apart, so that a
public key of one pair cannot meet the private key of another. Must not know files or randomness: who makes a key draws
the 32 bytes in `node/keys.py` or `server/keys.py`. Ed25519: RFC 8032; X25519: RFC 7748.
"""

import hmac
from typing import Generic, NoReturn, TypeVar, final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from warren.errors import Code, WarrenError
from warren.model.ids import Identity

T_co = TypeVar("T_co", covariant=True)

KEY_BYTES = 32

_FIELD_PRIME = 2**255 - 19
_LOW_ORDER = frozenset(
    {
        0,
        1,
        _FIELD_PRIME - 1,
        _FIELD_PRIME,
        _FIELD_PRIME + 1,
        int.from_bytes(bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"), "little"),
        int.from_bytes(bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"), "little"),
    }
)
"""The points of X25519 whose every multiple by a clamped scalar is zero, in each encoding (RFC 7748, 6.1 and 7)."""


@final
class Secret(Generic[T_co]):
    """A value that prints as `[redacted]`, cannot be pickled and compares in constant time (bytes and str)."""

    __slots__ = ("_value",)

    def __init__(self, value: T_co) -> None:
        self._value = value

    def reveal(self) -> T_co:
        """The value itself: for the one place that writes or sends it."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_comparable(self._value), _comparable(other.reveal()))

    def __hash__(self) -> NoReturn:
        raise TypeError("a secret is no key of a table")

    def __repr__(self) -> str:
        return "[redacted]"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


@final
class SigningKeyPair:
    """An Ed25519 pair: `public` (32 bytes) is an identity or an authority, `sign` makes 64-byte signatures."""

    __slots__ = ("_private", "_public")

    def __init__(self, private: bytes) -> None:
        """From the 32-byte seed of RFC 8032; WarrenError INVALID_KEY for any other length."""
        _check_private(private)
        self._private = Ed25519PrivateKey.from_private_bytes(private)
        self._public = Identity(self._private.public_key().public_bytes_raw())

    @property
    def public(self) -> Identity:
        """The half that everybody may know; it goes with no other private one (rule 24)."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of the message."""
        return self._private.sign(message)

    def private_bytes(self) -> Secret[bytes]:
        """The 32-byte seed, for the one file that keeps it."""
        return Secret(self._private.private_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKeyPair({self.public.hex()[:10]}, [redacted])"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key pair is not pickled")


@final
class ExchangeKeyPair:
    """An X25519 pair: a WireGuard key or a path key; `public` is 32 bytes."""

    __slots__ = ("_private", "_public")

    def __init__(self, private: bytes) -> None:
        """From 32 private bytes; WarrenError INVALID_KEY for any other length."""
        _check_private(private)
        self._private = X25519PrivateKey.from_private_bytes(private)
        self._public = self._private.public_key().public_bytes_raw()

    @property
    def public(self) -> bytes:
        """The half that everybody may know; it goes with no other private one (rule 24)."""
        return self._public

    def exchange(self, peer_public: bytes) -> bytes:
        """The 32-byte shared secret; WarrenError INVALID_KEY for a peer key that gives none (length, low order)."""
        try:
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError as error:
            raise WarrenError(Code.INVALID_KEY, "the peer's key gives no shared secret") from error

    def private_bytes(self) -> Secret[bytes]:
        """The 32 private bytes, for the one file or engine call that needs them."""
        return Secret(self._private.private_bytes_raw())

    def __repr__(self) -> str:
        return f"ExchangeKeyPair({self.public.hex()[:10]}, [redacted])"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key pair is not pickled")


def is_low_order(public: bytes) -> bool:
    """Whether an X25519 public key gives the same secret, zero, with every private key: nobody's key (RFC 7748, 7)."""
    return int.from_bytes(public, "little") & ((1 << 255) - 1) in _LOW_ORDER


def _check_private(private: bytes) -> None:
    if len(private) != KEY_BYTES:
        raise WarrenError(Code.INVALID_KEY, f"a private key has {KEY_BYTES} bytes, not {len(private)}")


def _comparable(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    raise TypeError("only secrets of bytes or str are compared")
