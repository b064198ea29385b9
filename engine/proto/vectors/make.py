"""Makes the vectors of this folder with other programs' primitives: hashlib's BLAKE2s, hmac, and cryptography's X25519
and ChaCha20-Poly1305. The order of operations is written from the WireGuard paper, section 5.4, once more and apart
from the Rust code. Run it from here: `python make.py > handshake.txt`. The engine's test compares every line.
"""

import hashlib
import hmac
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


def digest(*parts: bytes) -> bytes:
    """HASH of the paper."""
    return hashlib.blake2s(b"".join(parts)).digest()


def keyed(key: bytes, data: bytes) -> bytes:
    """MAC of the paper."""
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def kdf(chain: bytes, data: bytes, count: int) -> list[bytes]:
    """KDF1, KDF2 or KDF3 of the paper."""
    root = hmac.new(chain, data, hashlib.blake2s).digest()
    outputs: list[bytes] = []
    last = b""
    for number in range(1, count + 1):
        last = hmac.new(root, last + bytes([number]), hashlib.blake2s).digest()
        outputs.append(last)
    return outputs


def public(private: bytes) -> bytes:
    """The public half of an X25519 key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def exchange(private: bytes, other: bytes) -> bytes:
    """X25519."""
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(other))


def seal(key: bytes, counter: int, plain: bytes, aad: bytes) -> bytes:
    """AEAD of the paper."""
    return ChaCha20Poly1305(key).encrypt(bytes(4) + counter.to_bytes(8, "little"), plain, aad)


def main() -> None:
    """Write one line a vector: its name and its bytes in hex."""
    static_i, static_r = bytes([1] * 32), bytes([2] * 32)
    ephemeral_i, ephemeral_r = bytes([3] * 32), bytes([4] * 32)
    preshared = bytes([5] * 32)
    index_i, index_r = 0x01020304, 0xA0B0C0D0
    # 2026-11-21 08:00:00.5 UTC: 2**62 + 10 + Unix seconds, then nanoseconds.
    stamp = (2**62 + 10 + 1795248000).to_bytes(8, "big") + (500_000_000).to_bytes(4, "big")

    chain = digest(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
    h = digest(digest(chain, b"WireGuard v1 zx2c4 Jason@zx2c4.com"), public(static_r))
    h = digest(h, public(ephemeral_i))
    [chain] = kdf(chain, public(ephemeral_i), 1)
    chain, key = kdf(chain, exchange(ephemeral_i, public(static_r)), 2)
    sealed_static = seal(key, 0, public(static_i), h)
    h = digest(h, sealed_static)
    chain, key = kdf(chain, exchange(static_i, public(static_r)), 2)
    sealed_stamp = seal(key, 0, stamp, h)
    h = digest(h, sealed_stamp)
    body = b"\x01\0\0\0" + index_i.to_bytes(4, "little") + public(ephemeral_i) + sealed_static + sealed_stamp
    initiation = body + keyed(digest(b"mac1----", public(static_r)), body) + bytes(16)

    h = digest(h, public(ephemeral_r))
    [chain] = kdf(chain, public(ephemeral_r), 1)
    [chain] = kdf(chain, exchange(ephemeral_r, public(ephemeral_i)), 1)
    [chain] = kdf(chain, exchange(ephemeral_r, public(static_i)), 1)
    chain, tau, key = kdf(chain, preshared, 3)
    h = digest(h, tau)
    nothing = seal(key, 0, b"", h)
    body = b"\x02\0\0\0" + index_r.to_bytes(4, "little") + index_i.to_bytes(4, "little") + public(ephemeral_r) + nothing
    response = body + keyed(digest(b"mac1----", public(static_i)), body) + bytes(16)

    forward, back = kdf(chain, b"", 2)
    inner = bytes([0x45, 0, 0, 21]) + bytes(16) + b"!"
    header = b"\x04\0\0\0" + index_r.to_bytes(4, "little") + bytes(8)
    transport = header + seal(forward, 0, inner.ljust(32, b"\0"), b"")
    header = b"\x04\0\0\0" + index_i.to_bytes(4, "little") + bytes(8)
    keepalive = header + seal(back, 0, b"", b"")

    vectors = {
        "initiation": initiation,
        "response": response,
        "transport": transport,
        "keepalive": keepalive,
        "hmac": hmac.new(bytes(range(32)), b"what do ya want for nothing?", hashlib.blake2s).digest(),
        **{f"kdf{number}": output for number, output in enumerate(kdf(bytes(range(32)), b"input", 3), 1)},
        "mac32": keyed(bytes(range(32)), b"message"),
        "mac16": keyed(bytes(range(16)), b"message"),
        "stamp": stamp,
    }
    sys.stdout.writelines(f"{name} {value.hex()}\n" for name, value in vectors.items())


if __name__ == "__main__":
    main()
