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


@dataclass(frozen=True, slots=True)
class Site:
    """`routers` from the internet inwards."""

    routers: tuple[Router, ...]
    lan: Switch

    @property
    def router(self) -> Router:
        """The one that faces the internet."""
        return self.routers[0]


def build(lab: Lab, name: str, kind: str, internet: Switch) -> Site:
    """A site of that kind; the host that is to have a one-to-one address has to be its first."""
    lan = lab.switch(f"{name}-lan")
    if kind == CARRIER_GRADE:
        between = lab.switch(f"{name}-carrier", v4="100.64.0.0/24")
        carrier = lab.router(f"{name}-carrier", wan=internet, lan=between, nat=nat.home)
        return Site((carrier, lab.router(f"{name}-home", wan=between, lan=lan, nat=nat.home)), lan)
    known = nat.KINDS[kind]
    return Site((lab.router(f"{name}-router", wan=internet, lan=lan, nat=known.recipe, more=known.more),), lan)
