"""What passes between members while their sessions are open."""

import asyncio
import contextlib
import os
import time

from tests.faults import figures
from tests.server.node import TestNode
from tests.server.running import RunningServer, wait_until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from warren.errors import Code
from warren.limits import SIGNALS_PER_S, UNPROVEN_MAX_BYTES, UNPROVEN_MAX_S
from warren.protocol.rest.keys import KeyCreate, KeyCreated
from warren.protocol.rest.members import Kicked
from warren.protocol.rest.networks import Network, NetworkCreate, NetworkRename
from warren.trust import admission_key


async def test_presence_follows_a_node_that_goes_and_comes_back(server: RunningServer) -> None:
    async with TestNode(server.node_url) as watcher, TestNode(server.node_url) as other:
        assert await watcher.join(server.create_key(), "watcher") is None
        assert await other.join(server.create_key(), "comer") is None
        await watcher.until(lambda: other.identity in watcher.online())
        await other.disconnect()
        await watcher.until(lambda: other.identity not in watcher.online())
        assert watcher.presence[other.identity].last_seen > 0
        assert await other.resume() is None
        await watcher.until(lambda: other.identity in watcher.online())
        assert other.identity in watcher.view().members


async def test_a_second_session_of_a_node_takes_the_place_of_the_first(server: RunningServer) -> None:
    async with TestNode(server.node_url) as node, TestNode(server.node_url) as twin:
        assert await node.join(server.create_key(), "twice-here") is None
        twin.keys, twin.network = node.keys, node.network
        twin.genesis = node.genesis
        assert await twin.resume() is None
        await node.until(lambda: node.closed is not None)
        assert node.closed is not None
        assert node.closed.code is Code.CONFLICT
        assert node.identity in twin.online()


async def test_a_signal_reaches_the_member_it_is_for_and_nobody_else(server: RunningServer) -> None:
    async with (
        TestNode(server.node_url) as sender,
        TestNode(server.node_url) as receiver,
        TestNode(server.node_url) as third,
    ):
        key = server.create_key(reusable=True)
        for name, node in (("from", sender), ("to", receiver), ("third", third)):
            assert await node.join(key, name) is None
        sealed = os.urandom(4096)
        await sender.signal(receiver.identity, sealed)
        await receiver.until(lambda: receiver.signals)
        assert (receiver.signals[0].sender, receiver.signals[0].sealed) == (sender.identity, sealed)
        await sender.signal(third.identity, b"end")
        await third.until(lambda: third.signals)
        assert [signal.sealed for signal in third.signals] == [b"end"]


async def test_a_signal_does_not_leave_its_network(server: RunningServer) -> None:
    server.rest.post("networks", body=NetworkCreate(name="elsewhere"), kind=Network)
    async with (
        TestNode(server.node_url) as stranger,
        TestNode(server.node_url) as member,
        TestNode(server.node_url) as peer,
    ):
        assert await stranger.join(server.create_key("elsewhere"), "stranger") is None
        assert await member.join(server.create_key(), "inside") is None
        assert await peer.join(server.create_key(), "beside") is None
        await stranger.signal(member.identity, b"from outside")
        # An answer to the stranger's next request shows that the signal was looked at before.
        assert (await stranger.publish(stranger.record())).code == ""
        await peer.signal(member.identity, b"from inside")
        await member.until(lambda: member.signals)
        assert [signal.sealed for signal in member.signals] == [b"from inside"]
        assert stranger.identity not in member.view().members


async def test_signals_above_the_budget_are_dropped_and_the_session_lives(server: RunningServer) -> None:
    async with TestNode(server.node_url) as noisy, TestNode(server.node_url) as quiet:
        assert await noisy.join(server.create_key(), "noisy") is None
        assert await quiet.join(server.create_key(), "quiet") is None
        began = time.monotonic()
        for _ in range(500):
            await noisy.signal(quiet.identity, b"x")
        assert (await noisy.publish(noisy.record())).code == ""
        allowed = SIGNALS_PER_S * (time.monotonic() - began + 1.0)  # and a burst of as many as a second has
        await quiet.until(lambda: noisy.record_counter == 2 and quiet.signals)
        assert len(quiet.signals) <= allowed + 1


async def test_a_newer_record_is_spread(server: RunningServer) -> None:
    async with TestNode(server.node_url) as node, TestNode(server.node_url) as peer:
        assert await node.join(server.create_key(), "rotating") is None
        assert await peer.join(server.create_key(), "looking") is None
        node.wireguard = os.urandom(32)
        assert (await node.publish(node.record())).code == ""

        def shown() -> bytes:
            record = peer.view().members[node.identity].record
            assert record is not None
            return record.wireguard

        await peer.until(lambda: shown() == node.wireguard)


async def test_an_older_a_foreign_and_a_broken_record_are_refused(server: RunningServer) -> None:
    async with TestNode(server.node_url) as node, TestNode(server.node_url) as other:
        assert await node.join(server.create_key(), "honest") is None
        assert await other.join(server.create_key(), "liar") is None
        old = node.record()
        assert (await node.publish(node.record())).code == ""
        assert (await node.publish(old)).code == Code.OUT_OF_ORDER
        assert (await other.publish(node.record())).code == Code.FORBIDDEN
        broken = bytearray(other.record())
        broken[-1] ^= 1
        assert (await other.publish(bytes(broken))).code == Code.BAD_SIGNATURE
        other.wireguard = node.wireguard
        assert (await other.publish(other.record())).code == Code.CONFLICT


