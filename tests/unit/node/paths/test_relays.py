"""The shell of the relay agent: papers and addresses to the tunnel, memory on disk, hops and home passed on."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec import structs
from tests.unit.node.memory_dataplane import MemoryTunnel

from warren.engine.errors import InvalidError
from warren.limits import RELAY_CERTIFICATE_LIFE_S, RELAY_GRANT_LIFE_S
from warren.model.addresses import Endpoint, RelayHop, parse_endpoint
from warren.model.ids import Identity, NetworkId
from warren.model.keys import ExchangeKeyPair, SigningKeyPair
from warren.node.control.proxy import parse_proxy
from warren.node.dataplane.interface import StampWindow, TunnelSpec
from warren.node.dataplane.relaying import Carriage, ChannelOpened, RelayConnected, RelayLost, RelaySession
from warren.node.paths.relay_book import RelayBook
from warren.node.paths.relay_papers import PaperDesk
from warren.node.paths.relays import Relays
from warren.node.storage import Store
from warren.protocol.control.messages import RelayPlace
from warren.protocol.control.messages import Relays as ToldRelays
from warren.protocol.relay.grants import Grant, sign_grant

IDENTITY = SigningKeyPair(bytes([1]) * 32)
NETWORK = NetworkId(bytes([2]) * 32)
SIGNER = SigningKeyPair(bytes([3]) * 32)
PEER = Identity(bytes([4]) * 32)
NOW = 1_800_000_000
FRA = RelayPlace(number=7, name="fra", key=bytes([7]) * 32, udp=("192.0.2.7:3478",), url="https://fra.example.org")
AMS = RelayPlace(number=8, name="ams", key=bytes([8]) * 32, udp=("192.0.2.8:3478",), url="http://127.0.0.1:80")


def grant(now: int = NOW) -> bytes:
    numbers = (FRA.number, AMS.number)
    made = Grant(
        network=NETWORK, identity=IDENTITY.public, relays=numbers, issued_s=now, not_after_s=now + RELAY_GRANT_LIFE_S
    )
    return sign_grant(made, SIGNER)


class Owner:
    """Keeps what the relays tell."""

    def __init__(self) -> None:
        self.hops: dict[Identity, RelayHop | None] = {}
        self.homes: list[int] = []
        self.endpoints: Sequence[Endpoint] = ()

    def relay_hop(self, peer: Identity, hop: RelayHop | None, reason: str) -> None:
        assert reason
        self.hops[peer] = hop

    def relay_home(self, relay: int) -> None:
        self.homes.append(relay)

    def relay_endpoints(self, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = endpoints


class Picky(MemoryTunnel):
    """Refuses what is no URL, as the engine does."""

    def set_relay(self, session: RelaySession) -> None:
        if "\r" in session.url:
            raise InvalidError("the URL of a relay cannot be used")
        super().set_relay(session)


class Node:
    """The relays of one process over a folder, with a tunnel in memory."""

    def __init__(self, folder: Path, now: float = NOW, *, is_local: bool = False) -> None:
        self.owner = Owner()
        self.book = RelayBook(Store(folder, lambda _: None))
        self.desk = PaperDesk(NETWORK, IDENTITY, lambda size: bytes([9]) * size)
        proxy = parse_proxy("http://proxy.example.org:3128")
        self.relays = Relays(self.desk, self.book, self.owner, unix_time=lambda: now, proxy=proxy, is_local=is_local)
        self.tunnel = MemoryTunnel("w0", TunnelSpec((ExchangeKeyPair(bytes(32)),), 0, StampWindow(0, 1)), None)
        self.relays.set_tunnel(self.tunnel)


async def test_what_the_server_told_is_used_at_once_with_papers_and_addresses(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.relays.handle_told(ToldRelays(relays=(FRA, AMS), grant=grant()))
    session = node.tunnel.relays[FRA.number]
    assert (session.relay_key, session.grant, session.url) == (FRA.key, grant(), FRA.url)
    assert session.endpoints == (parse_endpoint("192.0.2.7:3478"),)
    assert session.certificate[108:140] == session.session_key.public
    assert session.proxy == "http://proxy.example.org:3128"
    assert node.tunnel.relays[AMS.number].proxy == "", "this machine is reached without one"
    assert set(node.owner.endpoints) == {parse_endpoint("192.0.2.7:3478"), parse_endpoint("192.0.2.8:3478")}


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "169.254.169.254", "0.0.0.0"])  # noqa: S104 - refused
async def test_no_server_sends_this_daemon_to_its_own_machine(tmp_path: Path, address: str) -> None:
    here = structs.replace(FRA, udp=(f"{address}:9999", "192.0.2.7:3478"), url=f"http://{address}:8000")
    node = Node(tmp_path)
    node.relays.handle_told(ToldRelays(relays=(here,), grant=grant()))
    session = node.tunnel.relays[FRA.number]
    assert (session.url, session.endpoints) == ("", (parse_endpoint("192.0.2.7:3478"),))
    assert node.owner.endpoints == (parse_endpoint("192.0.2.7:3478"),)


async def test_a_server_on_this_machine_has_its_relay_here(tmp_path: Path) -> None:
    here = structs.replace(FRA, udp=("127.0.0.1:3478",), url="http://localhost:8443")
    node = Node(tmp_path, is_local=True)
    node.relays.handle_told(ToldRelays(relays=(here,), grant=grant()))
    session = node.tunnel.relays[FRA.number]
    assert (session.url, session.endpoints) == (here.url, (parse_endpoint("127.0.0.1:3478"),))


async def test_a_renewed_grant_reaches_the_relays_that_are_held(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.relays.handle_told(ToldRelays(relays=(FRA,), grant=grant()))
    node.relays.handle_told(ToldRelays(relays=(FRA,), grant=grant(NOW + 5)))
    assert node.tunnel.relays[FRA.number].grant == grant(NOW + 5)


async def test_a_relay_that_cannot_be_used_stops_nothing_else(tmp_path: Path) -> None:
    node = Node(tmp_path)
    tunnel = Picky("w1", node.tunnel.spec, None)
    node.relays.set_tunnel(tunnel)
    node.relays.handle_told(ToldRelays(relays=(FRA, AMS), grant=grant()))
    bad = structs.replace(FRA, url="http://ex\r\nHost: x/")
    node.relays.handle_told(ToldRelays(relays=(bad, AMS), grant=grant(NOW + 5)))
    assert tunnel.relays[AMS.number].grant == grant(NOW + 5)
    node.relays.handle_network_change()
    assert {one.name: bool(one.trouble) for one in node.relays.view()} == {"fra": True, "ams": False}


async def test_of_what_the_server_tells_no_more_nothing_is_kept(tmp_path: Path) -> None:
    node = Node(tmp_path)
    for turn in range(3):
        node.relays.handle_told(ToldRelays(relays=(structs.replace(FRA, key=bytes([turn]) * 32), AMS), grant=grant()))
    node.relays.handle_event(RelayLost(FRA.number, "it does not answer"))
    half = NOW + RELAY_CERTIFICATE_LIFE_S / 2
    assert [node.desk.is_due(bytes([turn]) * 32, half) for turn in range(3)] == [False, False, True]
    node.relays.handle_told(ToldRelays(relays=(AMS,), grant=grant()))
    assert node.desk.is_due(AMS.key, half)
    assert not node.desk.is_due(bytes([2]) * 32, half)
    node.relays.handle_told(ToldRelays(relays=(FRA, AMS), grant=grant()))
    assert node.relays.view()[0].trouble == ""


async def test_hops_and_home_are_passed_on_and_end_with_their_relay(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.relays.handle_told(ToldRelays(relays=(FRA,), grant=grant()))
    node.relays.set_peers({PEER: FRA.number})
    assert (FRA.number, PEER) in node.tunnel.channels
    node.relays.handle_event(RelayConnected(FRA.number, 0.01, Carriage.WEBSOCKET))
    node.relays.handle_event(ChannelOpened(PEER, RelayHop(FRA.number, 5)))
    assert (node.owner.hops[PEER], node.owner.homes) == (RelayHop(FRA.number, 5), [FRA.number])
    (view,) = node.relays.view()
    assert (view.name, view.is_home, view.carriage, view.rtt_s) == ("fra", True, Carriage.WEBSOCKET, 0.01)
    node.relays.handle_event(RelayLost(FRA.number, "it does not answer"))
    assert node.owner.hops[PEER] is None
    assert node.relays.view()[0].trouble == "it does not answer"


async def test_the_next_process_needs_no_server(tmp_path: Path) -> None:
    before = Node(tmp_path)
    before.relays.handle_told(ToldRelays(relays=(FRA, AMS), grant=grant()))
    before.relays.set_peers({PEER: AMS.number})
    before.relays.handle_event(RelayConnected(FRA.number, 0.01, Carriage.UDP))
    before.relays.write_now()
    after = Node(tmp_path)
    after.relays.set_peers({PEER: 0})
    assert set(after.tunnel.relays) == {FRA.number, AMS.number}
    assert (AMS.number, PEER) in after.tunnel.channels, "where the peer was last"
    assert after.relays.home == FRA.number


async def test_a_grant_that_ran_out_opens_nothing(tmp_path: Path) -> None:
    node = Node(tmp_path, now=NOW + RELAY_GRANT_LIFE_S + 1)
    node.relays.handle_told(ToldRelays(relays=(FRA,), grant=grant()))
    assert node.tunnel.relays == {}


async def test_another_tunnel_begins_anew(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.relays.handle_told(ToldRelays(relays=(FRA,), grant=grant()))
    node.relays.set_peers({PEER: FRA.number})
    node.relays.handle_event(RelayConnected(FRA.number, 0.01, Carriage.UDP))
    node.relays.handle_event(ChannelOpened(PEER, RelayHop(FRA.number, 5)))
    node.relays.set_tunnel(None)
    assert node.owner.hops[PEER] is None
    second = MemoryTunnel("w1", node.tunnel.spec, None)
    node.relays.set_tunnel(second)
    assert FRA.number in second.relays
    assert (FRA.number, PEER) in second.channels
