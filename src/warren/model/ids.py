"""Who and where: identities of nodes, networks and users, and how they are shown.

Decides what counts as a well-formed id. Must not know who holds which right (that is `trust`).
An `Identity` is an Ed25519 public key (RFC 8032, 32 bytes): a node's name for life in one network.
A `NetworkId` is the SHA-256 of the body of the network's genesis document. Authorities (root, registrar) are named by
an Ed25519 public key too, and have the type `Identity`.
"""

import string
from typing import NewType

from warren.errors import Code, WarrenError

Identity = NewType("Identity", bytes)
NetworkId = NewType("NetworkId", bytes)
UserId = NewType("UserId", str)

ID_BYTES = 32
SHORT_HEX_DIGITS = 10
IDENTITY_MIN_DIGITS = 6  # of an identity that a person types; fewer are more likely a name


def parse_identity(text: str) -> Identity:
    """The identity that 64 hex digits name (either case); WarrenError INVALID_ARGUMENT for anything else."""
    return Identity(_parse_hex(text, "identity"))


def parse_network_id(text: str) -> NetworkId:
    """The network id that 64 hex digits name (either case); WarrenError INVALID_ARGUMENT for anything else."""
    return NetworkId(_parse_hex(text, "network id"))


def show_identity(identity: bytes) -> str:
    """All 64 hex digits, lower case: what `parse_identity` reads."""
    return identity.hex()


def short_identity(identity: bytes) -> str:
    """The first 10 hex digits: for tables and messages to people, never for comparing."""
    return identity.hex()[:SHORT_HEX_DIGITS]


def show_network_id(network: bytes) -> str:
    """All 64 hex digits, lower case: what `parse_network_id` reads."""
    return network.hex()


def _parse_hex(text: str, what: str) -> bytes:
    if len(text) != 2 * ID_BYTES or not set(text) <= set(string.hexdigits):
        raise WarrenError(Code.INVALID_ARGUMENT, f"not a valid {what}: 64 hex digits are expected")
    return bytes.fromhex(text)