async def test_a_kicked_member_is_told_and_its_peers_verify_the_removal(server: RunningServer) -> None:
    async with TestNode(server.node_url) as victim, TestNode(server.node_url) as peer:
        key = server.create_key(reusable=True)
        assert await victim.join(key, "victim") is None
        assert await peer.join(server.create_key(), "bystander") is None
        kicked = server.rest.delete("networks", "default", "members", "victim", kind=Kicked)
        assert kicked is not None
        assert kicked.revoked_key == admission_key.parse(key).id
        await victim.until(lambda: victim.closed is not None)
        assert victim.closed is not None
        assert victim.closed.code is Code.REMOVED
        await peer.until(lambda: victim.identity not in peer.view().members)
        assert victim.identity in peer.view().removed
        again = await victim.resume()
        assert again is not None
        assert again.code is Code.REMOVED
        with_key = await victim.join(server.create_key(), "victim")
        assert with_key is not None
        assert with_key.code is Code.REMOVED
    assert "victim" not in server.members()


async def test_a_kick_that_keeps_the_key_revokes_nothing(server: RunningServer) -> None:
    async with TestNode(server.node_url) as node:
        assert await node.join(server.create_key(reusable=True), "kept-key") is None
        kicked = server.rest.delete(
            "networks", "default", "members", "kept-key", kind=Kicked, query={"keep_key": "true"}
        )
        assert kicked is not None
        assert kicked.revoked_key is None


async def test_a_member_that_leaves_is_gone_for_its_peers_and_its_name_is_free(server: RunningServer) -> None:
    async with (
        TestNode(server.node_url) as leaver,
        TestNode(server.node_url) as peer,
        TestNode(server.node_url) as next_one,
    ):
        assert await leaver.join(server.create_key(), "leaver") is None
        assert await peer.join(server.create_key(), "stayer") is None
        assert (await leaver.leave()).code == ""
        await leaver.until(lambda: leaver.closed is not None)
        await peer.until(lambda: leaver.identity not in peer.view().members)
        assert await next_one.join(server.create_key(), "leaver") is None


async def test_a_renamed_network_reaches_its_members(server: RunningServer) -> None:
    server.rest.post("networks", body=NetworkCreate(name="before", prefix="10.99.0.0/24"), kind=Network)
    async with TestNode(server.node_url) as node:
        assert await node.join(server.create_key("before"), "a") is None
        server.rest.patch("networks", "before", body=NetworkRename(name="after"), kind=Network)

        def name() -> str:
            settings = node.view().settings
            assert settings is not None
            return settings.name

        await node.until(lambda: name() == "after")
        server.rest.delete("networks", "after")
        await node.until(lambda: node.closed is not None)
        assert node.closed is not None
        assert node.closed.code is Code.NETWORK_UNKNOWN


async def test_a_full_network_says_so(server: RunningServer) -> None:
    server.rest.post("networks", body=NetworkCreate(name="tiny", prefix="10.98.0.0/28"), kind=Network)
    key = server.rest.post("networks", "tiny", "keys", body=KeyCreate(reusable=True), kind=KeyCreated).secret
    outcomes = []
    for number in range(14):
        async with TestNode(server.node_url) as node:
            outcomes.append(await node.join(key, f"m{number}"))
    assert outcomes[:13] == [None] * 13  # .2 to .14
    assert outcomes[13] is not None
    assert outcomes[13].code is Code.ADDRESSES_EXHAUSTED
    assert len(server.members("tiny")) == 13


async def test_a_stranger_that_says_nothing_is_closed(server: RunningServer) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    socket = await connect(server.node_url, compression=None, proxy=None)
    async with asyncio.timeout(UNPROVEN_MAX_S + 60):
        await socket.wait_closed()
    figures.note("a stranger that says nothing is closed", loop.time() - began, UNPROVEN_MAX_S + 5)


async def test_a_stranger_that_says_too_much_is_closed_at_once(server: RunningServer) -> None:
    socket = await connect(server.node_url, compression=None, proxy=None)
    with contextlib.suppress(ConnectionClosed):
        await socket.send(bytes(1_000_000))
    async with asyncio.timeout(60):
        await socket.wait_closed()


async def test_a_strangers_large_message_is_cut_by_its_head_before_it_is_there(server: RunningServer) -> None:
    """RFC 6455, 5.2: the head of a masked binary message of a byte too many, and none of its bytes; closed as too big
    (7.4.1), not for the silence that follows."""
    socket = await connect(server.node_url, compression=None, proxy=None)
    socket.transport.write(b"\x82\xfe" + (UNPROVEN_MAX_BYTES + 1).to_bytes(2, "big") + bytes(4))
    async with asyncio.timeout(UNPROVEN_MAX_S + 60):
        await socket.wait_closed()
    assert socket.close_code == CloseCode.MESSAGE_TOO_BIG


async def test_garbage_and_text_end_that_session_only(server: RunningServer) -> None:
    async with TestNode(server.node_url) as node:
        assert await node.join(server.create_key(), "unharmed") is None
        for rubbish in (b"", b"\xc1", os.urandom(200), "text", b"\x81\xa1t\xa5hello"):
            socket = await connect(server.node_url, compression=None, proxy=None)
            await socket.send(rubbish)
            async with asyncio.timeout(60):
                await socket.wait_closed()
        assert (await node.publish(node.record())).code == ""
    wait_until(lambda: not server.members()["unharmed"].online)
