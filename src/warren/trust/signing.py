"""Making documents: the bytes that are signed and the envelope around them.

Decides the signed domain. Must not know who may sign what. A document is the canonical msgpack array
`[kind, signer, body, signature]`; the signature covers `"warren/" kind "/v1" 0 network-id body`, with 32 zero bytes
for the network id of a genesis, whose body's SHA-256 is that id.
"""

import hashlib

import msgspec

from warren import canonical
from warren.errors import Code, WarrenError
from warren.model.ids import NetworkId
from warren.model.keys import SigningKeyPair
from warren.trust.documents import BODY_TYPES, Body, Genesis, Key, Kind, Right, check

NO_NETWORK = NetworkId(bytes(32))


class Envelope(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """A document on the wire; nothing may follow the signature, since nothing signs it."""

    kind: str
    signer: Key
    body: bytes
    signature: bytes


def signed_bytes(kind: str, network: NetworkId, body: bytes) -> bytes:
    """What the signature of a document covers."""
    return b"warren/" + kind.encode() + b"/v1\0" + (NO_NETWORK if kind == Kind.GENESIS else network) + body


def sign(kind: str, network: NetworkId, body: Body, key: SigningKeyPair) -> bytes:
    """The document: this body, signed. WarrenError INVALID_ARGUMENT if no node would take it as that kind."""
    encoded = _encode(kind, body)
    signature = key.sign(signed_bytes(kind, network, encoded))
    return canonical.encode(Envelope(kind=str(kind), signer=key.public, body=encoded, signature=signature))


def make_genesis(root: SigningKeyPair, random: bytes) -> tuple[NetworkId, bytes]:
    """A new network: its id and its genesis document. `random` is 16 bytes that nobody used before."""
    body = Genesis(version=1, root=root.public, random=random)
    network = NetworkId(hashlib.sha256(_encode(Kind.GENESIS, body)).digest())
    return network, sign(Kind.GENESIS, network, body, root)


REGISTRAR_RIGHTS = (Right.ADMIT, Right.ATTEST, Right.REMOVE)  # never READMIT: see DESIGN.md, Trust, 'removal'


def _encode(kind: str, body: Body) -> bytes:
    """The body's bytes, read back as a node would, so that a mistake shows where it is made."""
    try:
        encoded = canonical.encode(body)
        expected = BODY_TYPES[Kind(kind)]
        check(canonical.decode(encoded, expected))
    except (ValueError, WarrenError) as error:
        raise WarrenError(Code.INVALID_ARGUMENT, f"not a document of kind '{kind}': {error}") from error
    if type(body) is not expected:
        raise WarrenError(Code.INVALID_ARGUMENT, f"a document of kind '{kind}' has another body")
    return encoded
