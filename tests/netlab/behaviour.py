"""How a NAT behaves, found as RFC 5780 does: by plain sockets inside it and at two addresses with two ports outside.

All sockets are in the hands of the test (`handing.py`), so nothing has to be agreed between programs.
"""

import select
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.netlab.host import Host
from tests.netlab.nat import Depends

Place = tuple[str, int]

HEARD_S = 15.0  # a packet that is to come is here within milliseconds; this is for a machine that does other things
SILENT_S = 0.15  # a packet that came in spite of a filter would be here by then
ASKED = 5  # times, where silence is an answer: a full machine delays one packet and not the next
ARRIVAL_MAX_BYTES = 2048
PORTS = (7001, 7002)


@dataclass(frozen=True, slots=True)
class Outside:
    """Two addresses of one host with two ports each: [address][port]."""

    sockets: tuple[tuple[socket.socket, socket.socket], tuple[socket.socket, socket.socket]]

    @classmethod
    def on(cls, host: Host, second: str) -> "Outside":
        """At the host's address and another one, which it gets."""
        host.ip_batch(f"addr add {second}/24 dev eth0")
        a, b, c, d = host.udp(*((address, port) for address in (str(host.ip), second) for port in PORTS))
        return cls(((a, b), (c, d)))

    @property
    def all(self) -> tuple[socket.socket, ...]:
        """The four of them."""
        return tuple(one for pair in self.sockets for one in pair)


def place_of(one: socket.socket) -> Place:
    """Where it is bound."""
    address, port = one.getsockname()[:2]
    return str(address), int(port)


def arrivals(sockets: Iterable[socket.socket], within_s: float, *, most: int = 1) -> dict[socket.socket, Place]:
    """Who sent what came to these sockets, once `most` of them got something or the time is over."""
    found: dict[socket.socket, Place] = {}
    deadline = time.monotonic() + within_s
    waiting = list(sockets)
    while len(found) < most and (left_s := deadline - time.monotonic()) > 0:
        for one in select.select(waiting, [], [], left_s)[0]:
            _, sender = one.recvfrom(ARRIVAL_MAX_BYTES)
            found.setdefault(one, (str(sender[0]), int(sender[1])))
    return found


def mapped(inside: socket.socket, outside: socket.socket, asked: Place | None = None) -> Place:
    """By which place the outside sees the inside; `asked` is where the outside is, if it is bound to all addresses."""
    inside.sendto(b"who am I", asked or place_of(outside))
    seen = arrivals([outside], HEARD_S)
    if not seen:
        raise TimeoutError(f"nothing came out to {place_of(outside)}")
    return seen[outside]


def mapping_of(inside: socket.socket, outside: Outside) -> tuple[Depends, bool]:
    """How the outside place depends on the remote end, and whether the port is that of the host."""
    (a1, a2), (b1, _) = outside.sockets
    first, other_port, other_address = (mapped(inside, one) for one in (a1, a2, b1))
    kept = first[1] == place_of(inside)[1]
    if first == other_port == other_address:
        return Depends.NOTHING, kept
    return (Depends.ADDRESS if first == other_port else Depends.ADDRESS_AND_PORT), kept


def filtering_of(inside: socket.socket, outside: Outside) -> Depends:
    """Whose packets reach a fresh socket that has spoken to one remote end only."""
    (a1, a2), (b1, _) = outside.sockets
    place = mapped(inside, a1)

    def passes(one: socket.socket) -> bool:
        for _ in range(ASKED):
            one.sendto(b"may I come in", place)
            if answered():  # came after it, by the same way: what was let in is here by now, or just behind
                return True
        return bool(arrivals([inside], SILENT_S))

    def answered() -> bool:
        """Wait for a packet that is let in; whether another came before it (a hairpin changes whose it seems)."""
        others = False
        a1.sendto(b"an answer", place)
        while place_of(a1) not in (found := arrivals([inside], HEARD_S).values()):
            if not found:
                raise TimeoutError("not even an answer comes in")
            others = True
        return others

    answered()
    if passes(b1):
        return Depends.NOTHING
    return Depends.ADDRESS if passes(a2) else Depends.ADDRESS_AND_PORT


def exchange(pairs: Sequence[tuple[socket.socket, Place]]) -> None:
    """Each socket says a word to its place."""
    for one, place in pairs:
        one.sendto(b"hello", place)
