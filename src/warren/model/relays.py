"""Which number a relay has. Pure.

A relay is named by a number everywhere (grants, presence, hops), and by its key where it proves itself. The number
follows from the key, so that a relay that stands alone and the server that tells of it agree without asking: the first
63 bits of SHA-256("warren/relay-number/v1" || X25519 key), never 0, which means none.
"""

import hashlib

_DOMAIN = b"warren/relay-number/v1"


def relay_number(key: bytes) -> int:
    """The number of the relay with this X25519 key (32 bytes); 1 to 2^63 - 1."""
    return max(int.from_bytes(hashlib.sha256(_DOMAIN + key).digest()[:8], "big") >> 1, 1)
