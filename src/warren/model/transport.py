"""What seals packets between two nodes, and who may have the second one.

Decides from a user's wish and the processors of both ends what the engine may do with a peer. WireGuard's own cipher is
always there; AES-256-GCM is for two Warren nodes that both have instructions for it and said so in their signed
records. The responder of each handshake chooses, and the handshake authenticates its choice.
"""

from enum import StrEnum
from typing import Literal

TransportWish = Literal["auto", "wireguard"]
"""What the user wants: AES-256-GCM where both ends are fast at it, or WireGuard's cipher only."""

AES_OFFER = "transport/aes256gcm/v1"
"""The capability in a node record by which its node offers to carry with AES-256-GCM."""


class Transport(StrEnum):
    """What may seal the sessions with a peer: WireGuard's only; AES-256-GCM where the peer chooses it; or AES
    where we choose, too.
    """

    WIREGUARD = "wireguard"
    TAKES_AES = "takes-aes"
    CHOOSES_AES = "chooses-aes"


class Cipher(StrEnum):
    """What seals a session, as people read it."""

    CHACHA20_POLY1305 = "chacha20-poly1305"
    AES_256_GCM = "aes-256-gcm"


def own_transport(wish: TransportWish, *, has_fast_aes: bool) -> Transport:
    """What this node does at most, with any peer. Without the instructions it still takes what a peer chooses: the
    offer of an earlier start, on another processor, may not have been replaced everywhere.
    """
    if wish == "wireguard":
        return Transport.WIREGUARD
    return Transport.CHOOSES_AES if has_fast_aes else Transport.TAKES_AES


def with_peer(own: Transport, *, peer_offers_aes: bool) -> Transport:
    """What this node does with one peer."""
    return Transport.TAKES_AES if own is Transport.CHOOSES_AES and not peer_offers_aes else own


def capabilities(own: Transport) -> tuple[str, ...]:
    """What this node's record says of it."""
    return (AES_OFFER,) if own is Transport.CHOOSES_AES else ()
