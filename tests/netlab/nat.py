"""Kinds of routers by their names: how each maps and filters (RFC 4787 has the terms), composed of `mapping.py` and
`filtering.py`.

A recipe is a function from the router's sides to a ruleset. `KINDS` says for each kind how it is expected to behave;
`test_nat.py` holds every one to that by plain sockets, so that a test on top of them tests Warren and not the lab.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address

from tests.netlab import filtering, mapping


class Depends(Enum):
    """On which parts of the remote end a mapping or a filter depends."""

    NOTHING = "endpoint-independent"
    ADDRESS = "address-dependent"
    ADDRESS_AND_PORT = "address and port-dependent"


@dataclass(frozen=True, slots=True)
class Sides:
    """What a recipe may speak of: the router's interfaces, its address outside, more of them, the first host inside."""

    wan: str
    lan: str
    address: IPv4Address
    more: tuple[IPv4Address, ...]
    inside: IPv4Address


Recipe = Callable[[Sides], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of router in RFC 4787's terms. `more` is how many further outside addresses it needs."""

    recipe: Recipe
    mapping: Depends
    filtering: Depends
    keeps_port: bool = True
    more: int = 0


def none(sides: Sides) -> str:
    """A plain router: everything passes both ways."""
    return ""


def firewall(sides: Sides) -> str:
    """No translation; answers only. For IPv6, where this is what homes have (RFC 6092)."""
    return filtering.guard(sides.wan)


def full_cone(sides: Sides) -> str:
    """Endpoint-independent mapping and filtering."""
    return filtering.guard(sides.wan) + mapping.kept_port(sides.wan, sides.address, "")


def address_restricted(sides: Sides) -> str:
    """Endpoint-independent mapping, address-dependent filtering."""
    demand = "udp dport . ip saddr @heard"
    return filtering.guard(sides.wan) + mapping.kept_port(sides.wan, sides.address, demand)


def home(sides: Sides) -> str:
    """Endpoint-independent mapping while ports are free, address- and port-dependent filtering: most homes."""
    return filtering.guard(sides.wan) + mapping.masquerade(sides.wan)


def port_not_kept(sides: Sides, seed: int = 1) -> str:
    """The same, but the outside port is another. A new seed gives every mapping a new port."""
    return filtering.guard(sides.wan) + mapping.hashed_port(sides.wan, sides.address, "ip saddr . udp sport", seed)


def address_dependent(sides: Sides, seed: int = 1) -> str:
    """One outside port for each remote address."""
    of = "ip saddr . udp sport . ip daddr"
    return filtering.guard(sides.wan) + mapping.hashed_port(sides.wan, sides.address, of, seed)


def symmetric(sides: Sides) -> str:
    """Address- and port-dependent mapping with random ports: no other peer can guess the next one."""
    return filtering.guard(sides.wan) + mapping.masquerade(sides.wan, "fully-random")


def sequential(sides: Sides) -> str:
    """Address- and port-dependent mapping with ports that count up."""
    return filtering.guard(sides.wan) + mapping.sequential_port(sides.wan, sides.address)


def several_addresses(sides: Sides) -> str:
    """Symmetric, and the outside address differs too."""
    return filtering.guard(sides.wan) + mapping.random_address(sides.wan, (sides.address, *sides.more))


def one_to_one(sides: Sides) -> str:
    """The first host inside has the outside address for itself."""
    return filtering.guard(sides.wan) + mapping.one_to_one(sides.wan, sides.address, sides.inside)


def hairpin(sides: Sides) -> str:
    """A full cone by which neighbours reach each other too."""
    return filtering.guard(sides.wan) + mapping.hairpin(sides.wan, sides.lan, sides.address)


def home6(sides: Sides) -> str:
    """`home`, and IPv6 is translated as well."""
    return home(sides) + mapping.masquerade6(sides.wan)


def symmetric6(sides: Sides) -> str:
    """`symmetric`, for IPv6 too."""
    return symmetric(sides) + mapping.masquerade6(sides.wan, "fully-random")


KINDS = {
    "one-to-one": Kind(one_to_one, Depends.NOTHING, Depends.NOTHING),
    "full cone": Kind(full_cone, Depends.NOTHING, Depends.NOTHING),
    "hairpin": Kind(hairpin, Depends.NOTHING, Depends.NOTHING),
    "address restricted": Kind(address_restricted, Depends.NOTHING, Depends.ADDRESS),
    "home": Kind(home, Depends.NOTHING, Depends.ADDRESS_AND_PORT),
    "port not kept": Kind(port_not_kept, Depends.NOTHING, Depends.ADDRESS_AND_PORT, keeps_port=False),
    "address-dependent": Kind(address_dependent, Depends.ADDRESS, Depends.ADDRESS_AND_PORT, keeps_port=False),
    "symmetric random": Kind(symmetric, Depends.ADDRESS_AND_PORT, Depends.ADDRESS_AND_PORT, keeps_port=False),
    "symmetric sequential": Kind(sequential, Depends.ADDRESS_AND_PORT, Depends.ADDRESS_AND_PORT, keeps_port=False),
    "several addresses": Kind(
        several_addresses, Depends.ADDRESS_AND_PORT, Depends.ADDRESS_AND_PORT, keeps_port=False, more=1
    ),
}

KINDS6 = {
    "open": Kind(none, Depends.NOTHING, Depends.NOTHING),
    "firewall": Kind(firewall, Depends.NOTHING, Depends.ADDRESS_AND_PORT),
    "masquerading": Kind(home6, Depends.NOTHING, Depends.ADDRESS_AND_PORT),
    "masquerading, random": Kind(symmetric6, Depends.ADDRESS_AND_PORT, Depends.ADDRESS_AND_PORT, keeps_port=False),
}
"""What is in the way of IPv6: mostly nothing but a firewall."""
