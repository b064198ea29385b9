"""The server's side of a session with its map taken from the network's state instead of a copy a session.

Decides when a map goes out: when the line is free, there is news, and the budget of MAP_INTERVAL_S allows; a storm of
changes then becomes few messages. Must not know sockets. The protocol's own slot holds a whole map a session and
compares it at each change, which costs (members x sessions) a change; here a session keeps one number, the version that
it was told, and asks the state for the difference when it can send it: latest wins, and nothing is ever queued.
"""

from collections.abc import Callable

from warren.errors import Code
from warren.limits import MAP_BURST, MAP_INTERVAL_S, SESSION_FROM_SERVER_MAX_BYTES
from warren.protocol.control.events import Side
from warren.protocol.control.messages import MapUpdate
from warren.protocol.control.server_role import ServerSession, Sign, Verify

Source = Callable[[int], MapUpdate | None]
"""What there is to tell after a version; None: nothing."""


class StreamingSession(ServerSession):
    """A ServerSession whose maps come from `stream`'s source. Tell it the time by `at` before `poll_transmit`."""

    def __init__(self, *, server_key: bytes, sign: Sign, verify: Verify, now: float) -> None:
        super().__init__(server_key=server_key, sign=sign, verify=verify, now=now)
        self._source: Source | None = None
        self._told = 0
        self._now = now
        self._free_at = now  # when the budget of maps is whole again
        self._maps_sent = 0

    @property
    def maps_sent(self) -> int:
        """How many maps were handed to the line."""
        return self._maps_sent

    def stream(self, source: Source) -> None:
        """Send maps of this source once the session is open, a full one first."""
        self._source = source

    def at(self, now: float) -> None:
        """Say what time it is (monotonic seconds), for the budget of maps."""
        self._now = now

    def held_until(self) -> float | None:
        """When a map that waits for the budget may go (monotonic seconds); None where none waits for it."""
        if self._source is None or not self.is_open or self._has_budget():
            return None
        return self._free_at - (MAP_BURST - 1) * MAP_INTERVAL_S

    def _has_budget(self) -> bool:
        return self._free_at - self._now <= (MAP_BURST - 1) * MAP_INTERVAL_S

    def _fill_outbox(self) -> None:
        if self._source is None or not self.is_open or not self._has_budget():
            return
        update = self._source(self._told)
        if update is None:
            return
        self._told = update.version
        if not update.full and not update.documents and not update.gone and not update.presence:
            return  # what changed is not for this node
        self._free_at = max(self._free_at, self._now) + MAP_INTERVAL_S
        self._maps_sent += 1
        if len(self._send(update)) > SESSION_FROM_SERVER_MAX_BYTES:
            self._drop_outbox()
            self._end(Code.TOO_LARGE, "the network's map is larger than one frame", by=Side.LOCAL)
