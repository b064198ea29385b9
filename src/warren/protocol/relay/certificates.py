"""A relay's session certificate: an identity says that an X25519 session key speaks for it towards one relay.

204 bytes, numbers big-endian: version 1 (u8), zeros (3), not after in Unix s (u64), the relay's X25519 key (32), the
network (32), identity (32), session key (32), and the identity's Ed25519 signature (64) over
`"warren/relay-session/v1" 0` and all before it. Made about once an hour, so that the
engine can prove itself to a relay without the identity key.

Decides the form. A relay takes none that is good for more than two hours (`engine/proto/src/relay/limits.rs`).
"""

import struct
from typing import Final

from warren.errors import Code, WarrenError
from warren.model.ids import NetworkId
from warren.model.keys import SigningKeyPair

CERTIFICATE_DOMAIN: Final = b"warren/relay-session/v1\0"
CERTIFICATE_BYTES: Final = 204
_BODY: Final = struct.Struct(">B3xQ32s32s32s32s")


def sign_certificate(
    identity: SigningKeyPair, *, network: NetworkId, relay_key: bytes, session_key: bytes, not_after_s: int
) -> bytes:
    """The certificate's bytes. WarrenError INVALID_ARGUMENT where a key has not 32 bytes or the time does not fit."""
    if len(network) != 32 or len(relay_key) != 32 or len(session_key) != 32 or not 0 <= not_after_s < 2**64:
        raise WarrenError(Code.INVALID_ARGUMENT, "not a relay session certificate: a key or time is wrong")
    body = _BODY.pack(1, not_after_s, relay_key, network, identity.public, session_key)
    return body + identity.sign(CERTIFICATE_DOMAIN + body)
