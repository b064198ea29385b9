"""Joining with pre-auth keys: who gets in, with which name and address, and who does not."""

import asyncio
import os

import pytest
from tests.server.node import TestNode
from tests.server.running import RunningServer, wait_until

from warren.errors import Code
from warren.model.ids import show_identity
from warren.model.keys import Secret
from warren.protocol.rest.keys import Key, Keys
from warren.protocol.rest.members import Kicked
from warren.trust import admission_key
from warren.trust.admission_key import AdmissionKey


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    """Who is let in is a matter of transactions: tried on each database."""
    return on_each_database


def key_of(server: RunningServer, key: str) -> Key:
    wanted = admission_key.parse(key).id
    pages = server.rest.pages("networks", "default", "keys", kind=Keys)
    return next(one for page in pages for one in page.keys if one.id == wanted)


async def test_a_node_joins_and_believes_what_it_was_told(server: RunningServer) -> None:
    async with TestNode(server.node_url) as node:
        assert await node.join(server.create_key(tags=("db",)), "alpha") is None
        view = node.view()
        me = view.members[node.identity]
        assert (me.hostname, me.membership.tags) == ("alpha", ("db",))
        assert me.record is not None
        assert me.record.wireguard == node.wireguard
        assert view.policy is not None
        assert view.settings is not None
        assert view.settings.servers[0].url == server.url
        assert not view.refused
        shown = server.members()["alpha"]
        assert shown.identity == show_identity(node.identity)
        assert shown.addresses == (str(me.ipv4), str(me.ipv6))
        assert shown.online


async def test_two_nodes_learn_of_each_other_the_first_one_before_the_second(server: RunningServer) -> None:
    async with TestNode(server.node_url) as first, TestNode(server.node_url) as second:
        assert await first.join(server.create_key(), "early") is None
        before = len(first.updates)
        assert await second.join(server.create_key(), "late") is None
        await first.until(lambda: "late" in first.peers())
        assert first.updated_at[before] < second.updated_at[0]
        assert "early" in second.peers()
        await first.until(lambda: second.identity in first.online())
        assert first.identity in second.online()


async def test_a_single_use_key_admits_once(server: RunningServer) -> None:
    key = server.create_key()
    async with TestNode(server.node_url) as first, TestNode(server.node_url) as second:
        assert await first.join(key, "once") is None
        refused = await second.join(key, "twice")
        assert refused is not None
        assert refused.code is Code.KEY_USED
    assert "twice" not in server.members()
    assert (key_of(server, key).state, key_of(server, key).uses) == ("used", 1)


async def test_a_reusable_key_admits_many(server: RunningServer) -> None:
    key = server.create_key(reusable=True)
    nodes = [TestNode(server.node_url) for _ in range(3)]
    for number, node in enumerate(nodes):
        async with node:
            assert await node.join(key, f"fleet{number}") is None
    assert (key_of(server, key).state, key_of(server, key).uses) == ("live", 3)


async def test_a_key_for_three_admits_three_and_is_used_up_then(server: RunningServer) -> None:
    key = server.create_key(uses=3)
    for number in range(3):
        async with TestNode(server.node_url) as node:
            assert await node.join(key, f"of-three{number}") is None
            await node.leave()  # a place that was used stays used
    async with TestNode(server.node_url) as node:
        refused = await node.join(key, "fourth")
    assert refused is not None
    assert refused.code is Code.KEY_USED
    assert (key_of(server, key).state, key_of(server, key).uses) == ("used", 3)


async def test_an_expired_key_admits_nobody(server: RunningServer) -> None:
    key = server.create_key(expires_s=1)
    wait_until(lambda: key_of(server, key).state == "expired")
    async with TestNode(server.node_url) as node:
        refused = await node.join(key, "latecomer")
    assert refused is not None
    assert refused.code is Code.KEY_EXPIRED


async def test_a_revoked_key_admits_nobody(server: RunningServer) -> None:
    key = server.create_key(reusable=True)
    revoked = server.rest.delete("networks", "default", "keys", admission_key.parse(key).id, kind=Key)
    assert revoked is not None
    assert revoked.state == "revoked"
    async with TestNode(server.node_url) as node:
        refused = await node.join(key, "unwanted")
    assert refused is not None
    assert refused.code is Code.KEY_REVOKED
    assert refused.fix.startswith("ask whoever gave it to you for another")  # who joins may make neither key nor invite


async def test_a_key_that_never_was_admits_nobody(server: RunningServer) -> None:
    real = admission_key.parse(server.create_key())
    invented = AdmissionKey("a" * 10, Secret(os.urandom(32)), real.pin)
    async with TestNode(server.node_url) as node:
        refused = await node.join(admission_key.format_key(invented), "stranger")
    assert refused is not None
    assert refused.code is Code.KEY_UNKNOWN


