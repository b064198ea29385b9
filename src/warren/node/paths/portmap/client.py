"""What every protocol's client is asked and what it answers: the words between a client and the mapper. Pure.

A client knows one protocol and one port of one address. It is asked one thing at a time (`detect`, then any of `ask`,
`check`, `release`), sends until it has an answer or has tried often enough, and says what came of it. Must not know
the other protocols, lifetimes or whether a claim is believed.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from warren.limits import PORTMAP_ANSWER_MAX_S, PORTMAP_OUTBOX_MAX
from warren.model.addresses import Endpoint

TRY_AFTER_S = (0.0, 0.25, 0.75, 1.5)  # a gateway on the same link answers in milliseconds, a busy one in half a second


class Method(StrEnum):
    """The protocols, the best first: PCP proves who made a mapping, UPnP takes four requests for one."""

    PCP = "pcp"
    NAT_PMP = "nat-pmp"
    UPNP = "upnp"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A default gateway, and the address of ours that mappings lead to. `scope`: the link's index."""

    address: IPv4Address | IPv6Address
    source: IPv4Address | IPv6Address
    scope: int = 0


@dataclass(frozen=True, slots=True)
class Datagram:
    """Send this to that UDP port of the gateway."""

    port: int
    data: bytes


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Ask by HTTP: POST with `action` as SOAPACTION, or GET where that is empty. The answer comes with its number."""

    number: int
    port: int
    path: str
    action: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came: the status and the body, bounded by who fetched it."""

    status: int
    body: bytes


Transmit = Datagram | HttpRequest


@dataclass(frozen=True, slots=True)
class Present:
    """The gateway speaks this protocol."""


@dataclass(frozen=True, slots=True)
class Absent:
    """It does not, or not for what we need."""

    reason: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The mapping stands: reachable at `external` for `lifetime_s`, says the gateway."""

    external: Endpoint
    lifetime_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway does not want to."""

    reason: str


@dataclass(frozen=True, slots=True)
class Silent:
    """It did not answer what was asked."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A check found the mapping as it was."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The gateway forgot the mapping, or restarted and so probably did, or has another address."""

    reason: str


@dataclass(frozen=True, slots=True)
class Released:
    """The mapping was given back, or there was none of ours."""


Outcome = Present | Absent | Granted | Refused | Silent | Kept | Lost | Released


class Client(Protocol):
    """One protocol's side of the conversation. `now`: seconds, ascending, that count on while the machine sleeps."""

    @property
    def method(self) -> Method:
        """Which protocol."""

    def detect(self, now: float) -> None:
        """Find out whether the gateway speaks it: `Present` or `Absent`."""

    def ask(self, suggested: Endpoint | None, now: float) -> None:
        """Make or renew the mapping, best at the suggested endpoint: `Granted`, `Refused` or `Silent`."""

    def check(self, now: float) -> None:
        """See whether the mapping still stands: `Kept`, `Lost` or `Silent`."""

    def release(self, held: Endpoint, now: float) -> None:
        """Give this mapping of ours back: `Released` or `Silent`."""

    def handle_datagram(self, port: int, data: bytes, now: float) -> None:
        """A datagram of the gateway, to what was asked at that port; one of another protocol is ignored."""

    def handle_announcement(self, data: bytes, now: float) -> None:
        """What the gateway tells everybody: `Lost` if it means that."""

    def handle_http(self, number: int, answer: HttpAnswer | None, now: float) -> None:
        """The answer to a request, None where none came that may be used."""

    def handle_timeout(self, now: float) -> None:
        """Do what is due; harmless when early."""

    def poll_transmit(self) -> Transmit | None:
        """The next thing to send."""

    def poll_outcome(self) -> Outcome | None:
        """The next thing that came of it."""

    def poll_timeout(self) -> float | None:
        """When `handle_timeout` is due."""


@dataclass(slots=True)
class Question:
    """A datagram that is sent until somebody takes the answer: at TRY_AFTER_S, for PORTMAP_ANSWER_MAX_S in all."""

    about: str
    datagram: Datagram
    _due: deque[float]
    _ends_at: float

    @classmethod
    def begin(cls, about: str, datagram: Datagram, now: float) -> "Question":
        """A question of which nothing was sent yet."""
        return cls(about, datagram, deque(now + after_s for after_s in TRY_AFTER_S), now + PORTMAP_ANSWER_MAX_S)

    def take(self, now: float) -> bool:
        """Whether the datagram is to be sent now; counted if so."""
        is_due = False
        while self._due and self._due[0] <= now:
            self._due.popleft()
            is_due = True
        return is_due

    def has_ended(self, now: float) -> bool:
        """Whether nobody will answer any more."""
        return now >= self._ends_at

    @property
    def timeout(self) -> float:
        """When something is to be done about it."""
        return self._due[0] if self._due else self._ends_at


@dataclass(slots=True)
class Box:
    """What a client wants sent and said; bounded, since it is drained after every input."""

    transmits: deque[Transmit] = field(default_factory=lambda: deque(maxlen=PORTMAP_OUTBOX_MAX))
    outcomes: deque[Outcome] = field(default_factory=lambda: deque(maxlen=PORTMAP_OUTBOX_MAX))

    def transmit(self) -> Transmit | None:
        """The next transmit, taken out."""
        return self.transmits.popleft() if self.transmits else None

    def outcome(self) -> Outcome | None:
        """The next outcome, taken out."""
        return self.outcomes.popleft() if self.outcomes else None
