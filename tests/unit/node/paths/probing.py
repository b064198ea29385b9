"""Two real probers on the simulated internet: the shell, the agents, sealed signals and STUN, all but the engine.

The tunnel here lets through what the engine would: probes under a registered key, STUN answers that are waited for.
"""

import hashlib
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from types import SimpleNamespace
from typing import cast

import pytest
from tests.unit.node.maps import network as map_of
from tests.unit.node.paths.underlay import INTERNET, Kind, Router, Underlay

from warren.model.addresses import Endpoint, Hop, RelayHop
from warren.model.ids import Identity, NetworkId
from warren.model.keys import ExchangeKeyPair
from warren.model.names import HostLabel
from warren.node.dataplane.interface import HeardElsewhere, ProbeReceived, StunAnswered, Tunnel
from warren.node.netmap import Peer
from warren.node.paths import deadlines, outside, prober, telling
from warren.node.paths.endpoints import EndpointBook
from warren.node.paths.prober import Owner, Prober
from warren.node.paths.signals import Envelopes
from warren.node.storage import Store
from warren.wire.stun import BindingSuccess, decode_binding_request, encode_binding_response, transaction_of

NETWORK = NetworkId(hashlib.sha256(b"a network").digest())
SERVER_S = 0.020  # a signal by the server
RELAY = 7
STUN_PORT = 3478
PACKET = b"\x04packet"  # what stands for WireGuard's bytes here


class StunServer:
    """Answers who asks, on one address of the internet."""

    def __init__(self, underlay: Underlay, address: str) -> None:
        self.endpoint = Endpoint(ip_address(address), STUN_PORT)
        self._underlay = underlay
        underlay.own(INTERNET, address, self)

    def arrive(self, source: Endpoint, destination: Endpoint, datagram: bytes) -> None:
        asked = decode_binding_request(datagram)
        answer = encode_binding_response(BindingSuccess(asked.transaction, source))
        self._underlay.send(INTERNET, destination, source, answer)


class SimTunnel:
    """`interface.Tunnel` on the underlay."""

    link = "warren0"

    def __init__(self, node: "SimNode", port: int) -> None:
        self.port = port
        self.node = node
        self.endpoint: Hop | None = None
        self.keys: dict[bytes, Identity] = {}
        self.expected: set[bytes] = set()
        self.sent: list[tuple[float, Hop, int]] = []

    def peers(self) -> dict[Identity, object]:
        return {self.node.peer.identity: None}

    def set_endpoint(self, _identity: Identity, endpoint: Hop | None) -> None:
        self.endpoint = endpoint

    def set_probe_key(self, identity: Identity, hint: bytes, _key: bytes) -> None:
        self.keys[hint] = identity

    def remove_probe_key(self, hint: bytes) -> None:
        self.keys.pop(hint, None)

    def expect_stun(self, transaction: bytes, _for_s: float) -> None:
        self.expected.add(transaction)

    def send(self, endpoint: Hop, datagram: bytes) -> None:
        self.sent.append((self.node.world.underlay.now, endpoint, len(datagram)))
        self.node.send(endpoint, datagram)


@dataclass
class SimNode:
    """One machine: where it is, its prober, and what it noted."""

    world: "World"
    name: str
    segment: str
    address: IPv4Address
    routers: tuple[Router, ...] = ()
    key: ExchangeKeyPair = field(init=False)
    signalling: bool = True
    is_up: bool = False
    received: list[tuple[float, int]] = field(default_factory=list)
    used: list[tuple[float, Hop | None]] = field(default_factory=list)
    narrow: list[tuple[float, bool]] = field(default_factory=list)
    signals: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = ExchangeKeyPair(hashlib.sha256(f"{self.name} path".encode()).digest())
        self.identity = Identity(hashlib.sha256(self.name.encode()).digest())
        self.tunnel = SimTunnel(self, 51_820)
        self.carried = 0

    @property
    def other(self) -> "SimNode":
        """The peer."""
        return self.world.b if self is self.world.a else self.world.a

    @property
    def peer(self) -> Peer:
        """The peer as a network map has it."""
        there = self.other
        return Peer(
            identity=there.identity,
            name=HostLabel(there.name),
            fqdn=f"{there.name}.default.warren",
            addresses=(),
            wireguard_keys=(hashlib.sha256(f"{there.name} wireguard".encode()).digest(),),
            path_key=there.key.public,
            allowed=True,
            allowed_reason="",
            online=True,
            last_seen=None,
            user="",
            tags=(),
        )

    def start(self) -> None:
        """A daemon that came up."""
        book = EndpointBook(cast("Store", SimpleNamespace(read=lambda *_: None)))
        envelopes = Envelopes(NETWORK, self.identity, (self.key,))
        self.prober = Prober(NETWORK, envelopes, book, self._signal, cast("Owner", self))
        self.prober.set_tunnel(cast("Tunnel", self.tunnel))
        self.prober.set_addresses((self.address,))
        self.is_up = True
        self.prober.set_stun_servers([server.endpoint for server in self.world.stun])
        self.world.underlay.run(self.world.head_start_s)
        self.prober.set_map(map_of(peers=(self.peer,)), ())

    def open_relay(self) -> None:
        """The relay has a channel to the peer."""
        self.prober.handle_relay_hop(self.other.identity, RelayHop(RELAY, 1), "a relay has the peer")

    def send(self, hop: Hop, datagram: bytes) -> None:
        """What the tunnel sends."""
        if isinstance(hop, RelayHop):
            self.world.relay(self, datagram)
        else:
            self.world.underlay.send(self.segment, Endpoint(self.address, self.tunnel.port), hop, datagram)

    def arrive(self, source: Endpoint, destination: Endpoint, datagram: bytes) -> None:
        """What comes to the tunnel's port."""
        if self.is_up and destination.port == self.tunnel.port:
            self.hear(source, datagram)

    def hear(self, source: Hop, datagram: bytes) -> None:
        """The engine's work: packets are counted, probes and STUN go up."""
        if datagram.startswith(PACKET):
            self.received.append((self.world.underlay.now, int.from_bytes(datagram[len(PACKET) :][:8], "big")))
            if source != self.tunnel.endpoint:
                self.prober.handle_event(HeardElsewhere(self.other.identity, source))
        elif (identity := self.tunnel.keys.get(datagram[4:12])) is not None:
            self.prober.handle_event(ProbeReceived(identity, datagram, source))
        elif isinstance(source, Endpoint) and transaction_of(datagram) in self.tunnel.expected:
            self.tunnel.expected.discard(transaction_of(datagram))
            self.prober.handle_event(StunAnswered(datagram, source))

    def carry(self, size: int = 200) -> int:
        """Send one packet the way that was chosen; returns its number."""
        number, self.carried = self.carried, self.carried + 1
        if self.tunnel.endpoint is not None:
            self.send(self.tunnel.endpoint, PACKET + number.to_bytes(8, "big") + bytes(size - 9))
        return number

    def path_changed(self, _peer: Identity) -> None:
        self.used.append((self.world.underlay.now, self.tunnel.endpoint))

    def narrow_changed(self) -> None:
        self.narrow.append((self.world.underlay.now, self.other.identity in self.prober.narrow))

    def own_heads(self) -> tuple[bytes, ...]:
        return ()

    def heard_heads(self, _peer: Peer, _heads: tuple[bytes, ...]) -> None:
        raise AssertionError("nobody has heads here")

    def _signal(self, _to: Identity, sealed: bytes) -> bool:
        other = self.other
        self.signals.append(sealed)
        if not (self.signalling and other.signalling and other.is_up):
            return False
        self.world.underlay.at(SERVER_S, lambda: other.prober.handle_signal(self.identity, sealed))
        return True


