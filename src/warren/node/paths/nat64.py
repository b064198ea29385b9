"""Reaching IPv4 from an IPv6-only network: the prefix of its translator, and addresses made with it. Pure.

Decides by RFC 7050: the network's resolver answers `ipv4only.arpa` with AAAA records that hold 192.0.0.170 or
192.0.0.171 at one of the places that RFC 6052 (2.2) allows; what stands before it is the prefix. Must not know who asks
the resolver.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final

DISCOVERY_NAME: Final = "ipv4only.arpa"
_WELL_KNOWN: Final = (IPv4Address("192.0.0.170").packed, IPv4Address("192.0.0.171").packed)
_LENGTHS: Final = (96, 64, 56, 48, 40, 32)  # RFC 6052, 2.2; the most usual first


def prefixes_of(answers: Iterable[IPv6Address]) -> tuple[IPv6Network, ...]:
    """The translators' prefixes that answers for DISCOVERY_NAME show; none where there is no translator."""
    found: dict[IPv6Network, None] = {}
    for answer in answers:
        packed = answer.packed
        length = next((one for one in _LENGTHS if packed[one // 8 :] in _TAILS[one]), None)
        if length is not None:
            found.setdefault(IPv6Network((answer, length), strict=False))
    return tuple(found)


def through(prefix: IPv6Network, address: IPv4Address) -> IPv6Address:
    """The IPv6 address under which the translator reaches an IPv4 one. ValueError for a length that RFC 6052 lacks."""
    if prefix.prefixlen not in _LENGTHS:
        raise ValueError(f"a translator's prefix is never a /{prefix.prefixlen}")
    at = prefix.prefixlen // 8
    return IPv6Address(prefix.network_address.packed[:at] + _tail(at, address.packed))


def _tail(at: int, four: bytes) -> bytes:
    """RFC 6052, 2.2: an IPv4 address behind a prefix of `at` bytes, around the ninth byte, which is zero."""
    around = four[: 8 - at] + b"\0" + four[8 - at :] if at <= 8 else four
    return around.ljust(16 - at, b"\0")


_TAILS: Final = {length: tuple(_tail(length // 8, four) for four in _WELL_KNOWN) for length in _LENGTHS}
"""What stands behind a prefix of this length in an answer."""
