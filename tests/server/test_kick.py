"""A member is kicked from a network of twenty others: each of them shuts it out within two seconds, for good."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from tests.faults import figures
from tests.server.node import TestNode
from tests.server.owner import Owner, everybody
from tests.server.running import RunningServer

from warren.errors import Code
from warren.node.netmap import build
from warren.protocol.rest.members import Kicked
from warren.trust import acts
from warren.trust.batches import Pen

PEERS = 20
KICKED_WITHIN_S = 2.0


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


def has_a_gate_for(node: TestNode, peer: TestNode) -> bool:
    """Whether the daemon would let packets of this peer through, by the map that it makes of what this node holds."""
    made = build(node.view(), {}, node.identity)
    return made is not None and any(one.identity == peer.identity and one.allowed for one in made.peers)


@pytest.mark.parametrize("locked", [False, True])
async def test_twenty_peers_shut_a_kicked_member_out_within_two_seconds(server: RunningServer, *, locked: bool) -> None:
    name = "crowd-locked" if locked else "crowd"
    owner = Owner(server, name)
    key = server.create_key(name, reusable=True)
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(TestNode(server.node_url)) for _ in range(PEERS + 1)]
        for number, node in enumerate(nodes):
            assert await node.join(key, f"m{number}") is None
        *peers, kicked = nodes
        await everybody(*peers, until=lambda node: has_a_gate_for(node, kicked))
        if locked:
            done = await owner.act(peers[0], lambda draft: acts.lock(draft, office=peers[0].identity))
            assert done.code == ""
            await everybody(*peers, until=lambda node: len(node.view().delegations) == 2)
        with figures.within(KICKED_WITHIN_S, f"kick{' in a locked network' if locked else ''}: {PEERS} peers' gates"):
            if locked:
                done = await owner.act(peers[0], lambda draft: acts.kick(draft, kicked.identity), Pen(peers[0].keys))
                assert done.code == ""
            else:
                path = ("networks", name, "members", kicked.identity.hex())
                await asyncio.to_thread(lambda: server.rest.delete(*path, kind=Kicked))
            await everybody(*peers, until=lambda node: not has_a_gate_for(node, kicked))
        assert all(kicked.identity in node.view().removed for node in peers), "they hold the proof, not only a gap"
        await kicked.until(lambda: kicked.closed, "the end of its session")
        back = await kicked.resume()
        assert back is not None
        assert back.code is Code.REMOVED
        assert not any(has_a_gate_for(node, kicked) for node in peers)
