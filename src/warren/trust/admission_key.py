"""Pre-auth keys and invites: `wk.<id>.<seed>.<pin>`, one line that admits a machine and proves the server to it.

Decides the format, what the pin covers and what a joiner signs. Must not know databases: the server keeps `id` and
`public` only. The seed is an Ed25519 seed that never crosses the wire; the pin is the first 16 bytes of
SHA-256("warren/pin/v1" || network id || root key || server key), so it authenticates the server without TLS.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.model.ids import Identity, NetworkId
from warren.model.keys import Secret, SigningKeyPair
from warren.trust.ed25519 import is_signed

ID_CHARS = 10
PIN_BYTES = 16
CHALLENGE_BYTES = 32

_FORM = re.compile(r"wk\.([a-z2-7]{10})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{22})", re.ASCII)


@dataclass(frozen=True, slots=True)
class AdmissionKey:
    """A key as its holder has it. `id` names it to the server, `public` is what the server checks against."""

    id: str
    seed: Secret[bytes]
    pin: bytes

    @property
    def public(self) -> bytes:
        """The Ed25519 public key of the seed, 32 bytes."""
        return SigningKeyPair(self.seed.reveal()).public


def parse(text: str) -> AdmissionKey:
    """The key in a line (spaces around it do not matter); WarrenError INVALID_KEY, which never repeats the text."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise _invalid()
    seed, pin = _from_base64(found[2]), _from_base64(found[3])
    return AdmissionKey(found[1], Secret(seed), pin)


def format_key(key: AdmissionKey) -> str:
    """The line that `parse` reads. It is a secret."""
    text = f"wk.{key.id}.{_to_base64(key.seed.reveal())}.{_to_base64(key.pin)}"
    if _FORM.fullmatch(text) is None:
        raise _invalid()
    return text


def make(random: bytes, network: NetworkId, root: bytes, server: bytes) -> AdmissionKey:
    """A new key for a network behind a server; `random` is 39 fresh bytes (7 for the id, 32 for the seed)."""
    if len(random) != 39:
        raise _invalid()
    name = base64.b32encode(random[:7]).decode().lower()[:ID_CHARS]
    return AdmissionKey(name, Secret(random[7:]), pin(network, root, server))


def id_of(public: bytes) -> str:
    """The id of a key whose public half names it: of an invite that an admin's device made and delegated to."""
    return base64.b32encode(public[:7]).decode().lower()[:ID_CHARS]


def make_delegated(seed: bytes, network: NetworkId, root: bytes, server: bytes) -> AdmissionKey:
    """A key that its maker delegates to, from 32 fresh bytes: its id follows from its public half."""
    return AdmissionKey(id_of(SigningKeyPair(seed).public), Secret(seed), pin(network, root, server))


def pin(network: NetworkId, root: bytes, server: bytes) -> bytes:
    """The 16 bytes that name this network, its root and its server at once."""
    return hashlib.sha256(b"warren/pin/v1" + network + root + server).digest()[:PIN_BYTES]


def is_pinned(key: AdmissionKey, network: NetworkId, root: bytes, server: bytes) -> bool:
    """Whether the key was made for this network, root and server."""
    return hmac.compare_digest(key.pin, pin(network, root, server))


def sign_join(seed: Secret[bytes], identity: Identity, network: NetworkId, challenge: bytes) -> bytes:
    """The joiner's proof that it holds the key, good for one challenge (32 bytes) only."""
    return SigningKeyPair(seed.reveal()).sign(_join_bytes(identity, network, challenge))


def renewal_challenge(key_id: str) -> bytes:
    """What stands for the challenge where a key is used to renew a membership: the key is good for one use, so a
    signature that somebody plays again finds it used."""
    return hashlib.sha256(b"warren/renew/v1" + key_id.encode()).digest()


def verify_join(public: bytes, identity: Identity, network: NetworkId, challenge: bytes, signature: bytes) -> bool:
    """Whether the holder of the key with this public half asks to admit this identity, now."""
    if len(challenge) != CHALLENGE_BYTES:
        return False
    return is_signed(public, _join_bytes(identity, network, challenge), signature)


def _join_bytes(identity: Identity, network: NetworkId, challenge: bytes) -> bytes:
    if len(identity) != 32 or len(network) != 32 or len(challenge) != CHALLENGE_BYTES:
        raise WarrenError(Code.INVALID_ARGUMENT, "identity, network id and challenge have 32 bytes each")
    return b"warren/join/v1\0" + identity + network + challenge


def _to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _from_base64(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _to_base64(data) != text:  # the last character has spare bits: one key, one spelling
        raise _invalid()
    return data


def _invalid() -> WarrenError:
    return WarrenError(Code.INVALID_KEY, "this is not a key of Warren", "it looks like wk.….….…; copy all of it")
