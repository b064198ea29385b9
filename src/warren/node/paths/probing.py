"""The hops of one peer and the pings to them: which are known, and what a ping costs. Pure.

Decides how many hops are kept (CANDIDATES_MAX; who is silent and was heard longest ago goes), that pings to strangers
are within the budget and one peer's share of it, and that nothing of full size goes to who has not answered something
small (SECURITY.md, rules 30 and 34). Must not know which path is used or why something is tried. Times are monotonic
seconds.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from warren.limits import CANDIDATES_MAX, PATH_OUTBOX_MAX, PROBE_WINDOW_S, PROBES_PEER_MAX, PROBES_UNANSWERED_MAX
from warren.model.addresses import Endpoint, Hop
from warren.node.paths.budget import ProbeBudget
from warren.node.paths.path import TRY_AT, Path

HEARD_GAP_S = 0.05  # a ping that is out for less may still be answered
SILENT_RELAY_S = 3.0  # between pings to a relay's channel that does not answer
LEAD_S = 2.0  # who left a dead path asks the peer for so long to follow


@dataclass(frozen=True, slots=True)
class Ping:
    """Send a ping to this hop. `is_full`: padded to full size; `follow`: asking the peer to take this hop too."""

    endpoint: Hop
    transaction: bytes
    is_full: bool = False
    follow: bool = False


class Probing:
    """One peer's hops."""

    def __init__(self, budget: ProbeBudget, rng: Callable[[int], bytes]) -> None:
        self._budget = budget
        self._rng = rng
        self._paths: dict[Hop, Path] = {}
        self._transmits: deque[Ping] = deque()
        self._window_at = float("-inf")
        self._tried = 0
        self._leads_to: Hop | None = None
        self._lead_until = float("-inf")

    # --- the hops ---

    def __iter__(self) -> Iterator[Path]:
        """All of them; the table may change meanwhile."""
        return iter(list(self._paths.values()))

    def __len__(self) -> int:
        return len(self._paths)

    def get(self, hop: Hop | None) -> Path | None:
        """The path of a hop that is known."""
        return self._paths.get(hop) if hop is not None else None

    def add(self, hops: Iterable[Hop], now: float, keep: Collection[Hop | None]) -> None:
        """Know these too, where there is room; those to `keep` never make it."""
        for hop in hops:
            if hop in self._paths:
                continue
            if len(self._paths) >= CANDIDATES_MAX and not self._evict(keep):
                return
            self._paths[hop] = Path(hop, heard_at=now)

    def remove(self, hop: Hop) -> None:
        """Know this no more."""
        self._paths.pop(hop, None)

    def _evict(self, keep: Collection[Hop | None]) -> bool:
        idle = [path for path in self._paths.values() if not path.answers and path.hop not in keep]
        if not idle:
            return False
        del self._paths[min(idle, key=lambda path: path.heard_at).hop]
        return True

    # --- the pings ---

    def poll(self) -> Ping | None:
        """The next ping to send."""
        return self._transmits.popleft() if self._transmits else None

    def lead(self, hop: Hop, now: float) -> None:
        """For a while pings to this hop ask the peer to take it too."""
        self._leads_to, self._lead_until = hop, now + LEAD_S

    def grant_all(self) -> None:
        """A round begins: what is heard is answered with a ping again."""
        for path in self._paths.values():
            path.credits = PROBES_UNANSWERED_MAX

    def begin_try(self, path: Path, now: float) -> bool:
        """A round of pings to who does not answer; False where one is under way."""
        if path.give_up_at is not None or (path.schedule and path.schedule[0] - now < TRY_AT[-1]):
            return False
        path.begin_try(now)
        return True

    def ping_back(self, path: Path, now: float) -> None:
        """Something fresh came from there: one ping for each, beside what the budget still grants."""
        if path.credits > 0 and now - path.pinged_at > HEARD_GAP_S:
            path.credits -= 1
            self._send(path, now)

    def send_due(self, path: Path, now: float) -> None:
        """The pings whose time has come."""
        while path.schedule and path.schedule[0] <= now:
            path.schedule.popleft()
            if self._may_ping(path, now):
                self._send(path, now)
            else:
                path.schedule.clear()
            if path.is_silent and not path.schedule:
                path.schedule.append(now + SILENT_RELAY_S)
        while path.full_schedule and path.full_schedule[0] <= now:
            path.full_schedule.popleft()
            if path.answers:
                self._send(path, now, is_full=True)

    def note_answer(self, hop: Hop) -> None:
        """Somebody with the right key is there."""
        if isinstance(hop, Endpoint):
            self._budget.clear(hop)

    def _may_ping(self, path: Path, now: float) -> bool:
        hop = path.hop
        is_free = path.answers or path.is_proven(now) or not isinstance(hop, Endpoint)
        return is_free or (isinstance(hop, Endpoint) and self._may_try(hop, now))

    def _may_try(self, stranger: Endpoint, now: float) -> bool:
        """No peer, whatever it names, uses up what all of them share."""
        if now - self._window_at >= PROBE_WINDOW_S:
            self._window_at, self._tried = now, 0
        if self._tried >= PROBES_PEER_MAX or not self._budget.take(stranger, now):
            return False
        self._tried += 1
        return True

    def _send(self, path: Path, now: float, *, is_full: bool = False) -> None:
        transaction = self._rng(8)
        path.note_ping(transaction, now, is_full=is_full)
        if len(self._transmits) < PATH_OUTBOX_MAX:
            follow = path.hop == self._leads_to and now < self._lead_until
            self._transmits.append(Ping(path.hop, transaction, is_full, follow))
