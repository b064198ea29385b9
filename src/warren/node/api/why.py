"""`POST /v1/why`: the way from one node to another, step by step, as this machine knows it.

Decides the order of the steps and the one thing to do. Must not decide anything else: verdicts come from the policy
that is in force and from the engine's own rules, reasons from where they were made.
"""

import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from warren.errors import Code, WarrenError
from warren.limits import WHY_DROPS_MAX, WHY_FLOWS_MAX
from warren.model.names import printable
from warren.node.api.http import Reply, Request
from warren.node.api.ping import names_self, peers_named
from warren.node.api.scope import Scope
from warren.node.dataplane.filtering import Flow
from warren.node.dataplane.interface import Tunnel
from warren.node.netmap import Peer, SelfNode, party_of
from warren.node.network import Network
from warren.policy.language import PROTOCOLS
from warren.policy.language import parse as parse_policy
from warren.policy.verdict import Verdict, allows, judge
from warren.protocol.local.why import Drop, EndedFlow, Step, Why, WhyRequest
from warren.trust.view import View

Node = Peer | SelfNode
_NUMBERS = {1: "icmp", 58: "icmp", 6: "tcp", 17: "udp"}
_WITH_PORTS = {"tcp", "udp"}
_ADVICE = {
    "identity": "see `warren status` for the names",
    "membership": "it has to join again, with a new key",
    "rule": "ask an admin for a rule from {source} to {destination}",
    "route": "see `warren status`: the network is not up on this machine",
    "key": "see that {other} is switched on, and try `warren ping {other}`",
    "path": "`warren netcheck` on both machines says what is in the way",
    "firewall": "repeat it in a moment; if it stays, restart the daemon: `warren down`, `warren up`",
}


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Walk the way, then tell."""
    wish = request.decode(WhyRequest)
    if wish.protocol not in PROTOCOLS or (wish.port is not None and not 1 <= wish.port <= 65_535):
        raise WarrenError(Code.INVALID_ARGUMENT, "a port is 1 to 65535, a protocol tcp, udp or icmp")
    network, source, destination = _find(scope, wish)
    walk = _Walk(network, source, destination, wish)
    steps = tuple(walk.steps())
    failed = next((step for step in steps if step.ok is False), None)
    advice = ""
    if failed is not None:
        names = {"source": source.name, "destination": destination.name, "other": walk.other.name}
        advice = _ADVICE[failed.name].format(**names)
    drops = tuple(_drop(flow) for flow in walk.drops()[:WHY_DROPS_MAX])
    await reply.result(
        Why(
            source=source.name,
            destination=destination.name,
            reachable=failed is None,
            steps=steps,
            drops=drops,
            flows=tuple(_ended(flow) for flow in walk.flows()[:WHY_FLOWS_MAX]),
            advice=advice,
        )
    )


def _find(scope: Scope, wish: WhyRequest) -> tuple[Network, Node, Node]:
    """Both ends, in one network. WarrenError NOT_FOUND, or CONFLICT where several networks have both."""
    networks = scope.roster.networks if wish.network is None else (scope.roster.find(wish.network),)
    found = [
        (network, source, destination)
        for network in networks
        for source in _named(network, wish.source)
        for destination in _named(network, wish.destination)
    ]
    if not found:
        names = f"'{printable(wish.source[:80])}' and '{printable(wish.destination[:80])}'"
        text = f"no network that is up here has both {names}: unknown, removed, or hidden by policy"
        raise WarrenError(Code.NOT_FOUND, text, _ADVICE["identity"])
    if len(found) > 1:
        raise WarrenError(Code.CONFLICT, "several networks have both", "name one with --network")
    network, source, destination = found[0]
    if source.identity == destination.identity:
        raise WarrenError(Code.INVALID_ARGUMENT, "both are the same machine")
    return network, source, destination


def _named(network: Network, word: str) -> list[Node]:
    me = [network.map.me] if network.map is not None and names_self(network, word) else []
    return [*me, *peers_named(network, word)]


@dataclass(frozen=True, slots=True)
class _Walk:
    """The way from `source` to `destination`; `other` is the one that is not this machine (or the destination)."""

    network: Network
    source: Node
    destination: Node
    wish: WhyRequest

    @property
    def other(self) -> Node:
        return self.source if isinstance(self.destination, SelfNode) else self.destination

    @property
    def is_ours(self) -> bool:
        """Whether this machine is one of the two."""
        return isinstance(self.source, SelfNode) or isinstance(self.destination, SelfNode)

    def steps(self) -> list[Step]:
        """In the order in which they have to hold."""
        steps = [
            _step("identity", f"{one.name} is {one.identity.hex()[:10]}") for one in (self.source, self.destination)
        ]
        steps += [self._membership(), self._rule()]
        if not self.is_ours:
            steps.append(Step(name="path", ok=None, text="neither end is this machine: ask there for key and path"))
            return steps
        tunnel = self.network.tunnel
        other = self.other
        if tunnel is None or not isinstance(other, Peer):
            reason = self.network.failure.text if self.network.failure is not None else "the tunnel is not up"
            return [*steps, _step("route", reason, ok=False)]
        return [
            *steps,
            self._route(tunnel, other),
            *self._reach(tunnel, other),
            self._firewall(tunnel, other),
            self._name(),
        ]

    def drops(self) -> list[Flow]:
        """What the filter dropped between the two lately, of what was asked about."""
        tunnel = self.network.tunnel
        if tunnel is None or not self.is_ours:
            return []
        return self._asked(tunnel.drops(self.other.identity))

    def flows(self) -> list[Flow]:
        """What passed between the two and ended, of what was asked about."""
        tunnel = self.network.tunnel
        if tunnel is None or not self.is_ours:
            return []
        self.network.flows.take(tunnel)
        inward = isinstance(self.destination, SelfNode)
        return [flow for flow in self._asked(self.network.flows.of(self.other.identity)) if flow.inward is inward]

    def _asked(self, flows: list[Flow]) -> list[Flow]:
        """Those of the protocol and port in question."""
        if self.wish.port is None:
            return flows
        numbers = (*PROTOCOLS[self.wish.protocol], 0)  # 0: headers that could not be read
        return [flow for flow in flows if flow.protocol in numbers and flow.port in {0, self.wish.port}]

    def _membership(self) -> Step:
        view = self._view()
        gone = [one.name for one in (self.source, self.destination) if view is None or one.identity not in view.members]
        if gone:
            return _step("membership", f"{' and '.join(gone)} is no member any more", ok=False)
        return _step("membership", f"both are members of {self.network.name}")

    def _rule(self) -> Step:
        verdict = self._verdict()
        return _step("rule", verdict.reason, ok=verdict.allowed)

    def _verdict(self) -> Verdict:
        view = self._view()
        if view is None or view.policy is None:
            return Verdict(allowed=False, reason="no policy is held, so everything is denied")
        ends = [view.members.get(one.identity) for one in (self.source, self.destination)]
        source, destination = (party_of(member) if member is not None else None for member in ends)
        if source is None or destination is None:
            return Verdict(allowed=False, reason="policy is about members only")
        policy = parse_policy(view.policy.text)
        if self.wish.port is None and self.wish.protocol != "icmp":
            return allows(policy, source, destination)
        return judge(policy, source, destination, self._protocol(), self._port())

    def _view(self) -> View | None:
        return self.network.held.view if self.network.held is not None else None

    def _route(self, tunnel: Tunnel, other: Peer) -> Step:
        plan = tunnel.peers().get(other.identity)
        if plan is None or not plan.allowed:
            return _step("route", f"no address of {other.name} leads into {tunnel.link}", ok=False)
        where = ", ".join(str(prefix.network_address) for prefix in plan.allowed)
        return _step("route", f"{where} by {tunnel.link}")

    def _reach(self, tunnel: Tunnel, other: Peer) -> list[Step]:
        stats = tunnel.stats(other.identity) if other.identity in tunnel.peers() else None
        state = self.network.prober.state(other.identity)
        note = f": {state.note}" if state is not None and state.note else ""
        online = "" if other.online else "; the server says it is offline"
        if not other.allowed:
            online = "; policy hides whether it is online"
        if stats is not None and stats.session_alive:
            age_s = time.time() - (stats.last_handshake_s or time.time())
            key = _step("key", f"a session stands, {age_s:.0f} s old")
        elif stats is not None and stats.last_handshake_s is not None:
            key = _step("key", f"the last session is over, a packet begins the next{online}")
        else:
            key = _step("key", f"no handshake yet{online}", ok=other.online)
        if state is None or state.endpoint is None:
            return [key, _step("path", f"no path{note}{online}", ok=False)]
        return [key, _step("path", f"{state.endpoint}{note}")]

    def _firewall(self, tunnel: Tunnel, other: Peer) -> Step:
        """The gate, and what the engine itself says of such a flow."""
        plan = tunnel.peers().get(other.identity)
        if plan is None or not plan.gate_open:
            return _step("firewall", "the gate is shut", ok=False)
        if tunnel.filter() is None:
            return _step("firewall", "the packet filter is not set", ok=False)
        if self.wish.port is None and self.wish.protocol != "icmp":
            return _step("firewall", "the gate is open, the packet filter is on")
        for own, theirs in _pairs(self.network, other):
            is_v4 = isinstance(own, IPv4Address)
            protocol = self._protocol() if is_v4 or self.wish.protocol != "icmp" else PROTOCOLS["icmp"][1]
            inward = isinstance(self.destination, SelfNode)
            line = tunnel.find_rule(own, theirs, protocol, self._port() or 0, inward=inward)
            if line is None:
                return _step("firewall", "the packet filter has no rule for it", ok=False)
            return _step("firewall", f"the packet filter lets it through, by the rule in line {line}")
        return _step("firewall", "no addresses of one family", ok=False)

    def _name(self) -> Step:
        address = self.destination.addresses[0] if self.destination.addresses else "no address"
        return _step("name", f"{self.destination.fqdn} is {address}")

    def _protocol(self) -> int:
        return PROTOCOLS[self.wish.protocol][0]

    def _port(self) -> int | None:
        return self.wish.port if self.wish.protocol in _WITH_PORTS else None


def _pairs(network: Network, other: Peer) -> list[tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]]:
    own = network.map.me.addresses if network.map is not None else ()
    return [(mine, theirs) for mine in own for theirs in other.addresses if mine.version == theirs.version]


def _drop(flow: Flow) -> Drop:
    return Drop(
        inward=flow.inward,
        protocol=_NUMBERS.get(flow.protocol, str(flow.protocol)),
        port=flow.port,
        reason=flow.reason,
        packets=flow.rx_packets + flow.tx_packets,
        last=flow.last_s,
    )


def _ended(flow: Flow) -> EndedFlow:
    return EndedFlow(
        inward=flow.inward,
        protocol=_NUMBERS.get(flow.protocol, str(flow.protocol)),
        port=flow.port,
        line=flow.line,
        end=flow.end,
        began=flow.began_s,
        last=flow.last_s,
        rx_packets=flow.rx_packets,
        rx_bytes=flow.rx_bytes,
        tx_packets=flow.tx_packets,
        tx_bytes=flow.tx_bytes,
    )


def _step(name: str, text: str, *, ok: bool = True) -> Step:
    return Step(name=name, ok=ok, text=text)
