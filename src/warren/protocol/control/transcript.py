"""The bytes that the signatures of a session cover.

Decides what both proofs bind. The server's challenge covers the node's whole hello as it arrived (so nobody between
them changes the offered versions), the version chosen, both nonces, the network and the certificate in front of it (so
a proof cannot be carried over another TLS connection). The node's proof covers network, server key and both nonces: it
is worth nothing at another server and at no other time. Fields have fixed lengths or a length before them; every
statement begins with its own domain.
"""

import hashlib

CHALLENGE_DOMAIN = b"warren/challenge/v1\0"
SESSION_DOMAIN = b"warren/session/v1\0"


def challenge_statement(
    *, hello: bytes, version: int, server_key: bytes, nonce: bytes, network: bytes, certificate_sha256: bytes
) -> bytes:
    """Return what the server signs; `hello` is the node's first frame as it was received, its nonce within."""
    return b"".join(
        (
            CHALLENGE_DOMAIN,
            hashlib.sha256(hello).digest(),
            version.to_bytes(8, "big"),
            server_key,
            nonce,
            network,
            len(certificate_sha256).to_bytes(1, "big"),
            certificate_sha256,
        )
    )


def session_statement(*, network: bytes, server_key: bytes, node_nonce: bytes, server_nonce: bytes) -> bytes:
    """Return what the node's identity key signs, to resume as well as to join."""
    return SESSION_DOMAIN + network + server_key + node_nonce + server_nonce


def key_challenge(statement: bytes) -> bytes:
    """Return the 32 bytes that a pre-auth key signs as 'the server's challenge': a digest of the session statement."""
    return hashlib.sha256(statement).digest()
