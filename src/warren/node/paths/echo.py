"""Round trips inside the WireGuard session: what `warren ping` shows and what *connected* means.

Decides retries: until an answer came, a ping is sent again every ECHO_RETRY_S, since the first ones may be lost with
the handshake that they start; after ECHO_TRIES_BEFORE_HANDSHAKE the session itself is in doubt (the peer may have lost
it in a restart), and a new one is begun instead of after WireGuard's 15 s. Must not know paths. Tokens are random, so
that an old answer never counts.
"""

import asyncio
import os
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.limits import ECHO_RETRY_S, ECHO_TRIES_BEFORE_HANDSHAKE, ECHO_WAITING_MAX
from warren.model.addresses import Hop
from warren.model.ids import Identity
from warren.node.dataplane.interface import PongReceived, Tunnel


@dataclass(frozen=True, slots=True)
class Echo:
    """An answer: the round trip in seconds, where it came from, and when (monotonic seconds)."""

    rtt_s: float
    endpoint: Hop | None
    at: float


class Echoes:
    """The pings of one network that wait for an answer, and each peer's newest answer."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Identity, asyncio.Future[Echo]]] = {}
        self._latest: dict[Identity, Echo] = {}

    def latest(self, peer: Identity) -> Echo | None:
        """The newest answer of this peer."""
        return self._latest.get(peer)

    def forget(self, peer: Identity) -> None:
        """The path changed or the peer is gone: what was measured says nothing."""
        self._latest.pop(peer, None)

    def handle_pong(self, pong: PongReceived, now: float) -> None:
        """The engine heard an answer."""
        waiting = self._waiting.get(pong.token)
        if waiting is None or waiting[0] != pong.peer:
            return
        echo = Echo(pong.rtt_s, pong.endpoint, now)
        self._latest[pong.peer] = echo
        if not waiting[1].done():
            waiting[1].set_result(echo)

    async def ask(self, tunnel: Tunnel, peer: Identity, within_s: float) -> Echo | None:
        """Ping until an answer comes; None where none came within the time."""
        if len(self._waiting) >= ECHO_WAITING_MAX:
            raise WarrenError(Code.BUSY, "too many pings wait for answers")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Echo] = loop.create_future()
        deadline = loop.time() + within_s
        tokens: list[int] = []
        try:
            while (left_s := deadline - loop.time()) > 0:
                tokens.append(int.from_bytes(os.urandom(8), "big"))
                self._waiting[tokens[-1]] = (peer, answer)
                tunnel.ping(peer, tokens[-1])
                done, _ = await asyncio.wait((answer,), timeout=min(ECHO_RETRY_S, left_s))
                if done:
                    return answer.result()
                if len(tokens) == ECHO_TRIES_BEFORE_HANDSHAKE:
                    tunnel.initiate(peer)
            return None
        finally:
            for token in tokens:
                self._waiting.pop(token, None)
