"""Two plain sockets that know each other's outside place and probe at the same time, for many pairs in one loop.

What meets here can be direct; what does not, only by guessing ports. Answers go to where a probe came from, and that
place is probed too (RFC 8445, section 7.3.1.3 calls it peer-reflexive).
"""

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.netlab.behaviour import ARRIVAL_MAX_BYTES, Place

PROBE_EVERY_S = 0.05
LATE_MAX_S = 0.4  # how far apart two sides may begin
GIVE_UP_S = 1.2  # after the later one began; what meets does so within 115 ms
LATE_GIVE_UP_S = 20.0  # the same for who is to meet: this loop may get a core now and then only
PLACES_MAX = 8


@dataclass(slots=True)
class End:
    """One side of a pair: its socket, where it is seen, what it tries, and whether it was answered."""

    socket: socket.socket
    mapped: Place
    begins_at: float = 0.0
    places: list[Place] = field(default_factory=list)
    answered_at: float | None = None
    probed_at: float = 0.0

    def handle(self, data: bytes, sender: Place, now: float) -> None:
        """A datagram came."""
        if data == b"pong":
            self.answered_at = self.answered_at or now
        elif now >= self.begins_at:
            self.socket.sendto(b"pong", sender)
            if sender not in self.places and len(self.places) < PLACES_MAX:
                self.places.append(sender)
                self.probed_at = 0.0

    def probe(self, now: float) -> None:
        """Ask every place, when it is time."""
        if now >= self.begins_at and now >= self.probed_at + PROBE_EVERY_S:
            self.probed_at = now
            for place in self.places:
                self.socket.sendto(b"ping", place)


def meet(pairs: Sequence[tuple[End, End]], late_s: float, expected: Sequence[int] = ()) -> list[float | None]:
    """After how many seconds of both probing each pair had answers on both sides; None where it never had.

    The second of each pair begins `late_s` after the first. Who is `expected` to meet (by number) has more time.
    """
    start = time.monotonic()
    ends: dict[socket.socket, End] = {}
    for left, right in pairs:
        left.places, right.places = [right.mapped], [left.mapped]
        left.begins_at, right.begins_at = start, start + late_s
        ends |= {left.socket: left, right.socket: right}
    awaited = [end for number in expected for end in pairs[number]]
    while (now := time.monotonic()) < start + late_s + GIVE_UP_S or (
        now < start + late_s + LATE_GIVE_UP_S and any(end.answered_at is None for end in awaited)
    ):
        for end in ends.values():
            end.probe(now)
        for readable in select.select(list(ends), [], [], PROBE_EVERY_S / 10)[0]:
            data, sender = readable.recvfrom(ARRIVAL_MAX_BYTES)
            ends[readable].handle(data, (str(sender[0]), int(sender[1])), time.monotonic())
    taken: list[float | None] = []
    for left, right in pairs:
        if left.answered_at is None or right.answered_at is None:
            taken.append(None)
        else:
            taken.append(max(left.answered_at, right.answered_at) - start - late_s)
    return taken
