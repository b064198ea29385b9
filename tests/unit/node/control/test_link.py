"""The session with a server over real sockets: resuming, refusals, wrong servers, joining."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from tests.unit.node.control.small_server import SmallServer
from tests.unit.trust.founding import Network, seed
from websockets.datastructures import Headers

from warren.errors import Code, WarrenError
from warren.model.ids import Identity
from warren.model.keys import ExchangeKeyPair
from warren.node.control.joining import Entry, enter, introduce
from warren.node.control.link import Link, LinkState
from warren.node.control.place import parse_server
from warren.node.keys import NodeKeys
from warren.node.records import first_record
from warren.protocol.control.frames import encode
from warren.protocol.control.messages import MapUpdate, Refused, Relays
from warren.trust.admission_key import AdmissionKey, make, verify_join

ENTRY = Entry("me", (), ephemeral=False)
AT_ONCE = 0.0  # the jitter of the tests: the shortest waits


class Owner:
    """Keeps what the link tells."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.keys = keys
        self.memberships: list[bytes] = []
        self.maps: list[MapUpdate] = []
        self.signals: list[tuple[bytes, bytes]] = []
        self.relays: list[Relays] = []
        self.states: list[LinkState] = []
        self.changed = asyncio.Event()

    def server_keys(self) -> Sequence[bytes]:
        return self.keys

    def own_membership(self) -> bytes:
        return self.memberships[-1] if self.memberships else b""

    def own_heads(self) -> tuple[bytes, ...]:
        return (b"a head",)

    def documents(self) -> Sequence[bytes]:
        return [b"one", b"two"]

    async def handle_admitted(self, membership: bytes) -> None:
        self.memberships.append(membership)

    async def handle_map(self, update: MapUpdate) -> None:
        self.maps.append(update)
        self.changed.set()

    async def handle_relays(self, told: Relays) -> None:
        self.relays.append(told)

    async def handle_signal(self, sender: Identity, sealed: bytes) -> None:
        self.signals.append((sender, sealed))

    def handle_link(self, state: LinkState) -> None:
        self.states.append(state)
        self.changed.set()

    async def until(self, state: str) -> LinkState:
        async with asyncio.timeout(60):
            while not self.states or self.states[-1].state != state:
                self.changed.clear()
                await self.changed.wait()
        return self.states[-1]


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
async def server(network: Network) -> AsyncIterator[SmallServer]:
    async with SmallServer(network).serving() as server:
        yield server


@pytest.fixture
def owner(network: Network) -> Owner:
    return Owner([network.identity("server")])


@pytest.fixture
async def link(network: Network, server: SmallServer, owner: Owner) -> AsyncIterator[Link]:
    link = Link(server.place, network.id, network.key("me"), owner, lambda: AT_ONCE)
    running = asyncio.create_task(link.run())
    yield link
    running.cancel()
    await asyncio.wait((running,))


async def test_a_member_resumes_and_gets_its_map(network: Network, server: SmallServer, owner: Owner) -> None:
    server.maps = [MapUpdate(version=1, full=True, documents=(network.genesis_bytes,))]
    link = Link(server.place, network.id, network.key("me"), owner, lambda: AT_ONCE)
    running = asyncio.create_task(link.run())
    await owner.until("connected")
    async with asyncio.timeout(60):
        while not owner.maps:
            owner.changed.clear()
            await owner.changed.wait()
    assert server.resumes == [network.identity("me")]
    assert owner.maps == server.maps
    running.cancel()
    await asyncio.wait((running,))


@pytest.mark.usefixtures("link")
async def test_after_a_cut_it_resumes_and_does_not_join_anew(server: SmallServer, owner: Owner) -> None:
    await owner.until("connected")
    server.drop()
    assert (await owner.until("away")).code is Code.SERVER_UNREACHABLE
    await owner.until("connected")
    assert (len(server.resumes), server.joins) == (2, [])


async def test_a_server_with_another_key_gets_no_proof(network: Network, server: SmallServer, owner: Owner) -> None:
    owner.keys = [network.identity("another server")]
    link = Link(server.place, network.id, network.key("me"), owner, lambda: AT_ONCE)
    running = asyncio.create_task(link.run())
    state = await owner.until("away")
    assert state.code is Code.SERVER_IDENTITY
    assert server.resumes == []
    running.cancel()
    await asyncio.wait((running,))


