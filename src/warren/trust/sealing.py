"""Sealed messages from one member's path key to another's; whoever carries them can neither read nor forge them.

Decides the layout and the binding. Must not know what is inside (`protocol.peer`). One ephemeral X25519 key a message:
the content key is HKDF-SHA256 (RFC 5869) over X25519(ephemeral, receiver) and X25519(sender, receiver), salted with the
network id and bound to both identities and all three public keys; so the nonce of ChaCha20-Poly1305 (RFC 8439) is zero,
and no key meets two messages. Sealed = version 1 (1) | ephemeral public key (32) | ciphertext and tag.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from warren import limits
from warren.errors import Code, WarrenError
from warren.model.ids import Identity, NetworkId
from warren.model.keys import ExchangeKeyPair

_VERSION = b"\x01"
_NONCE = bytes(12)
OVERHEAD_BYTES = 1 + 32 + 16


def seal(
    plain: bytes,
    *,
    network: NetworkId,
    sender: Identity,
    sender_path: ExchangeKeyPair,
    receiver: Identity,
    receiver_path: bytes,
    ephemeral: ExchangeKeyPair,
) -> bytes:
    """The sealed message. `ephemeral` is a fresh pair, used for this one message and dropped.

    WarrenError TOO_LARGE if the result would pass 4 KiB, INVALID_KEY if the receiver's key is none.
    """
    if len(plain) + OVERHEAD_BYTES > limits.SEALED_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, "the message does not fit a sealed one")
    secrets = ephemeral.exchange(receiver_path) + sender_path.exchange(receiver_path)
    bound = _bound(sender, receiver, ephemeral.public, sender_path.public, receiver_path)
    return _VERSION + ephemeral.public + _cipher(secrets, network, bound).encrypt(_NONCE, plain, None)


def open_sealed(
    sealed: bytes,
    *,
    network: NetworkId,
    sender: Identity,
    sender_path: bytes,
    receiver: Identity,
    receiver_path: ExchangeKeyPair,
) -> bytes:
    """The plain message, if `sender` sealed it for this receiver in this network with these path keys.

    WarrenError TOO_LARGE, UNSUPPORTED (another version) or BAD_SIGNATURE (anything else); nothing tells which part.
    """
    if len(sealed) > limits.SEALED_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, "the sealed message is larger than allowed")
    if sealed[:1] not in {_VERSION, b""}:
        raise WarrenError(Code.UNSUPPORTED, "a sealed message of a version that this one does not know")
    try:
        ephemeral = sealed[1:33]
        secrets = receiver_path.exchange(ephemeral) + receiver_path.exchange(sender_path)
        bound = _bound(sender, receiver, ephemeral, sender_path, receiver_path.public)
        return _cipher(secrets, network, bound).decrypt(_NONCE, sealed[33:], None)
    except (InvalidTag, WarrenError) as error:
        raise WarrenError(Code.BAD_SIGNATURE, "the sealed message is not from this sender to this receiver") from error


def _bound(sender: Identity, receiver: Identity, ephemeral: bytes, sender_path: bytes, receiver_path: bytes) -> bytes:
    return b"warren/seal/v1" + sender + receiver + ephemeral + sender_path + receiver_path


def _cipher(secrets: bytes, network: NetworkId, bound: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(algorithm=SHA256(), length=32, salt=network, info=bound).derive(secrets))
