"""What the prober holds for one peer: its agent, the probe keys of both directions, and when it was signalled last.

Decides the pace of signals: at most one in SIGNAL_GAP_S, and what came meanwhile goes out together when the gap is
over. Pure; times are monotonic seconds.
"""

from collections import deque
from dataclasses import dataclass, field

from warren.limits import PROBE_WINDOW_S, SIGNAL_GAP_S, SIGNALS_REMEMBERED
from warren.model.addresses import Endpoint
from warren.node.netmap import Peer
from warren.node.paths.agent import PathAgent
from warren.protocol.peer.probe import ProbeKey


@dataclass(slots=True)
class Pace:
    """Signals to one peer, not too many."""

    sent_at: float = float("-inf")
    is_due: bool = False
    reply_wanted: bool = False

    def wants(self, now: float, *, reply_wanted: bool) -> bool:
        """A signal is wanted; whether it may go now. If not it is kept, and goes when `due` is over."""
        self.is_due = True
        self.reply_wanted = self.reply_wanted or reply_wanted
        return now >= self.sent_at + SIGNAL_GAP_S

    def take(self, now: float) -> bool:
        """The signal goes out now; returns whether it asks for a reply."""
        reply_wanted, self.reply_wanted = self.reply_wanted, False
        self.is_due, self.sent_at = False, now
        return reply_wanted

    @property
    def due(self) -> float | None:
        """When a kept signal may go out."""
        return self.sent_at + SIGNAL_GAP_S if self.is_due else None


@dataclass(slots=True)
class Guess:
    """The ports that a symmetric NAT of ours will probably give next, as this peer was told.

    They stay for a window of probes: the first probe to the peer made the mapping, and later ones of ours keep it.
    """

    endpoints: tuple[Endpoint, ...] = ()
    told_at: float = float("-inf")

    def renew(self, endpoints: tuple[Endpoint, ...], now: float) -> tuple[Endpoint, ...]:
        """What to tell now, where the newest guess is `endpoints`."""
        if not self.endpoints or now - self.told_at >= PROBE_WINDOW_S:
            self.endpoints, self.told_at = endpoints, now
        return self.endpoints


@dataclass(slots=True)
class Way:
    """One peer. `incoming` by hint (one for each path key of ours)."""

    peer: Peer
    agent: PathAgent
    outgoing: ProbeKey
    incoming: dict[bytes, ProbeKey]
    pace: Pace = field(default_factory=Pace)
    guess: Guess = field(default_factory=Guess)
    heard: int = -1
    """The newest generation of candidates that this peer told: a copy that came another way teaches nothing."""
    told: deque[int] = field(default_factory=lambda: deque(maxlen=SIGNALS_REMEMBERED))
    """Which generations it told lately: also after it came anew, when an older one counts, none counts twice."""
    signal_at: float = float("-inf")
    """When a signal that came as a datagram was opened last: opening costs an exchange."""
    greets: bool = False
    """Begin a handshake with the first path: the peer may hold a session with the process that we were before."""
    is_narrow: bool = False
    """Whether its network was told that no packets of full size reach it."""

    @property
    def due(self) -> float | None:
        """When the agent or a kept signal wants something."""
        timeout = self.agent.poll_timeout()
        moments = [at for at in (timeout[0] if timeout is not None else None, self.pace.due) if at is not None]
        return min(moments, default=None)
