"""What kind of address translation stands before a node: one value from what others saw of it (RFC 4787, 4.1). Pure.

Decides by comparing: two observers that saw the same outer endpoint mean a mapping that does not depend on the
destination, so a peer reaches what STUN saw; different ones mean that it does (symmetric). A mapping that counts its
ports by a small step can be guessed. Must not know who observed, or what is done about it.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address

from warren.limits import GUESSED_PORTS_MAX, GUESSED_PORTS_UNSURE
from warren.model.addresses import PORT_MAX, Endpoint

STEP_MAX = 8  # a larger one is as likely chance


class Mapping(IntEnum):
    """How the outer endpoint follows from the inner one; the number is what peers are told."""

    UNKNOWN = 0
    NONE = 1
    """No translation: others see this machine's own address and port."""
    STABLE = 2
    """The same outer endpoint for every destination."""
    VARIES = 3
    """Another one for each destination (symmetric)."""
    BLOCKED = 4
    """Nobody asked has answered: UDP does not pass."""

    @classmethod
    def of(cls, number: int) -> "Mapping":
        """What a peer told; a number of a later version is unknown."""
        return cls(number) if number in cls._value2member_map_ else cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Seen:
    """`observer` saw our datagrams come from `outer`; `at` monotonic seconds."""

    observer: Endpoint
    outer: Endpoint
    at: float


@dataclass(frozen=True, slots=True)
class Nat:
    """The whole of it for one family: how mappings are made, what was seen, newest first, and the step of ports."""

    mapping: Mapping = Mapping.UNKNOWN
    outer: tuple[Endpoint, ...] = ()
    step: int = 0

    @property
    def is_counted(self) -> bool:
        """Whether it is certain that ports are counted."""
        return self.mapping is Mapping.VARIES and self.step != 0

    def guesses(self) -> tuple[Endpoint, ...]:
        """The endpoints that the next new destinations will probably see; none where ports have no step."""
        if not self.step or not self.outer:
            return ()
        newest = self.outer[0]
        most = GUESSED_PORTS_MAX if self.is_counted else GUESSED_PORTS_UNSURE
        ports = (newest.port + self.step * number for number in range(1, most + 1))
        return tuple(Endpoint(newest.address, port) for port in ports if 1 <= port <= PORT_MAX)


def classify(seen: Sequence[Seen], own: Iterable[IPv4Address | IPv6Address], port: int) -> Nat:
    """What the newest observation of each observer (one family) says. `own`: this machine's addresses."""
    newest = sorted(seen, key=lambda one: one.at, reverse=True)
    outer = tuple(dict.fromkeys(one.outer for one in newest))
    if not newest:
        return Nat()
    if len(outer) == 1:
        if outer[0].port == port and outer[0].address in set(own):
            return Nat(Mapping.NONE, outer)
        is_certain = len({one.observer for one in newest}) > 1
        if is_certain:
            return Nat(Mapping.STABLE, outer)
        return Nat(Mapping.UNKNOWN, outer, step=int(outer[0].port != port))  # a router that counts keeps no port
    return Nat(Mapping.VARIES, outer, _step([one.outer for one in reversed(newest)]))


def _step(ascending: Sequence[Endpoint]) -> int:
    """The distance of ports given one after another, where it is small and always upwards or downwards."""
    if len({one.address for one in ascending}) != 1:
        return 0
    ports = [one.port for one in ascending]
    steps = [after - before for before, after in itertools.pairwise(ports) if after != before]
    if not steps or any(abs(step) > STEP_MAX for step in steps):
        return 0
    is_one_way = all(step > 0 for step in steps) or all(step < 0 for step in steps)
    return min(steps, key=abs) if is_one_way else 0
