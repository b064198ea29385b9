"""What a path agent says: the path to use, what to tell the peer, and its state in a few values. Pure."""

from dataclasses import dataclass

from warren.model.addresses import Hop, RelayHop


@dataclass(frozen=True, slots=True)
class UsePath:
    """Send to this hop from here on. `rtt_s` None: a relay's channel that nothing has come back on yet."""

    endpoint: Hop
    rtt_s: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class PathLost:
    """The hop in use does not answer any more (or is gone), and no other does."""

    endpoint: Hop


@dataclass(frozen=True, slots=True)
class SendCandidates:
    """Tell the peer our endpoints; `reply_wanted`: and ask for its own."""

    reply_wanted: bool


@dataclass(frozen=True, slots=True)
class RelaySilent:
    """The channel does not answer: whoever keeps relays may find another."""

    hop: RelayHop


Event = UsePath | PathLost | SendCandidates | RelaySilent


@dataclass(frozen=True, slots=True)
class PathState:
    """For people: the hop in use with its round trip and since when, why, and what is being done about it."""

    endpoint: Hop | None
    rtt_s: float | None
    since: float | None
    note: str
    reason: str = ""
