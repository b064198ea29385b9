"""How many probes an address that never answered may get, and how many of them may be on trial, over all peers.

Decides that a peer, however many endpoints and generations it names, cannot make this node shoot at a stranger: at most
PROBES_UNANSWERED_MAX an endpoint and PROBES_ADDRESS_MAX an address within PROBE_WINDOW_S; and that a node never fills
its router's table: at most MAPPINGS_OPEN_MAX endpoints that did not answer within MAPPING_LIFETIME_S. An answer, or a
valid probe from there, clears the endpoint. Pure; `now` in monotonic seconds. When the table is full the oldest window
goes, and only a window that is over: else nothing is granted.
"""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from warren.limits import (
    MAPPING_LIFETIME_S,
    MAPPINGS_OPEN_MAX,
    PROBE_BUDGET_ENTRIES_MAX,
    PROBE_WINDOW_S,
    PROBES_ADDRESS_MAX,
    PROBES_UNANSWERED_MAX,
)
from warren.model.addresses import Endpoint

_Key = Endpoint | IPv4Address | IPv6Address


@dataclass(slots=True)
class _Window:
    began_at: float
    sent: int = 0


class ProbeBudget:
    """The windows of all addresses that have been probed and have not answered."""

    def __init__(self) -> None:
        self._windows: OrderedDict[_Key, _Window] = OrderedDict()
        self._open: OrderedDict[Endpoint, float] = OrderedDict()  # when a probe went there last, oldest first

    def take(self, endpoint: Endpoint, now: float) -> bool:
        """Whether one more probe may go there; counted if so."""
        # looked at before anything is written down: what is refused may not fill the table for others
        is_spent = self._sent(endpoint, now) >= PROBES_UNANSWERED_MAX
        if is_spent or self._sent(endpoint.address, now) >= PROBES_ADDRESS_MAX:
            return False
        own = self._window(endpoint, now)
        address = self._window(endpoint.address, now)
        if own is None or address is None:
            return False
        if not self._open_mapping(endpoint, now):
            return False
        own.sent += 1
        address.sent += 1
        return True

    def clear(self, endpoint: Endpoint) -> None:
        """Somebody with the right key is there: probes to it harm nobody."""
        self._windows.pop(endpoint, None)
        self._windows.pop(endpoint.address, None)
        self._open.pop(endpoint, None)

    def open_mappings(self, now: float) -> int:
        """How many endpoints are on trial: what a router before this node may hold for them."""
        while self._open and now - next(iter(self._open.values())) >= MAPPING_LIFETIME_S:
            self._open.popitem(last=False)
        return len(self._open)

    def _open_mapping(self, endpoint: Endpoint, now: float) -> bool:
        if endpoint not in self._open and self.open_mappings(now) >= MAPPINGS_OPEN_MAX:
            return False
        self._open[endpoint] = now
        self._open.move_to_end(endpoint)
        return True

    def _sent(self, key: _Key, now: float) -> int:
        window = self._windows.get(key)
        return window.sent if window is not None and now < window.began_at + PROBE_WINDOW_S else 0

    def _window(self, key: _Key, now: float) -> _Window | None:
        window = self._windows.get(key)
        if window is not None and now < window.began_at + PROBE_WINDOW_S:
            return window
        if window is None and len(self._windows) >= PROBE_BUDGET_ENTRIES_MAX:
            oldest = next(iter(self._windows))
            if now < self._windows[oldest].began_at + PROBE_WINDOW_S:
                return None
            del self._windows[oldest]
        window = self._windows[key] = _Window(now)
        self._windows.move_to_end(key)
        return window