async def test_a_server_of_another_network_gets_no_proof(server: SmallServer, owner: Owner) -> None:
    other = Network("other")
    link = Link(server.place, other.id, other.key("me"), owner, lambda: AT_ONCE)
    running = asyncio.create_task(link.run())
    assert (await owner.until("away")).code is Code.SERVER_IDENTITY
    assert server.resumes == []
    running.cancel()
    await asyncio.wait((running,))


async def test_a_refused_member_is_told_why_and_asks_rarely(
    network: Network, server: SmallServer, owner: Owner
) -> None:
    server.refusal = Code.REMOVED
    link = Link(server.place, network.id, network.key("me"), owner, lambda: AT_ONCE)
    running = asyncio.create_task(link.run())
    state = await owner.until("away")
    assert (state.code, state.reason) == (Code.REMOVED, "refused by the test")
    await asyncio.wait((running,), timeout=0.5)  # more than the first waits of an attempt that may be repeated
    assert len(server.greetings) == 1
    running.cancel()
    await asyncio.wait((running,))


@pytest.mark.usefixtures("link")
async def test_where_another_with_this_identity_took_over_it_does_not_fight(
    link: Link, server: SmallServer, owner: Owner
) -> None:
    await owner.until("connected")
    link.hurry()  # as after every change of the host
    await server.say(encode(Refused(code=Code.CONFLICT.value, text="another session of this node took over")))
    assert (await owner.until("away")).code is Code.CONFLICT
    link.hurry()  # the host changed: no reason to take over in turn
    await asyncio.wait((asyncio.create_task(asyncio.sleep(0.6)),))
    assert len(server.greetings) == 1


@pytest.mark.usefixtures("link")
async def test_a_server_that_breaks_the_protocol_after_every_admission_is_asked_ever_more_rarely(
    server: SmallServer, owner: Owner
) -> None:
    began = time.monotonic()
    for session in range(1, 5):
        await server.until(lambda wanted=session: len(server.resumes) == wanted, 10.0)  # type: ignore[misc]
        await owner.until("connected")
        await server.say(b"nonsense")
        assert (await owner.until("away")).code is Code.MALFORMED
    assert time.monotonic() - began > 0.15 + 0.27 + 0.48  # the shortest waits, each longer than the one before


async def test_requests_are_answered_or_refused_with_a_code(link: Link, server: SmallServer, owner: Owner) -> None:
    await owner.until("connected")
    await link.publish(b"record", 5.0)
    assert server.published == [b"record"]
    with pytest.raises(WarrenError) as refused:
        await link.leave(5.0)
    assert (refused.value.code, refused.value.fix) == (Code.BUSY, "do something")


async def test_without_a_session_a_request_fails_at_once_and_a_signal_is_not_sent(
    network: Network, owner: Owner
) -> None:
    link = Link(parse_server("http://127.0.0.1:9"), network.id, network.key("me"), owner, lambda: AT_ONCE)
    with pytest.raises(WarrenError) as refused:
        await link.publish(b"record", 5.0)
    assert refused.value.code is Code.SERVER_UNREACHABLE
    assert "try again" in refused.value.fix
    assert not link.signal(network.identity("b"), b"sealed")


async def test_signals_go_out_with_the_session(link: Link, network: Network, server: SmallServer, owner: Owner) -> None:
    await owner.until("connected")
    assert link.signal(network.identity("b"), b"sealed")
    await server.until(lambda: server.signals)
    assert server.signals == [(network.identity("b"), b"sealed")]


async def test_a_busy_server_says_how_long_to_stay_away(network: Network, server: SmallServer, owner: Owner) -> None:
    server.http_status = 503
    link = Link(server.place, network.id, network.key("me"), owner, lambda: AT_ONCE)
    running = asyncio.create_task(link.run())
    state = await owner.until("away")
    assert "503" in state.reason
    server.http_status = None
    await asyncio.wait((running,), timeout=0.5)
    assert server.greetings == []
    link.hurry()
    await owner.until("connected")
    running.cancel()
    await asyncio.wait((running,))


