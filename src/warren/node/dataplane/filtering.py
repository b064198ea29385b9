"""What the node asks of a tunnel's packet filter, and what it hears.

Decides nothing. Must not know the policy's language: rules come as a `FilterPlan`, with the lines of the policy as
numbers, and reasons go back as words of this page.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from warren.model.ids import Identity
from warren.node.plan import FilterPlan


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow that ended, or packets that were dropped. Times in Unix seconds; `port` is the destination's.

    `reason` says why it was dropped or cut, empty where it was let through by the rule in `line` of the policy; `end`
    is a word of `ENDS`. `inward`: the peer opened it.
    """

    peer: Identity | None
    inward: bool
    protocol: int
    local: IPv4Address | IPv6Address
    remote: IPv4Address | IPv6Address
    local_port: int
    remote_port: int
    line: int
    reason: str
    end: str
    began_s: float
    last_s: float
    rx_packets: int
    rx_bytes: int
    tx_packets: int
    tx_bytes: int

    @property
    def port(self) -> int:
        """The destination port of its first packet; 0 where there is none."""
        return self.local_port if self.inward else self.remote_port


class Filtering(Protocol):
    """The filter's part of a tunnel. Calls take effect at once, between two batches of packets."""

    def set_filter(self, wanted: FilterPlan) -> None:
        """Replace what passes behind the gates; flows that it no longer accepts are cut. INVALID_CONFIG where the rules
        are more than the data plane takes; then those before stay."""

    def filter(self) -> FilterPlan | None:
        """What is in force, as it was set; None: nothing was set, the gates alone decide."""

    def find_rule(
        self,
        local: IPv4Address | IPv6Address,
        remote: IPv4Address | IPv6Address,
        protocol: int,
        port: int,
        *,
        inward: bool,
    ) -> int | None:
        """The line of the rule by which such a flow may begin, as the data plane has it; None: there is none."""

    def drops(self, identity: Identity) -> list[Flow]:
        """What was dropped of a peer lately, the newest first; empty where there is no such peer."""

    def take_flows(self, most: int) -> tuple[list[Flow], int]:
        """Flows that ended or were refused since the last call, the oldest first, and how many were lost."""


ENDS = ("closed", "idle", "withdrawn", "evicted", "peer gone", "refused")
"""Words for why there is a record, in the order of the engine's numbers from 1."""

REASONS = (
    "",
    "no rule lets it in or out",
    "it belongs to no flow that was opened",
    "its rule was withdrawn",
    "its headers are malformed",
    "a fragment without its first one",
    "a source route, or too many extension headers",
)
"""Words for why a packet was dropped, in the order of the engine's numbers from 0."""
