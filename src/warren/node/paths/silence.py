"""Watching what peers' packets say about their paths: the quickest sign that one died under load.

Decides when to doubt: bytes went out since the last look, and nothing authenticated came in for SILENCE_DOUBT_S. The
agent then verifies the path with a probe, which costs two small datagrams where all is well. Peers that packets go to
are looked at every SILENCE_LOOK_S, at most SILENCE_BUSY_MAX of them; the others in turn, each about every
SILENCE_IDLE_LOOKS looks. TCP gives up waiting and sends again after 0.2, 0.6, 1.4 and 3 s: a path that is left within
1.4 s costs a user no more than that.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from warren.errors import WarrenError
from warren.limits import (
    SILENCE_BUSY_MAX,
    SILENCE_DOUBT_S,
    SILENCE_IDLE_LOOKS,
    SILENCE_IDLE_MAX,
    SILENCE_LOOK_S,
    TRAFFIC_BYTES,
)
from warren.model.ids import Identity
from warren.node.dataplane.interface import Tunnel
from warren.node.paths.prober import Prober


@dataclass(slots=True)
class Watch:
    """What was counted at the last look, and whose turn is next."""

    sent: dict[Identity, int] = field(default_factory=dict)
    busy: dict[Identity, None] = field(default_factory=dict)
    turn: int = 0

    def chosen(self, peers: tuple[Identity, ...]) -> list[Identity]:
        """Whom to look at now: those that packets went to, and the next of the others."""
        busy = [peer for peer in peers if peer in self.busy][:SILENCE_BUSY_MAX]
        idle = [peer for peer in peers if peer not in self.busy]
        count = min(-(-len(idle) // SILENCE_IDLE_LOOKS), SILENCE_IDLE_MAX)
        self.turn = self.turn % len(idle) if idle else 0
        chosen = (idle[self.turn :] + idle[: self.turn])[:count]
        self.turn += count
        return busy + chosen


async def watch_silence(tunnel: Callable[[], Tunnel | None], prober: Prober) -> None:
    """Look again and again, until cancelled."""
    watch = Watch()
    while True:
        await asyncio.sleep(SILENCE_LOOK_S)
        current = tunnel()
        if current is None:
            watch = Watch()
            continue
        peers = prober.peers
        for peer in watch.chosen(peers):
            look(current, prober, peer, watch)
        for gone in watch.sent.keys() - set(peers):
            del watch.sent[gone]
            watch.busy.pop(gone, None)


def look(tunnel: Tunnel, prober: Prober, peer: Identity, watch: Watch) -> None:
    """Compare a peer's counters with those of the last look, and tell the prober what they mean."""
    try:
        stats = tunnel.stats(peer)
    except WarrenError:
        return  # it went between the map and the look
    before = watch.sent.get(peer)
    watch.sent[peer] = stats.tx_bytes
    if before is None or stats.tx_bytes <= before or stats.endpoint is None:
        watch.busy.pop(peer, None)
        return
    watch.busy.setdefault(peer)
    if stats.tx_bytes - before >= TRAFFIC_BYTES:
        prober.handle_traffic(peer)
    if stats.last_received_s is None or time.time() - stats.last_received_s > SILENCE_DOUBT_S:
        prober.handle_silence(peer)
    else:
        prober.handle_alive(peer)
