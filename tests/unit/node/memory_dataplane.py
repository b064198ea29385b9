"""The second data plane: in memory, recording what it was told, giving the events that a test puts in."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address

from tests.unit.node.simulated_host import SimulatedHost

from warren.errors import Code, WarrenError
from warren.model.addresses import Hop
from warren.model.ids import Identity
from warren.model.keys import ExchangeKeyPair
from warren.node.dataplane.filtering import Flow
from warren.node.dataplane.interface import Event, PeerStats, StampWindow, Tunnel, TunnelSpec
from warren.node.dataplane.relaying import RelaySession, RelayStats
from warren.node.plan import FilterPlan, PeerPlan

NEVER = PeerStats(0, 0, None, None, session_alive=False, endpoint=None)


class MemoryDataplane:
    """`interface.Dataplane`; its links appear on `host`, if there is one. `refuse` is raised by the next `open`s."""

    def __init__(self, host: SimulatedHost | None = None) -> None:
        self.tunnels: list[MemoryTunnel] = []
        self.refuse: WarrenError | OSError | None = None
        self._host = host

    def open(self, link: str, mtu: int, spec: TunnelSpec) -> Tunnel:
        if self.refuse is not None:
            raise self.refuse
        if self._host is not None:
            self._host.before_change(spec)
            self._host.add_link(link, mtu=mtu, up=False)
        tunnel = MemoryTunnel(link, spec, self._host)
        self.tunnels.append(tunnel)
        return tunnel

    def crash(self) -> None:
        """What a kill -9 does: the kernel closes every TUN."""
        for tunnel in self.tunnels:
            tunnel.close()


class MemoryTunnel:
    """`interface.Tunnel`."""

    ports = itertools.count(40_000)

    def __init__(self, link: str, spec: TunnelSpec, host: SimulatedHost | None) -> None:
        self.link = link
        self.port = spec.port or next(self.ports)
        self.spec = spec
        self.sent: list[tuple[Hop, bytes]] = []
        self.ended: list[Flow] = []
        self.flows_lost = 0
        self.endpoints: dict[Identity, Hop | None] = {}
        self.expected: dict[bytes, float] = {}
        self.initiated: list[Identity] = []
        self.pings: list[tuple[Identity, int]] = []
        self.probe_keys: dict[bytes, tuple[Identity, bytes]] = {}
        self.peer_stats: dict[Identity, PeerStats] = {}
        self.relays: dict[int, RelaySession] = {}
        self.channels: set[tuple[int, Identity]] = set()
        self.relay_stats_of: dict[int, RelayStats] = {}
        self.closed = False
        self._plans: dict[Identity, PeerPlan] = {}
        self._filter: FilterPlan | None = None
        self.dropped: dict[Identity, list[Flow]] = {}
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._host = host

    def emit(self, event: Event) -> None:
        """Let the reader of `events` have this."""
        self._events.put_nowait(event)

    def set_keys(self, keys: tuple[ExchangeKeyPair, ...]) -> None:
        self._check()
        self.spec = TunnelSpec(keys, self.spec.port, self.spec.stamps)

    def set_stamps(self, stamps: StampWindow) -> None:
        self._check()
        self.spec = TunnelSpec(self.spec.keys, self.spec.port, stamps)

    def set_peer(self, peer: PeerPlan) -> None:
        self._check()
        if self._host is not None:
            self._host.before_change(peer)
            assert self._host.links[self.link].up, "peers come last"
        assert self._filter is not None, "no peer without a filter"
        self._plans[peer.identity] = peer

    def set_filter(self, wanted: FilterPlan) -> None:
        self._check()
        if self._host is not None:
            self._host.before_change(wanted)
        self._filter = wanted

    def filter(self) -> FilterPlan | None:
        return self._filter

    def find_rule(
        self,
        local: IPv4Address | IPv6Address,
        remote: IPv4Address | IPv6Address,
        protocol: int,
        port: int,
        *,
        inward: bool,
    ) -> int | None:
        self._check()
        assert self._filter is not None
        rules = self._filter.rules
        lines = [
            rule.line
            for rule in rules
            if rule.inward is inward
            and any(local in prefix for prefix in self._filter.own)
            and (not rule.protocols or protocol in rule.protocols)
            and (not rule.ports or any(first <= port <= last for first, last in rule.ports))
            and any(remote in prefix for prefix in rule.remotes)
        ]
        return min(lines, default=None)

    def drops(self, identity: Identity) -> list[Flow]:
        self._check()
        return self.dropped.get(identity, [])

    def take_flows(self, most: int) -> tuple[list[Flow], int]:
        self._check()
        taken, self.ended = self.ended[:most], self.ended[most:]
        lost, self.flows_lost = self.flows_lost, 0
        return taken, lost

    def set_relay(self, session: RelaySession) -> None:
        self._check()
        self.relays[session.relay] = session

    def remove_relay(self, relay: int) -> None:
        self._check()
        self.relays.pop(relay, None)
        self.channels = {one for one in self.channels if one[0] != relay}

    def open_channel(self, relay: int, peer: Identity) -> None:
        self._check()
        assert relay in self.relays, "a channel is asked of a relay that was set"
        self.channels.add((relay, peer))

    def close_channel(self, relay: int, peer: Identity) -> None:
        self._check()
        self.channels.discard((relay, peer))

    def relay_stats(self, relay: int) -> RelayStats:
        self._check()
        return self.relay_stats_of.get(relay, RelayStats(None, None, 0, 0))

    def remove_peer(self, identity: Identity) -> None:
        self._check()
        self._plans.pop(identity, None)
        self.endpoints.pop(identity, None)
        self.probe_keys = {hint: entry for hint, entry in self.probe_keys.items() if entry[0] != identity}

    def peers(self) -> dict[Identity, PeerPlan]:
        return dict(self._plans)

    def set_endpoint(self, identity: Identity, endpoint: Hop | None) -> None:
        self._check(identity)
        self.endpoints[identity] = endpoint

    def initiate(self, identity: Identity) -> None:
        self._check(identity)
        self.initiated.append(identity)

    def ping(self, identity: Identity, token: int) -> None:
        self._check(identity)
        self.pings.append((identity, token))

    def set_probe_key(self, identity: Identity, hint: bytes, key: bytes) -> None:
        self._check(identity)
        self.probe_keys[hint] = (identity, key)

    def remove_probe_key(self, hint: bytes) -> None:
        self.probe_keys.pop(hint, None)

    def expect_stun(self, transaction: bytes, for_s: float) -> None:
        self._check()
        self.expected[transaction] = for_s

    def send(self, endpoint: Hop, datagram: bytes) -> None:
        self._check()
        self.sent.append((endpoint, datagram))

    def stats(self, identity: Identity) -> PeerStats:
        self._check(identity)
        return self.peer_stats.get(identity, NEVER)

    def counters(self) -> dict[str, int]:
        self._check()
        return {}

    def offloads(self) -> dict[str, str]:
        self._check()
        return {}

    def workers(self) -> int:
        self._check()
        return 1

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event

    def close(self) -> None:
        if not self.closed and self._host is not None and self.link in self._host.links:
            self._host.remove_link(self.link)
        self.closed = True
        self._events.put_nowait(None)

    def _check(self, identity: Identity | None = None) -> None:
        if self.closed:
            raise WarrenError(Code.NOT_UP, f"the tunnel of {self.link} is closed")
        if identity is not None and identity not in self._plans:
            raise WarrenError(Code.NOT_FOUND, "the tunnel has no such peer")
