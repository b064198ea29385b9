"""`POST /v1/ping`: round trips inside the session with a peer. Streams `PingPong` and `PingLost`, ends in
`PingResult`."""

import msgspec

from warren.protocol.local.status import PathKind
from warren.protocol.local.stream import Broken, Line


class PingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ping: a name, `name.network`, an address or the start of an identity.

    Stops after `count` pongs, or before at the first one over a direct path where `until_direct`. The first ping goes
    out at once, the next `interval_s` after the last; one is lost after `timeout_s`.
    """

    host: str
    network: str | None = None
    count: int = 10
    until_direct: bool = True
    interval_s: float = 1.0
    timeout_s: float = 5.0


class PingPong(Line, frozen=True, kw_only=True, tag="pong"):
    """An answer. `via` is what carried it, `endpoint` the peer's address or the relay's name."""

    number: int
    name: str
    address: str
    via: PathKind
    endpoint: str
    latency_ms: float


class PingLost(Line, frozen=True, kw_only=True, tag="lost"):
    """No answer within the time; `reason` says what the daemon knows (no path, no session, gate shut)."""

    number: int
    name: str
    address: str
    reason: str


class PingResult(Line, frozen=True, kw_only=True, tag="pinged"):
    """The last line: how many were sent and answered."""

    sent: int
    answered: int


PingLine = PingPong | PingLost | PingResult | Broken
