"""Private keys of the server: generation, and files that only their owner can read.

Decides where each key lies and that it is made once. Must not know what is signed with it. The server's key proves
the server to nodes (challenge), the registrar's key signs admissions; a root key lies here only for networks that
this server made itself, and `network show` says so. SECURITY.md rules 24 and 43.
Invariant: a key file is complete, 0600 and on disk before its key is used.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from warren.errors import Code, WarrenError
from warren.model.keys import ExchangeKeyPair, SigningKeyPair
from warren.server.files import write_private

KEY_BYTES = 32


def generate() -> bytes:
    """32 fresh private bytes of an Ed25519 key."""
    return os.urandom(KEY_BYTES)


def generate_tls() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key for a certificate, which every TLS library takes."""
    return ec.generate_private_key(ec.SECP256R1())


def load_or_make(path: Path) -> SigningKeyPair:
    """Read the Ed25519 key of `path`, or make it. Raises WarrenError STATE_DAMAGED; never replaces a damaged key."""
    try:
        return _checked(path, _read(path))
    except FileNotFoundError:
        private = generate()
        write_private(path, private)
    return _checked(path, private)


def load_or_make_exchange(path: Path) -> ExchangeKeyPair:
    """Read the X25519 key of `path`, or make it: what proves this server's relay. Raises WarrenError STATE_DAMAGED."""
    try:
        private = _read(path)
    except FileNotFoundError:
        private = generate()
        write_private(path, private)
    _checked(path, private)
    return ExchangeKeyPair(private)


def load(path: Path) -> SigningKeyPair:
    """Read the Ed25519 key of `path`. Raises WarrenError NOT_FOUND or STATE_DAMAGED."""
    try:
        return _checked(path, _read(path))
    except FileNotFoundError as error:
        raise WarrenError(Code.NOT_FOUND, f"the key {path.name} is not on this server", "restore it") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise WarrenError(Code.STATE_DAMAGED, f"{path} cannot be read: {reason}", "restore it from a backup") from error


def _checked(path: Path, private: bytes) -> SigningKeyPair:
    if len(private) != KEY_BYTES:
        raise WarrenError(
            Code.STATE_DAMAGED, f"{path} holds {len(private)} bytes, not a key", "restore it from a backup"
        )
    return SigningKeyPair(private)