async def test_a_keys_name_without_its_secret_admits_nobody_and_uses_nothing(server: RunningServer) -> None:
    key = server.create_key()
    real = admission_key.parse(key)
    guessed = admission_key.format_key(AdmissionKey(real.id, Secret(os.urandom(32)), real.pin))
    async with TestNode(server.node_url) as node:
        refused = await node.join(guessed, "guesser")
    assert refused is not None
    assert refused.code is Code.KEY_UNKNOWN
    assert key_of(server, key).state == "live"


async def test_a_taken_hostname_is_refused_and_the_key_stays_live(server: RunningServer) -> None:
    key = server.create_key()
    async with TestNode(server.node_url) as owner, TestNode(server.node_url) as rival:
        assert await owner.join(server.create_key(), "taken") is None
        refused = await rival.join(key, "taken")
        assert refused is not None
        assert refused.code is Code.HOSTNAME_TAKEN
        assert refused.fix
    assert key_of(server, key).state == "live"


async def test_an_invalid_hostname_is_refused(server: RunningServer) -> None:
    async with TestNode(server.node_url) as node:
        refused = await node.join(server.create_key(), "not a name")
    assert refused is not None
    assert refused.code is Code.INVALID_HOSTNAME


async def test_a_node_that_names_no_hostname_gets_one(server: RunningServer) -> None:
    async with TestNode(server.node_url) as node:
        assert await node.join(server.create_key()) is None
        assert node.view().members[node.identity].hostname == f"node-{node.identity.hex()[:10]}"


async def test_a_tag_that_the_key_does_not_give_is_refused(server: RunningServer) -> None:
    key = server.create_key(tags=("web",))
    async with TestNode(server.node_url) as node:
        refused = await node.join(key, "tagged", tags=("admin",))
    assert refused is not None
    assert refused.code is Code.FORBIDDEN
    assert key_of(server, key).state == "live"


async def test_a_join_whose_answer_was_lost_is_repeated_without_using_the_key_twice(server: RunningServer) -> None:
    key = server.create_key()
    async with TestNode(server.node_url) as node:
        assert await node.join(key, "unlucky") is None
        first = node.membership
        await node.disconnect()
        assert await node.join(key, "unlucky") is None
        assert node.membership == first
    assert key_of(server, key).uses == 1


async def test_of_fifty_parallel_uses_of_a_single_use_key_one_wins(server: RunningServer) -> None:
    key = server.create_key()
    nodes = [TestNode(server.node_url) for _ in range(50)]
    outcomes = await asyncio.gather(*(node.join(key, f"racer{number}") for number, node in enumerate(nodes)))
    for node in nodes:
        await node.disconnect()
    won = [number for number, outcome in enumerate(outcomes) if outcome is None]
    assert len(won) == 1
    assert {outcome.code for outcome in outcomes if outcome is not None} == {Code.KEY_USED}
    assert [name for name in server.members() if name.startswith("racer")] == [f"racer{won[0]}"]


async def test_parallel_joins_get_names_and_addresses_of_their_own(server: RunningServer) -> None:
    key = server.create_key(reusable=True)
    nodes = [TestNode(server.node_url) for _ in range(40)]
    names = ["same" if number % 4 == 0 else f"own{number}" for number in range(40)]
    outcomes = await asyncio.gather(*(node.join(key, name) for node, name in zip(nodes, names, strict=True)))
    for node in nodes:
        await node.disconnect()
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert {outcome.code for outcome in refused} == {Code.HOSTNAME_TAKEN}
    assert len(refused) == 9  # ten wanted the same name
    members = server.members().values()
    addresses = [address for member in members for address in member.addresses]
    assert len(set(addresses)) == len(addresses)
    assert key_of(server, key).uses == 31


async def test_of_fifty_that_race_for_the_last_place_of_a_key_exactly_one_gets_it(server: RunningServer) -> None:
    key = server.create_key(uses=2)
    async with TestNode(server.node_url) as first:
        assert await first.join(key, "first-of-two") is None
        await first.leave()
    nodes = [TestNode(server.node_url) for _ in range(50)]
    try:
        answers = await asyncio.gather(*(node.join(key, f"last{number}") for number, node in enumerate(nodes)))
    finally:
        for node in nodes:
            await node.disconnect()
    assert answers.count(None) == 1
    assert {one.code for one in answers if one is not None} == {Code.KEY_USED}
    assert (key_of(server, key).state, key_of(server, key).uses, key_of(server, key).uses_max) == ("used", 2, 2)
    server.rest.delete("networks", "default", "members", f"last{answers.index(None)}", kind=Kicked)
