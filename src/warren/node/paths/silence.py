"""Watching for peers that packets go to and nothing comes from: the quickest sign that a path died under load.

Decides when to doubt: bytes went out since the last look, and nothing authenticated came in for SILENCE_DOUBT_S. The
agent then verifies the path with a probe, which costs two small datagrams where all is well. Looks at no more than
SILENCE_PEERS_MAX peers a time, in turn.
"""

import asyncio
import time
from collections.abc import Callable

from warren.errors import WarrenError
from warren.limits import SILENCE_DOUBT_S, SILENCE_LOOK_S, SILENCE_PEERS_MAX
from warren.model.ids import Identity
from warren.node.dataplane.interface import Tunnel
from warren.node.paths.prober import Prober


async def watch_silence(tunnel: Callable[[], Tunnel | None], prober: Prober) -> None:
    """Look again and again, until cancelled."""
    sent: dict[Identity, int] = {}
    turn = 0
    while True:
        await asyncio.sleep(SILENCE_LOOK_S)
        current = tunnel()
        if current is None:
            sent.clear()
            continue
        peers = prober.peers
        if len(peers) > SILENCE_PEERS_MAX:
            turn = (turn + SILENCE_PEERS_MAX) % len(peers)
            peers = (peers[turn:] + peers[:turn])[:SILENCE_PEERS_MAX]
        for peer in peers:
            _look(current, prober, peer, sent)
        for gone in sent.keys() - set(prober.peers):
            del sent[gone]


def _look(tunnel: Tunnel, prober: Prober, peer: Identity, sent: dict[Identity, int]) -> None:
    try:
        stats = tunnel.stats(peer)
    except WarrenError:
        return  # it went between the map and the look
    before = sent.get(peer)
    sent[peer] = stats.tx_bytes
    if before is None or stats.tx_bytes <= before or stats.endpoint is None:
        return
    if stats.last_received_s is None or time.time() - stats.last_received_s > SILENCE_DOUBT_S:
        prober.handle_silence(peer)