async def test_who_waits_for_a_session_has_one_as_soon_as_the_server_is_back(
    network: Network, server: SmallServer, owner: Owner
) -> None:
    server.http_status, server.http_headers = 503, Headers({"Retry-After": "60"})
    link = Link(server.place, network.id, network.key("me"), owner, lambda: AT_ONCE)
    running = asyncio.create_task(link.run())
    away = await owner.until("away")
    await link.open_within(0.0)
    with pytest.raises(WarrenError, match="no session with the server: .*" + away.reason) as refused:
        await link.submit([b"a document"], 5.0)
    assert refused.value.code is Code.SERVER_UNREACHABLE
    server.http_status = None
    await link.open_within(30.0)
    await link.publish(b"record", 5.0)
    assert server.published == [b"record"]
    running.cancel()
    await asyncio.wait((running,))


async def test_who_answers_in_the_servers_place_says_twice_when_to_come_back(
    network: Network, server: SmallServer, owner: Owner
) -> None:
    server.http_status, server.http_headers = 503, Headers([("Retry-After", "1"), ("Retry-After", "2")])
    link = Link(server.place, network.id, network.key("me"), owner, lambda: AT_ONCE)
    running = asyncio.create_task(link.run())
    assert "503" in (await owner.until("away")).reason
    server.http_status = None
    await owner.until("connected")
    running.cancel()
    await asyncio.wait((running,))


async def test_a_server_sends_nobody_elsewhere(network: Network, server: SmallServer, owner: Owner) -> None:
    elsewhere = SmallServer(network)
    async with elsewhere.serving():
        server.http_status = 302
        server.http_headers = Headers({"Location": elsewhere.place.websocket_url})
        link = Link(server.place, network.id, network.key("me"), owner, lambda: AT_ONCE)
        running = asyncio.create_task(link.run())
        assert "302" in (await owner.until("away")).reason
        running.cancel()
        await asyncio.wait((running,))
    assert (server.http_requests, elsewhere.http_requests) == (1, 0)


def admission_key(network: Network, server: str = "server") -> AdmissionKey:
    return make(seed("admission") + seed("more")[:7], network.id, network.identity("root"), network.identity(server))


def node_keys(network: Network) -> NodeKeys:
    return NodeKeys(network.key("me"), ExchangeKeyPair(seed("wg")), ExchangeKeyPair(seed("path")))


async def test_a_join_proves_key_and_identity(network: Network, server: SmallServer) -> None:
    key, keys = admission_key(network), node_keys(network)
    introduced = await introduce(server.place, key)
    assert (introduced.network, introduced.server_key) == (network.id, network.identity("server"))
    await enter(introduced, key, keys, first_record(network.id, keys, 5), ENTRY, now=5)
    wanted = server.joins[0]
    assert wanted.join.hostname == "me"
    assert verify_join(key.public, network.identity("me"), network.id, wanted.key_challenge, wanted.join.key_signature)
    introduced.connection.abort()


async def test_a_key_of_another_server_is_not_used_here(network: Network, server: SmallServer) -> None:
    with pytest.raises(WarrenError) as refused:
        await introduce(server.place, admission_key(network, "another server"))
    assert refused.value.code is Code.PIN_MISMATCH
    assert server.joins == []


async def test_a_refused_join_carries_the_servers_code_and_fix(network: Network, server: SmallServer) -> None:
    server.refusal = Code.KEY_USED
    key, keys = admission_key(network), node_keys(network)
    introduced = await introduce(server.place, key)
    with pytest.raises(WarrenError) as refused:
        await enter(introduced, key, keys, first_record(network.id, keys, 5), ENTRY, now=5)
    assert (refused.value.code, refused.value.fix) == (Code.KEY_USED, "do something")
    introduced.connection.abort()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:9"])
async def test_where_nobody_listens_it_says_so(network: Network, url: str) -> None:
    with pytest.raises(WarrenError) as refused:
        await introduce(parse_server(url), admission_key(network))
    assert refused.value.code is Code.SERVER_UNREACHABLE
    assert url in refused.value.text


async def test_what_is_no_warren_server_is_named(network: Network) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"220 mail.example.org ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        for scheme in ("http", "https"):
            with pytest.raises(WarrenError) as refused:
                await introduce(parse_server(f"{scheme}://127.0.0.1:{port}"), admission_key(network))
            assert refused.value.code is Code.SERVER_UNREACHABLE
