"""What the node asks of its data plane about relays, and what it hears back: the part of `interface` that is theirs.

A relay has a number; its session is one of a tunnel (one network, one identity). The data plane connects, proves,
reconnects and keeps alive by itself; that a relay is lost means that nothing passes through it until it is connected
again. Must not know which relays are wanted or why.
"""

from dataclasses import dataclass
from typing import Protocol

from warren.engine.events import Carriage
from warren.engine.relay_place import RelaySession
from warren.engine.tunnel import RelayStats
from warren.model.addresses import RelayHop
from warren.model.ids import Identity

__all__ = [
    "Carriage",
    "ChannelGone",
    "ChannelOpened",
    "RelayConnected",
    "RelayEvent",
    "RelayLost",
    "RelaySession",
    "RelayStats",
    "Relaying",
]


@dataclass(frozen=True, slots=True)
class RelayConnected:
    """The session stands and the relay proved its key; told again when the carriage changed."""

    relay: int
    rtt_s: float
    carriage: Carriage


@dataclass(frozen=True, slots=True)
class RelayLost:
    """Nothing passes through this relay; `reason` is for people."""

    relay: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """What is sent to `hop` reaches this identity, and what it sends comes from there."""

    peer: Identity
    hop: RelayHop


@dataclass(frozen=True, slots=True)
class ChannelGone:
    """The peer has no session with that relay (any more)."""

    peer: Identity
    hop: RelayHop


RelayEvent = RelayConnected | RelayLost | ChannelOpened | ChannelGone


class Relaying(Protocol):
    """The relays of one tunnel. A tunnel without relays in use costs nothing."""

    def set_relay(self, session: RelaySession) -> None:
        """Connect and stay connected, or take new papers and addresses of a relay that is known."""

    def remove_relay(self, relay: int) -> None:
        """Forget a relay with its channels; nothing happens if it is not known."""

    def open_channel(self, relay: int, peer: Identity) -> None:
        """Want a channel to this peer at a relay that was set; `ChannelOpened` answers, with each session anew."""

    def close_channel(self, relay: int, peer: Identity) -> None:
        """The channel is not wanted any more."""

    def relay_stats(self, relay: int) -> RelayStats:
        """How the session is."""
