"""A router of the lab: a host that forwards between two switches by a recipe of `nat.py`, changed in mid-flow."""

import json
import sys
from ipaddress import IPv4Address

from tests.netlab import conntrack
from tests.netlab.conntrack import Flow
from tests.netlab.host import Host
from tests.netlab.nat import Recipe, Sides

OBSTACLE_WORDS = 3  # `table FAMILY NAME`


class Router(Host):
    """Made by `Lab.router`. `eth0` is the WAN, `eth1` the LAN."""

    sides: Sides

    def serve(self, recipe: Recipe, more: int) -> None:
        """Begin to forward, with `more` further addresses outside; both interfaces are there."""
        outside, inside = self.interfaces["eth0"], self.interfaces["eth1"]
        further = tuple(outside.switch.next_addresses(taken=self)[0] for _ in range(more))
        if further:
            self.ip_batch(*(f"addr add {address} dev {outside.name}" for address in further))
        first_host = inside.switch.next_addresses()[0].ip
        self.sides = Sides(outside.name, inside.name, outside.v4.ip, tuple(one.ip for one in further), first_host)
        self.sysctls(("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1"))
        self.load(recipe)

    def load(self, recipe: Recipe) -> None:
        """Have this recipe's rules and no other; flows that conntrack knows go on as they were."""
        rules = recipe(self.sides)
        self.nft(f"flush ruleset\n{rules}")

    def forget(self) -> None:
        """Lose every mapping, as a router that restarts: answers from outside find nobody until the inside speaks."""
        for name in ("inward", "heard"):
            kind = "map" if name == "inward" else "set"
            self.run(["nft", "flush", kind, "ip", "nat", name], check=False)  # not every recipe has them
        self.run([sys.executable, "-I", "-S", str(conntrack.__file__), "forget"])

    def flows(self) -> list[Flow]:
        """The UDP flows that the router holds."""
        said = self.run([sys.executable, "-I", "-S", str(conntrack.__file__), "list"]).stdout
        return [Flow(**json.loads(line)) for line in said.splitlines()]

    def mappings(self, inside: str) -> set[tuple[str, int]]:
        """The outside places that UDP flows of a host inside hold now."""
        return {(flow.mapped, flow.mapped_port) for flow in self.flows() if flow.source == inside}

    def put(self, obstacle: str) -> None:
        """Load one of `obstacles.py`, beside what there is."""
        self.nft(obstacle)

    def remove(self, obstacle: str) -> None:
        """Take one away, by the text it was put with."""
        words = obstacle.split()
        self.nft(f"delete {' '.join(words[:OBSTACLE_WORDS])}\n")

    @property
    def outside(self) -> IPv4Address:
        """The address by which the world knows who is behind it."""
        return self.sides.address
