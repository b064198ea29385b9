"""Asks STUN servers through the tunnel's socket: the observer's clock and hands.

Decides nothing: `observer` says what is asked and what the answers mean. Tells `on_change` when the view from outside
changed.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from warren.limits import STUN_ANSWER_MAX_S
from warren.model.addresses import Endpoint
from warren.node.dataplane.interface import StunAnswered, Tunnel
from warren.node.paths.deadlines import Deadlines
from warren.node.paths.nat import Mapping, Nat
from warren.node.paths.nat64 import through
from warren.node.paths.observer import Observer

_THE_ONE = "observer"


class Outside:
    """Of one network. Without a tunnel nothing is asked, and nothing is known."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._tunnel: Tunnel | None = None
        self._observer = Observer(os.urandom)
        self._servers: tuple[Endpoint, ...] = ()
        self._translators: tuple[IPv6Network, ...] = ()
        self._addresses: tuple[IPv4Address | IPv6Address, ...] = ()
        self._deadlines: Deadlines[str] = Deadlines(self._on_due)

    def set_tunnel(self, tunnel: Tunnel | None) -> None:
        """Another socket: what was seen of the old one says nothing."""
        self._tunnel = tunnel
        self._observer = Observer(os.urandom)
        self._begin()

    def set_servers(self, servers: Iterable[Endpoint]) -> None:
        """Who may be asked."""
        self._servers = tuple(servers)
        self._begin()

    def set_translators(self, translators: Sequence[IPv6Network]) -> None:
        """The prefixes of this network's NAT64: servers with IPv4 only are asked through them too."""
        self._translators = tuple(translators)
        self._begin()

    def set_addresses(self, addresses: Iterable[IPv4Address | IPv6Address]) -> None:
        """This machine's own."""
        self._addresses = tuple(addresses)
        self._begin()

    def ask(self) -> None:
        """The view matters now: a round begins."""
        self._observer.ask(time.monotonic())
        self._pump()

    def ask_anew(self) -> None:
        """The network changed."""
        self._observer.ask_anew(time.monotonic())
        self._pump()

    def handle_answer(self, event: StunAnswered) -> None:
        """The engine heard an answer."""
        self._observer.handle_answer(event.datagram, event.endpoint, time.monotonic())
        self._pump()

    def handle_seen_by_peer(self, peer: Endpoint, outer: Endpoint) -> None:
        """A peer's pong says where our ping came from; what a machine on the same network sees says nothing."""
        if outer.address in self._addresses:
            return
        seen = {one.address for version in (4, 6) for one in self._observer.nat(version).outer}
        if not seen or outer.address in seen:
            self._observer.handle_seen_by_peer(peer, outer, time.monotonic())
            self._pump()

    @property
    def mapping(self) -> Mapping:
        """How this node's outer endpoint comes about; NONE and STABLE are good news."""
        return self._observer.mapping

    @property
    def is_asking(self) -> bool:
        """Whether an answer is waited for."""
        return self._observer.is_asking

    def nat(self, version: int) -> Nat:
        """The view from outside of one family."""
        return self._observer.nat(version)

    def close(self) -> None:
        """No timer is left."""
        self._deadlines.close()

    def _begin(self) -> None:
        if self._tunnel is None:
            return
        now = time.monotonic()
        made = [
            Endpoint(through(prefix, server.address), server.port)
            for prefix in self._translators
            for server in self._servers
            if isinstance(server.address, IPv4Address)
        ]
        self._observer.set_own(self._addresses, self._tunnel.port, now)
        self._observer.set_servers((*self._servers, *made), now)
        self._pump()

    def _on_due(self, _: str, now: float) -> None:
        self._observer.handle_timeout(now)
        self._pump()

    def _pump(self) -> None:
        while (ask := self._observer.poll_transmit()) is not None:
            if self._tunnel is not None:
                self._tunnel.expect_stun(ask.transaction, STUN_ANSWER_MAX_S)
                self._tunnel.send(ask.server, ask.datagram)
        timeout = self._observer.poll_timeout() if self._tunnel is not None else None
        self._deadlines.set(_THE_ONE, timeout[0] if timeout is not None else None)
        if self._observer.take_change():
            self._on_change()
