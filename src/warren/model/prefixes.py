"""Prefixes of a new network. Pure: what is drawn at random comes in as an argument.

The IPv4 prefix is a /16 of 100.64.0.0/10 (RFC 6598, shared address space), never 100.64 (carriers begin there) nor
100.100 (a well-known cloud and other mesh products answer there). The IPv6 prefix is a /64 of a unique local /48
(RFC 4193: fd, then 40 random bits).
"""

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network, ip_network

from warren.errors import Code, WarrenError

SHARED = IPv4Network("100.64.0.0/10")
UNIQUE_LOCAL = IPv6Network("fd00::/8")
AVOIDED = frozenset({64, 100})
LONGEST_PREFIX = 28
SHORTEST_PREFIX = 8
PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""What RFC 1918 leaves to everybody. Any other address is somebody's, whom members could reach no more."""


def draw_ipv4(random_bits: int, in_use: Collection[IPv4Network]) -> IPv4Network:
    """A /16 of the shared space, by preference one that no other network of this server has. Total for any integer."""
    choices = [second for second in range(64, 128) if second not in AVOIDED]
    start = random_bits % len(choices)
    order = choices[start:] + choices[:start]
    drawn = [IPv4Network((100 << 24 | second << 16, 16)) for second in order]
    return next((prefix for prefix in drawn if not any(prefix.overlaps(other) for other in in_use)), drawn[0])


def make_ipv6(random_bytes: bytes) -> IPv6Network:
    """The /64 (subnet 0) of the unique local /48 that five random bytes name."""
    if len(random_bytes) != 5:
        raise ValueError("a unique local prefix takes 40 random bits")
    return IPv6Network((b"\xfd" + random_bytes + bytes(10), 64))


def parse_prefix6(text: str) -> IPv6Network:
    """The /64 a person asked for. Raises WarrenError INVALID_ARGUMENT."""
    example = "for example fd12:3456:789a::/64"
    try:
        prefix = ip_network(text)
    except ValueError as error:
        raise WarrenError(Code.INVALID_ARGUMENT, f"{text!r} is not an IPv6 prefix", example) from error
    if not isinstance(prefix, IPv6Network) or prefix.prefixlen != 64 or not prefix.subnet_of(UNIQUE_LOCAL):
        raise WarrenError(Code.INVALID_ARGUMENT, f"{text!r} is not a /64 of {UNIQUE_LOCAL}", example)
    return prefix


def parse_prefix(text: str) -> IPv4Network:
    """The prefix a person asked for. Raises WarrenError INVALID_ARGUMENT."""
    try:
        prefix = ip_network(text)
    except ValueError as error:
        raise WarrenError(
            Code.INVALID_ARGUMENT, f"{text!r} is not an IPv4 prefix", "for example 100.96.0.0/16"
        ) from error
    if not isinstance(prefix, IPv4Network) or not SHORTEST_PREFIX <= prefix.prefixlen <= LONGEST_PREFIX:
        raise WarrenError(
            Code.INVALID_ARGUMENT,
            f"{text!r} is not an IPv4 prefix between /{SHORTEST_PREFIX} and /{LONGEST_PREFIX}",
            "for example 100.96.0.0/16",
        )
    if not any(prefix.subnet_of(free) for free in (SHARED, *PRIVATE)):
        raise WarrenError(
            Code.INVALID_ARGUMENT,
            f"{text!r} is not all private: members could not reach whom it belongs to",
            f"a part of {', '.join(map(str, (SHARED, *PRIVATE)))}, for example 100.96.0.0/16",
        )
    return prefix
