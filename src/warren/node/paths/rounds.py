"""When all candidates of a peer are tried again. Pure; times are monotonic seconds.

Decides the gaps. Without any path they grow to a minute (a peer that is away: ten). On a relay a direct path is looked
for all the time: within ten seconds again while packets flow or the relay is new, rarely after that. Any hint (the
peer's new candidates, a change of the network, traffic that begins) starts the row anew.
"""

WITHOUT_PATH_S = (2.0, 4.0, 9.0, 15.0, 30.0, 60.0)
OFFLINE_S = 600.0  # the last gap where the server says that the peer is away
ON_RELAY_S = (2.0, 4.0, 8.0)
ON_RELAY_BUSY_S = 10.0  # the relay carries packets: direct again within 30 s of its return
ON_RELAY_IDLE_S = (30.0, 60.0, 120.0, 300.0)
EAGER_FOR_S = 300.0  # a relay that was taken so recently counts as busy
TRAFFIC_S = 30.0  # packets so recently too


class Rounds:
    """One peer's. `due` None: a direct path is in use, nothing is looked for."""

    def __init__(self) -> None:
        self.due: float | None = None
        self._number = 0
        self._idle = 0
        self._began_at = 0.0
        self._traffic_at: float | None = None

    def begin(self, now: float) -> None:
        """Look from here on, eagerly; the first round is right now."""
        self._number = self._idle = 0
        self._began_at = now
        self.due = now

    def stop(self) -> None:
        """A direct path is in use."""
        self.due = None

    def next(self, now: float, *, is_online: bool, on_relay: bool) -> None:
        """A round begins now: when is the one after it?"""
        number, self._number = self._number, self._number + 1
        if on_relay:
            self.due = now + self._on_relay_s(number, now)
            return
        gap_s = WITHOUT_PATH_S[min(number, len(WITHOUT_PATH_S) - 1)]
        self.due = now + (OFFLINE_S if number >= len(WITHOUT_PATH_S) and not is_online else gap_s)

    def handle_traffic(self, now: float) -> bool:
        """Packets go to the peer. Whether they begin after a pause, so that a round is worth it now."""
        began = self._traffic_at is None or now - self._traffic_at > TRAFFIC_S
        self._traffic_at = now
        if not began or self.due is None or self.due - now < ON_RELAY_BUSY_S:
            return False
        self.begin(now)
        return True

    def _on_relay_s(self, number: int, now: float) -> float:
        if number < len(ON_RELAY_S):
            return ON_RELAY_S[number]
        is_busy = self._traffic_at is not None and now - self._traffic_at < TRAFFIC_S
        if is_busy or now - self._began_at < EAGER_FOR_S:
            self._idle = 0
            return ON_RELAY_BUSY_S
        self._idle += 1
        return ON_RELAY_IDLE_S[min(self._idle, len(ON_RELAY_IDLE_S)) - 1]
