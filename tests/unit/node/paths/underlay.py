"""A small internet on a virtual clock: segments, routers that translate, STUN, a relay, loss and delay. No sockets.

Routers map and filter in the terms of RFC 4787 (4.1, 5). A datagram goes from its segment outwards until an address is
known there, then inwards through that address's owner. Seeded: the same run every time.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from random import Random  # noqa: TID251 - the test's one source of chance, seeded
from typing import Literal, Protocol

from warren.model.addresses import Endpoint

By = Literal["nothing", "address", "port"]
Ports = Literal["kept", "random", "counted"]
INTERNET = "internet"
UNREPLIED_S = 30.0  # as Linux' conntrack forgets
REPLIED_S = 120.0


class Owner(Protocol):
    """Whoever has an address on a segment."""

    def arrive(self, source: Endpoint, destination: Endpoint, datagram: bytes) -> None:
        """A datagram for this address."""


@dataclass
class Underlay:
    """Time, segments and what happens on the way."""

    seed: int = 1
    now: float = 1000.0
    delay_s: float = 0.010
    jitter_s: float = 0.0
    loss: float = 0.0
    max_bytes: int = 1500
    cut: set[IPv4Address] = field(default_factory=set)
    """Addresses of the internet that nothing passes to or from."""

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)  # noqa: S311 - a test's chance, not a secret
        self._places: dict[tuple[str, IPv4Address], Owner] = {}
        self._gateways: dict[str, Router] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def own(self, segment: str, address: str, owner: Owner) -> None:
        """This address is here."""
        self._places[segment, IPv4Address(address)] = owner

    def gateway(self, segment: str, router: "Router") -> None:
        """What is not known on this segment goes to the router."""
        self._gateways[segment] = router

    def at(self, delay_s: float, action: Callable[[], None]) -> "Timer":
        """Do this later."""
        timer = Timer()
        entry = (self.now + delay_s, next(self._order), lambda: None if timer.is_cancelled else action())
        heapq.heappush(self._queue, entry)
        return timer

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass; ends early, with True, when the condition holds."""
        end = self.now + seconds
        while not until():
            if not self._queue or self._queue[0][0] > end:
                self.now = end
                return until()
            due, _, action = heapq.heappop(self._queue)
            self.now = max(self.now, due)
            action()
        return True

    def send(self, segment: str, source: Endpoint, destination: Endpoint, datagram: bytes) -> None:
        """A datagram leaves a machine on this segment."""
        if self.rng.random() < self.loss or len(datagram) > self.max_bytes:
            return
        delay_s = self.delay_s + self.rng.random() * self.jitter_s
        self.at(delay_s, lambda: self.route(segment, source, destination, datagram))

    def route(self, segment: str, source: Endpoint, destination: Endpoint, datagram: bytes) -> None:
        """On this segment: to the owner of the address, else outwards."""
        if segment == INTERNET and {source.address, destination.address} & self.cut:
            return
        owner = self._places.get((segment, IPv4Address(int(destination.address))))
        if owner is not None:
            owner.arrive(source, destination, datagram)
        elif segment in self._gateways:
            self._gateways[segment].leave(source, destination, datagram)


@dataclass
class Timer:
    """Something that will happen, unless it is cancelled."""

    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass(frozen=True)
class Kind:
    """How a router translates. `ports`: of the outer endpoint; `blocks`: no UDP leaves."""

    mapping: By = "nothing"
    filtering: By = "port"
    ports: Ports = "kept"
    blocks: bool = False
    hairpins: bool = False


@dataclass
class _Entry:
    outer: Endpoint
    inner: Endpoint
    used_at: float
    peers: dict[Endpoint, float] = field(default_factory=dict)
    replied: bool = False


class Router:
    """A translating router between two segments."""

    def __init__(self, underlay: Underlay, inside: str, outside: str, address: str, kind: Kind) -> None:
        self.kind = kind
        self.address = ip_address(address)
        self._underlay, self._inside, self._outside = underlay, inside, outside
        self._entries: dict[tuple[object, ...], _Entry] = {}
        self._next_port = 41_000
        self.opened = 0
        self.most_open = 0
        underlay.gateway(inside, self)
        underlay.own(outside, address, self)

    def flush(self) -> None:
        """Forget every mapping (a reboot)."""
        self._entries.clear()

    def leave(self, source: Endpoint, destination: Endpoint, datagram: bytes) -> None:
        """From inside to outside."""
        if self.kind.blocks:
            return
        entry = self._entry(source, destination)
        entry.used_at = entry.peers[destination] = self._underlay.now
        if destination.address == self.address:
            if self.kind.hairpins:
                self.arrive(entry.outer, destination, datagram)
            return
        self._underlay.route(self._outside, entry.outer, destination, datagram)

    def arrive(self, source: Endpoint, destination: Endpoint, datagram: bytes) -> None:
        """From outside to inside."""
        now = self._underlay.now
        for entry in self._live():
            if entry.outer == destination and self._lets_in(entry, source):
                entry.used_at, entry.replied = now, True
                self._underlay.route(self._inside, source, entry.inner, datagram)
                return

    def flows(self) -> int:
        """Pairs of endpoints in the table, as Linux counts them."""
        now = self._underlay.now
        return sum(now - at < UNREPLIED_S for entry in self._live() for at in entry.peers.values())

    def _lets_in(self, entry: _Entry, source: Endpoint) -> bool:
        if self.kind.filtering == "nothing":
            return True
        if self.kind.filtering == "address":
            return any(peer.address == source.address for peer in entry.peers)
        return source in entry.peers

    def _live(self) -> list[_Entry]:
        now = self._underlay.now
        for key, entry in list(self._entries.items()):
            if now - entry.used_at > (REPLIED_S if entry.replied else UNREPLIED_S):
                del self._entries[key]
        return list(self._entries.values())

    def _entry(self, source: Endpoint, destination: Endpoint) -> _Entry:
        by: dict[By, tuple[object, ...]] = {
            "nothing": (source,),
            "address": (source, destination.address),
            "port": (source, destination),
        }
        key = by[self.kind.mapping]
        taken = {entry.outer.port for entry in self._live()}
        if key not in self._entries:
            outer = Endpoint(self.address, self._port(source.port, taken))
            self._entries[key] = _Entry(outer, source, self._underlay.now)
            self.opened += 1
        self.most_open = max(self.most_open, self.flows() + 1)
        return self._entries[key]

    def _port(self, own: int, taken: set[int]) -> int:
        if self.kind.ports == "counted":
            self._next_port += 1
            return self._next_port
        if self.kind.ports == "kept" and own not in taken:
            return own
        return self._underlay.rng.choice([port for port in range(20_000, 65_000) if port not in taken])
