"""Telling peers where this node can be reached: candidates in sealed signals, by the server and beside the probes.

Decides what is offered (nothing where only relays may be used) and which ways a signal goes: by the server, and as a
datagram on the hop in use where that is a relay (alone, once it answers), or where the server did not take it. The
counter of probes is here too, since signals and probes share one key.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from warren.errors import WarrenError
from warren.log import Log
from warren.model.addresses import Endpoint, RelayHop
from warren.model.ids import Identity
from warren.node.dataplane.interface import Tunnel
from warren.node.paths.candidates import Prefix, is_probeable, local_endpoints, offer
from warren.node.paths.outside import Outside
from warren.node.paths.signals import Envelopes
from warren.node.paths.way import Way
from warren.protocol.peer.candidates import Candidates
from warren.protocol.peer.probe import PAYLOAD_MAX_BYTES, encode_signal

log = Log("paths")
SendSignal = Callable[[Identity, bytes], bool]


@dataclass(slots=True)
class Place:
    """Where this node can be reached, as far as it knows by itself."""

    addresses: tuple[IPv4Address | IPv6Address, ...] = ()
    prefixes: tuple[Prefix, ...] = ()
    mappings: tuple[Endpoint, ...] = ()
    is_forced: bool = False


@dataclass(slots=True)
class Telling:
    """Of one network. `heads`: what this node holds, told with every signal; `tunnel` None: nothing is sent."""

    envelopes: Envelopes
    send_signal: SendSignal
    heads: Callable[[], tuple[bytes, ...]]
    outside: Outside
    place: Place = field(default_factory=Place)
    tunnel: Tunnel | None = None
    _counter: int = 0

    def signal(self, way: Way, now: float, *, reply_wanted: bool) -> None:
        """Tell this peer our candidates; if it was told just now, a moment later (`way.due`)."""
        if self.tunnel is None or not way.pace.wants(now, reply_wanted=reply_wanted):
            return
        reply_wanted = way.pace.take(now)
        self.send(way, self._offer(way, self.tunnel.port, now), reply_wanted=reply_wanted)

    def send(self, way: Way, endpoints: Sequence[Endpoint], *, reply_wanted: bool) -> None:
        """One signal, now."""
        told = Candidates(
            endpoints=tuple(endpoints),
            generation=int(time.time() * 1000),
            reply_wanted=reply_wanted,
            heads=self.heads(),
            mapping=self.outside.mapping,
        )
        try:
            sealed = self.envelopes.seal(way.peer.identity, way.peer.path_key, told, os.urandom(32))
        except WarrenError as error:
            log.warning("a signal cannot be sealed", reason=error.text)
            return
        hop = way.agent.state.endpoint if len(sealed) <= PAYLOAD_MAX_BYTES else None
        by_relay = isinstance(hop, RelayHop)
        # a relay that answers is enough: the server need not carry what a thousand relayed peers say again and again
        is_carried = not (by_relay and way.agent.is_answering) and self.send_signal(way.peer.identity, sealed)
        if hop is not None and self.tunnel is not None and (by_relay or not is_carried):
            self.tunnel.send(hop, encode_signal(sealed, self.next_counter(), way.outgoing))

    def next_counter(self) -> int:
        """Ascends over restarts too, unless the clock went back: then pings are answered and teach the peer nothing."""
        self._counter = max(self._counter + 1, time.time_ns())
        return self._counter

    def _offer(self, way: Way, port: int, now: float) -> tuple[Endpoint, ...]:
        place = self.place
        if place.is_forced:
            return ()
        nats = (self.outside.nat(4), self.outside.nat(6))
        return offer(
            local_endpoints(place.addresses, port, place.prefixes),
            outer=[one for nat in nats for one in nat.outer if is_probeable(one, place.prefixes)],
            mapped=place.mappings,
            guessed=way.guess.renew(nats[0].guesses(), now),
        )
