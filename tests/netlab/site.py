"""A place behind a router of some kind, as a matrix needs many of: its routers, and the switch that hosts are on.

A name of `nat.KINDS` gives that router; `carrier grade` a home behind a carrier's own NAT, which has 100.64.0.0/10
between the two (RFC 6598) and, like most, filters as strictly as a home.
"""

from dataclasses import dataclass

from tests.netlab import nat
from tests.netlab.lab import Lab
from tests.netlab.router import Router
from tests.netlab.switch import Switch

CARRIER_GRADE = "carrier grade"
NAMES = (*nat.KINDS, CARRIER_GRADE)

# Of the public internet, though nobody outside the lab sees them: what is public counts, and documentation's does not.
INTERNET_V4, INTERNET_V6 = "11.0.0.0/24", "2a0e:77::/64"
HOME_V4, HOMES_V6 = "192.168.1.0/24", "2a0e:77:1"  # of every site: homes have the same IPv4, and a public /64 each


@dataclass(frozen=True, slots=True)
class Site:
    """`routers` from the internet inwards."""

    routers: tuple[Router, ...]
    lan: Switch

    @property
    def router(self) -> Router:
        """The one that faces the internet."""
        return self.routers[0]


def internet(lab: Lab) -> Switch:
    """What all sites have between them."""
    return lab.switch("internet", v4=INTERNET_V4, v6=INTERNET_V6)


def build(lab: Lab, name: str, kind: str, outside: Switch) -> Site:
    """A site of that kind (one of `nat.KINDS6` for IPv6); a one-to-one address belongs to the first host on its LAN."""
    lan = lab.switch(f"{name}-lan", v4=HOME_V4, v6=f"{HOMES_V6}:{len(lab.hosts):x}::/64")
    if kind == CARRIER_GRADE:
        between = lab.switch(f"{name}-carrier", v4="100.64.0.0/24")
        carrier = lab.router(f"{name}-carrier", wan=outside, lan=between, nat=nat.home)
        return Site((carrier, lab.router(f"{name}-home", wan=between, lan=lan, nat=nat.home)), lan)
    known = nat.KINDS.get(kind) or nat.KINDS6[kind]
    return Site((lab.router(f"{name}-router", wan=outside, lan=lan, nat=known.recipe, more=known.more),), lan)
