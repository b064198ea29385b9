"""A network's root is changed by its owner, or by admins where it is lost: the server stores it once, and for good."""

import asyncio
import os
import time

import pytest
from tests.server.node import TestNode
from tests.server.owner import Owner, everybody, registrar_of
from tests.server.running import RunningServer

from warren.errors import Code
from warren.model.keys import SigningKeyPair
from warren.policy.language import is_readable
from warren.protocol.rest.networks import Network
from warren.trust import acts, successions
from warren.trust.batches import Draft, Pen
from warren.trust.documents import Kind, RootChange
from warren.trust.signing import sign


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


def next_root(name: str) -> SigningKeyPair:
    return SigningKeyPair((f"next {name}".encode() * 32)[:32])


async def with_admins(owner: Owner, *nodes: TestNode) -> None:
    """Each is an admin by the root's word, and two of them may recover it."""
    for number, node in enumerate(nodes):
        assert await node.join(owner.server.create_key(owner.name), f"admin{number}") is None
    await everybody(*nodes, until=lambda node: len(node.view().members) == len(nodes))
    for node in nodes:
        assert (await owner.act(nodes[0], lambda draft, one=node: acts.promote(draft, one.identity))).code == ""  # type: ignore[misc]
        await everybody(*nodes, until=lambda other, one=node: one.identity in other.view().delegations)  # type: ignore[misc]
    keys = tuple(node.identity for node in nodes)
    assert (await owner.act(nodes[0], lambda draft: successions.set_recovery(draft, keys, 2))).code == ""
    await everybody(*nodes, until=lambda node: node.view().recovery is not None)


async def test_admins_recover_a_lost_root_and_the_old_one_is_refused_from_then_on(server: RunningServer) -> None:
    owner, new = Owner(server, "recovering"), next_root("recovering")
    async with TestNode(server.node_url) as anna, TestNode(server.node_url) as ben:
        await with_admins(owner, anna, ben)
        registrar = registrar_of(server.data)
        change = RootChange(generation=1, old=owner.root.public, root=new.public, counter=1, date=int(time.time()))
        for forger in (registrar, SigningKeyPair(os.urandom(32))):
            done = await owner.send(anna, (sign(Kind.ROOT_CHANGE, anna.view().network, change, forger),))
            assert done.code == Code.FORBIDDEN.value
        done = await owner.act(anna, lambda draft: successions.propose(draft, new.public), Pen(anna.keys))
        assert done.code == "", done
        await ben.until(lambda: ben.view().proposals, "the proposal")
        assert server.rest.get("networks", "recovering", kind=Network).root_key == owner.root.public.hex()
        (proposal,) = ben.view().proposals
        done = await owner.act(ben, lambda draft: successions.second(draft, proposal), Pen(ben.keys))
        assert done.code == "", done
        await everybody(anna, ben, until=lambda node: node.view().root == new.public)
        assert len(anna.view().members) == 2
        shown = server.rest.get("networks", "recovering", kind=Network)
        assert (shown.root_key, shown.root) == (new.public.hex(), "owner")
        late = RootChange(generation=1, old=owner.root.public, root=anna.identity, counter=9, date=0)
        done = await owner.send(anna, (sign(Kind.ROOT_CHANGE, anna.view().network, late, owner.root),))
        assert done.code == Code.CONFLICT.value
        old_view = anna.view()
        stolen = Draft(old_view, Pen(owner.root), now=int(time.time()), readable=is_readable)
        acts.rename(stolen, "stolen")
        raw = stolen._signed()[0].raw  # `batch` would refuse it; a thief's does not
        done = await owner.send(anna, (raw,))
        assert done.code == Code.FORBIDDEN.value
        assert (await owner.act(anna, lambda draft: acts.lock(draft, office=anna.identity), Pen(new))).code == ""
        await ben.until(lambda: anna.view().root == new.public and server.rest.get(
            "networks", "recovering", kind=Network).locked)  # fmt: skip
        async with TestNode(server.node_url) as phone:  # who comes now is shown the whole chain
            refused = await phone.join(server.create_key("recovering"), "phone")
            assert refused is not None
            assert refused.code is Code.WAITING
            coming = asyncio.create_task(phone.resume())
            done = await owner.act(
                ben, lambda draft: acts.approve(draft, phone.identity, hostname="phone"), Pen(ben.keys)
            )
            assert done.code == "", done
            assert await coming is None
            await phone.until(lambda: phone.view().root == new.public, "the new root")
            assert len(phone.view().members) == 3


async def test_the_owner_changes_the_root_in_one_batch(server: RunningServer) -> None:
    owner, new = Owner(server, "changing"), next_root("changing")
    async with TestNode(server.node_url) as anna, TestNode(server.node_url) as ben:
        await with_admins(owner, anna, ben)
        now = int(time.time())
        batch = await asyncio.to_thread(
            successions.change_root, anna.view(), owner.root, new, now=now, readable=is_readable
        )
        assert (await owner.send(anna, batch.raws)).code == ""
        await everybody(anna, ben, until=lambda node: node.view().root == new.public)
        other = successions.change_root(batch.before, owner.root, next_root("another"), now=now, readable=is_readable)
        assert (await owner.send(anna, other.raws)).code in {Code.CONFLICT.value, Code.FORBIDDEN.value}
        assert (await owner.act(ben, lambda draft: acts.rename(draft, "changed"), Pen(new))).code == ""
        await everybody(anna, ben, until=lambda node: getattr(node.view().settings, "name", "") == "changed")
        assert server.rest.get("networks", "changed", kind=Network).root_key == new.public.hex()