class World:
    """Two machines behind routers of these kinds (None: none), two STUN servers, a relay."""

    def __init__(self, patch: pytest.MonkeyPatch, a: Kind | None, b: Kind | None, *, seed: int = 1) -> None:
        self.underlay = Underlay(seed)
        self.head_start_s = 0.1
        self.relay_is_up = True
        self.relay_max_bytes = 1500
        self.stun = [StunServer(self.underlay, "198.51.100.1"), StunServer(self.underlay, "198.51.100.2")]
        self._patch(patch)
        self.a = self._node("a", 1, a)
        self.b = self._node("b", 2, b)

    def start(self, *, relayed: bool = True, late_s: float = 0.0) -> None:
        """Both come up, `b` a little later."""
        for node in (self.a, self.b):
            node.start()
            self.underlay.run(late_s)
        if relayed:
            self.a.open_relay()
            self.b.open_relay()

    def both_direct(self) -> bool:
        """Whether packets go straight, both ways."""
        return all(isinstance(node.tunnel.endpoint, Endpoint) for node in (self.a, self.b))

    def both_relayed(self) -> bool:
        """Whether packets go by the relay, both ways."""
        return all(isinstance(node.tunnel.endpoint, RelayHop) for node in (self.a, self.b))

    def relay(self, sender: SimNode, datagram: bytes) -> None:
        """The relay carries, twice as far."""
        fits = len(datagram) <= self.relay_max_bytes
        if fits and self.relay_is_up and sender.other.is_up and self.underlay.rng.random() >= self.underlay.loss:
            receiver = sender.other
            delay_s = 2 * self.underlay.delay_s + self.underlay.rng.random() * self.underlay.jitter_s
            self.underlay.at(delay_s, lambda: receiver.hear(RelayHop(RELAY, 1), datagram))

    def stream(self, sender: SimNode, seconds: float, per_s: int = 1000) -> list[int]:
        """Send packets at this rate while time passes; returns the numbers that did not arrive within a second."""
        sent: list[int] = []
        count = int(seconds * per_s)
        for number in range(count):
            self.underlay.at(number / per_s, lambda: sent.append(sender.carry()))
        self.underlay.run(seconds + 1.0)
        arrived = {number for _, number in sender.other.received}
        return [number for number in sent if number not in arrived]

    def _node(self, name: str, number: int, kind: Kind | None) -> SimNode:
        if kind is None:
            node = SimNode(self, name, INTERNET, IPv4Address(f"192.0.2.{number}"))
        else:
            inside = f"home {name}"
            router = Router(self.underlay, inside, INTERNET, f"203.0.113.{number}", kind)
            node = SimNode(self, name, inside, IPv4Address(f"10.0.{number}.2"), (router,))
        self.underlay.own(node.segment, str(node.address), node)
        return node

    def _patch(self, patch: pytest.MonkeyPatch) -> None:
        clock = SimpleNamespace(
            monotonic=lambda: self.underlay.now,
            time=lambda: 1.7e9 + self.underlay.now,
            time_ns=lambda: int((1.7e9 + self.underlay.now) * 1e9),
        )
        loop = SimpleNamespace(call_later=self.underlay.at)
        noise = SimpleNamespace(urandom=self.underlay.rng.randbytes)
        for module in (prober, deadlines, outside, telling):
            patch.setattr(module, "time", clock)
        for module in (prober, outside, telling):
            patch.setattr(module, "os", noise)
        patch.setattr(deadlines, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
