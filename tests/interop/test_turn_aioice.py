"""aioice, a client in Python that others wrote, against our STUN and TURN."""

import asyncio
from collections.abc import Iterator

import pytest
from aioice import Candidate, Connection, turn
from tests.interop.turn_server import TurnServer, serving

pytestmark = pytest.mark.interop

DEADLINE_S = 50.0


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TurnServer]:
    with serving(tmp_path_factory.mktemp("turn"), "--turn-allow", "127.0.0.0/8,relayed") as server:
        yield server


class Inbox(asyncio.DatagramProtocol):
    """What came, and from where."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Keep it."""
        self.came.put_nowait((data, addr))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_relayed_socket_carries_both_ways(server: TurnServer, transport: str) -> None:
    login = server.credential()
    async with asyncio.timeout(DEADLINE_S):
        relayed, inbox = await turn.create_turn_endpoint(
            Inbox,
            server_addr=("127.0.0.1", server.port),
            username=login.username,
            password=login.password.reveal(),
            transport=transport,
        )
        loop = asyncio.get_running_loop()
        peer, peer_inbox = await loop.create_datagram_endpoint(Inbox, local_addr=("127.0.0.1", 0))
        try:
            there = peer.get_extra_info("sockname")
            here = relayed.get_extra_info("sockname")
            for size in (1, 4, 1200, 9000):
                relayed.sendto(bytes([size % 256]) * size, there)
                data, source = await peer_inbox.came.get()
                assert (len(data), source) == (size, here)
                peer.sendto(data, here)
                assert await inbox.came.get() == (data, there)
        finally:
            peer.close()
            relayed.close()


async def test_two_who_may_only_relay_meet_by_ice(server: TurnServer) -> None:
    async with asyncio.timeout(DEADLINE_S * 2):
        ends = [connection(server, name, controlling=name == "alice") for name in ("alice", "bob")]
        for end in ends:
            await end.gather_candidates()
        for end, other in (ends, ends[::-1]):
            end.remote_username, end.remote_password = other.local_username, other.local_password
            for candidate in filter(is_relayed, other.local_candidates):
                await end.add_remote_candidate(candidate)
            await end.add_remote_candidate(None)
        await asyncio.gather(*(end.connect() for end in ends))
        await ends[0].send(b"over two relayed sockets")
        assert await ends[1].recv() == b"over two relayed sockets"
        await asyncio.gather(*(end.close() for end in ends))


def connection(server: TurnServer, name: str, *, controlling: bool) -> Connection:
    """One side, with our server for both."""
    login = server.credential(name)
    return Connection(
        ice_controlling=controlling,
        stun_server=("127.0.0.1", server.port),
        turn_server=("127.0.0.1", server.port),
        turn_username=login.username,
        turn_password=login.password.reveal(),
    )


def is_relayed(candidate: Candidate) -> bool:
    """Only these are told, so that nothing else connects."""
    return bool(candidate.type == "relay")
