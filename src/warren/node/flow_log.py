"""What passed between this machine and its peers: flows that ended, the newest FLOWS_KEPT_MAX of a network, in memory.

Decides when the engine's records are taken and which are kept; what was refused is not, since the engine remembers that
by peer (`Tunnel.drops`). What the engine or this log had to drop is counted. Must not know why anybody asks.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from warren.errors import WarrenError
from warren.limits import FLOW_BATCHES_MAX, FLOW_RECORDS_TAKE_MAX, FLOWS_KEPT_MAX, FLOWS_TAKE_S
from warren.model.ids import Identity
from warren.node.dataplane.filtering import Flow
from warren.node.dataplane.interface import Tunnel

REFUSED = "refused"  # of `ENDS`


class FlowLog:
    """The flows of one network."""

    def __init__(self) -> None:
        self._kept: deque[Flow] = deque(maxlen=FLOWS_KEPT_MAX)
        self._ended = 0
        self._lost = 0

    def take(self, tunnel: Tunnel) -> None:
        """Take what waits, in batches; nothing happens once the tunnel is closed."""
        for _ in range(FLOW_BATCHES_MAX):
            try:
                flows, lost = tunnel.take_flows(FLOW_RECORDS_TAKE_MAX)
            except WarrenError:
                return
            ended = [flow for flow in flows if flow.end != REFUSED]
            self._kept.extend(ended)
            self._ended += len(ended)
            self._lost += lost
            if len(flows) < FLOW_RECORDS_TAKE_MAX:
                return

    def of(self, peer: Identity) -> list[Flow]:
        """Flows with this peer that ended, the newest first."""
        return [flow for flow in reversed(self._kept) if flow.peer == peer]

    def counters(self) -> dict[str, int]:
        """How many flows ended since the daemon began, and how many records were lost because they came too fast."""
        return {"flows_ended": self._ended, "flow_records_lost": self._lost}

    async def run(self, tunnel: Callable[[], Tunnel | None]) -> None:
        """Take them again and again, until cancelled."""
        while True:
            await asyncio.sleep(FLOWS_TAKE_S)
            current = tunnel()
            if current is not None:
                self.take(current)
