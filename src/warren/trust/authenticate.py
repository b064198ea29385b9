"""From bytes to a document whose signer is certain. Whether the signer may say it is for `verify`.

Decides: canonical, known kind, well-formed, signed. Pure, so a caller may keep answers by the digest of the bytes.
`Authentic` is made only here; code that holds one need not check a signature again.
"""

import hashlib
from dataclasses import dataclass, field

from warren import canonical
from warren.errors import Code, WarrenError
from warren.model.ids import Identity, NetworkId
from warren.trust.documents import BODY_TYPES, Body, Genesis, Kind, check, subject_of
from warren.trust.ed25519 import is_signed
from warren.trust.signing import Envelope, signed_bytes


@dataclass(frozen=True, slots=True)
class Authentic:
    """A document of this network with a valid signature. `digest` is the SHA-256 of `raw`."""

    network: NetworkId
    kind: Kind
    subject: bytes
    signer: Identity
    body: Body
    digest: bytes
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document does not count; `kind` and `subject` are empty where the bytes did not say, `digest` where it was
    refused before it was known to be one."""

    kind: str
    subject: bytes
    code: Code
    text: str
    digest: bytes = b""


def authenticate(network: NetworkId, raw: bytes) -> Authentic | Refusal:
    """The document in `raw`, if its signer signed it for this network; else the reason."""
    kind = ""
    try:
        envelope = canonical.decode(raw, Envelope)
        kind = envelope.kind
        body = _read_body(envelope)
    except WarrenError as error:
        return Refusal(kind if kind in BODY_TYPES else "", b"", error.code, error.text)
    subject = subject_of(body, envelope.signer)
    reason = _reason_against(network, envelope, body)
    if reason is not None:
        return Refusal(kind, subject, *reason)
    digest = hashlib.sha256(raw).digest()
    return Authentic(network, Kind(kind), subject, Identity(envelope.signer), body, digest, raw)


def read_genesis(raw: bytes) -> tuple[NetworkId, Authentic] | Refusal:
    """A genesis from a stranger: the network that it begins. Whether it is the wanted one a pin or an id tells."""
    try:
        envelope = canonical.decode(raw, Envelope)
    except WarrenError as error:
        return Refusal("", b"", error.code, error.text)
    if envelope.kind != Kind.GENESIS:
        return Refusal("", b"", Code.MALFORMED, "this is not a genesis document")
    network = NetworkId(hashlib.sha256(envelope.body).digest())
    answer = authenticate(network, raw)
    return answer if isinstance(answer, Refusal) else (network, answer)


def root_of(genesis: Authentic) -> Identity:
    """The root key that a genesis names; WarrenError MALFORMED for a document of another kind."""
    if not isinstance(genesis.body, Genesis):
        raise WarrenError(Code.MALFORMED, "this is not a genesis document")
    return Identity(genesis.body.root)


def _read_body(envelope: Envelope) -> Body:
    if envelope.kind not in BODY_TYPES:
        raise WarrenError(Code.UNSUPPORTED, "a kind of document that this version does not know")
    body = canonical.decode(envelope.body, BODY_TYPES[Kind(envelope.kind)])
    check(body)
    return body


def _reason_against(network: NetworkId, envelope: Envelope, body: Body) -> tuple[Code, str] | None:
    if isinstance(body, Genesis):
        begun = hashlib.sha256(envelope.body)
        if begun.digest() != network:
            return Code.NETWORK_UNKNOWN, f"the genesis of another network, {begun.hexdigest()[:10]}"
        if body.root != envelope.signer:
            return Code.FORBIDDEN, "a genesis is signed by the root that it names"
    message = signed_bytes(envelope.kind, network, envelope.body)
    if not is_signed(envelope.signer, message, envelope.signature):
        return Code.BAD_SIGNATURE, "the signature is not the signer's for this network"
    return None
