"""A network whose root is the owner's: founded on their device, locked, approved, unlocked, taken over; twice."""

import asyncio
import os
import time

import msgspec
import pytest
from tests.faults import figures
from tests.server.node import TestNode
from tests.server.owner import Owner, everybody, registrar_of
from tests.server.running import RunningServer

from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.model.keys import SigningKeyPair
from warren.protocol.rest.members import Kicked
from warren.protocol.rest.networks import (
    Network,
    NetworkCreate,
    NetworkRename,
    TakenOver,
    TakeOver,
    take_over_statement,
)
from warren.trust import acts, admission_key, root_key
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.batches import Draft, Pen
from warren.trust.documents import Delegation, Kind, Membership, NodeRecord
from warren.trust.office import is_locked
from warren.trust.signing import sign

WITHIN_S = 2.0


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


async def two_members(owner: Owner, boss: TestNode, member: TestNode) -> None:
    for node, name in ((boss, "boss"), (member, "member")):
        assert await node.join(owner.server.create_key(owner.name), name) is None
    await boss.until(lambda: "member" in boss.peers())


async def lock(owner: Owner, boss: TestNode, *others: TestNode) -> None:
    done = await owner.act(boss, lambda draft: acts.lock(draft, office=boss.identity))
    assert done.code == "", done
    await everybody(boss, *others, until=lambda node: is_locked(node.view()))


async def test_a_network_founded_elsewhere_is_taken_in_and_its_root_is_not_here(server: RunningServer) -> None:
    owner = Owner(server, "founded")
    assert (owner.made.root, owner.made.locked) == ("owner", False)
    assert owner.made.prefixes == ("100.99.0.0/16", "fd00:1:2::/64")
    async with TestNode(server.node_url) as node:
        assert await node.join(server.create_key("founded"), "one") is None
        assert node.view().root == owner.root.public
    with pytest.raises(WarrenError) as caught:
        server.rest.patch("networks", "founded", body=NetworkRename(name="other"), kind=Network)
    assert caught.value.code is Code.FORBIDDEN


async def test_lock_keeps_members_and_an_approval_admits_within_two_seconds(server: RunningServer) -> None:
    owner = Owner(server, "locking")
    async with TestNode(server.node_url) as boss, TestNode(server.node_url) as member:
        await two_members(owner, boss, member)
        await lock(owner, boss, member)
        assert boss.peers().keys() == {"member"}
        assert member.peers().keys() == {"boss"}
        assert server.rest.get("networks", "locking", kind=Network).locked
        async with TestNode(server.node_url) as phone:
            key = server.create_key("locking")
            refused = await phone.join(key, "phone")
            assert refused is not None
            assert refused.code is Code.WAITING
            (waiting,) = await boss.who_waits()
            assert (waiting.identity, waiting.hostname) == (phone.identity, "phone")
            assert await member.who_waits() == ()
            coming = asyncio.create_task(phone.resume())  # it asks again, and is held
            pen = Pen(boss.keys)
            with figures.within(WITHIN_S, "an approval on an admin's device: until the machine and all its peers know"):
                done = await owner.act(
                    boss, lambda draft: acts.approve(draft, phone.identity, hostname=waiting.hostname), pen
                )
                assert done.code == ""
                assert await coming is None
                await everybody(boss, member, until=lambda node: "phone" in node.peers())
            assert phone.view().members[phone.identity].record is not None
            assert phone.peers().keys() == {"boss", "member"}
            assert await boss.who_waits() == ()
            assert server.members("locking")["phone"].key_id == admission_key.parse(key).id


async def test_a_machine_that_was_denied_stays_out(server: RunningServer) -> None:
    owner = Owner(server, "denying")
    async with TestNode(server.node_url) as boss, TestNode(server.node_url) as other:
        await two_members(owner, boss, other)
        await lock(owner, boss, other)
        key = server.create_key("denying", reusable=True)
        async with TestNode(server.node_url) as evil:
            refused = await evil.join(key, "evil")
            assert refused is not None
            denied = await other.request(lambda machine: machine.deny(evil.identity))
            assert denied.code == Code.FORBIDDEN.value  # no admin's machine
            coming = asyncio.create_task(evil.resume())
            denied = await boss.request(lambda machine: machine.deny(evil.identity))
            assert denied.code == ""
            closed = await coming
            assert closed is not None
            assert closed.code is Code.FORBIDDEN
            again = await evil.join(key, "evil")
            assert again is not None
            assert again.code is Code.FORBIDDEN
            unknown = await boss.request(lambda machine: machine.deny(bytes(32)))
            assert (unknown.code, unknown.fix) == (Code.NOT_FOUND.value, "warren member waiting shows who does")
        assert "evil" not in server.members("denying")


async def test_a_locked_network_is_kicked_from_by_an_admin_and_left_by_ones_own_word(server: RunningServer) -> None:
    owner = Owner(server, "kicking")
    async with TestNode(server.node_url) as boss, TestNode(server.node_url) as member, TestNode(server.node_url) as c:
        await two_members(owner, boss, member)
        key = server.create_key("kicking", reusable=True)
        assert await c.join(key, "cam") is None
        await lock(owner, boss, member, c)
        with pytest.raises(WarrenError) as caught:
            server.rest.delete("networks", "kicking", "members", "cam", kind=Kicked)
        assert caught.value.code is Code.FORBIDDEN
        with figures.within(WITHIN_S, "a kick in a locked network: until all peers know"):
            done = await owner.act(boss, lambda draft: acts.kick(draft, c.identity), Pen(boss.keys))
            assert done.code == ""
            await everybody(boss, member, until=lambda node: "cam" not in node.peers())
            await c.until(lambda: c.closed, "the end of its session")
        assert c.closed is not None
        assert c.closed.code is Code.REMOVED
        async with TestNode(server.node_url) as late:
            revoked = await late.join(key, "late")
            assert revoked is not None
            assert revoked.code is Code.KEY_REVOKED
        removal = Draft(member.view(), Pen(member.keys), now=int(time.time()))
        removal.remove(member.identity)
        word = next(one for one in removal.batch().raws if one)
        left = await member.request(lambda machine: machine.leave(word))
        assert left.code == ""
        await boss.until(lambda: not boss.peers())


async def test_after_unlock_the_server_admits_again(server: RunningServer) -> None:
    owner = Owner(server, "opening")
    async with TestNode(server.node_url) as boss, TestNode(server.node_url) as member, TestNode(server.node_url) as new:
        await two_members(owner, boss, member)
        await lock(owner, boss, member)
        assert (await owner.act(boss, acts.unlock)).code == ""
        assert await new.join(server.create_key("opening"), "new") is None
        await everybody(boss, member, until=lambda node: "new" in node.peers())
        kicked = server.rest.delete("networks", "opening", "members", "new", kind=Kicked)
        assert kicked is not None
        await everybody(boss, member, until=lambda node: "new" not in node.peers())


async def test_an_invite_of_a_locked_network_admits_without_anybody_awake(server: RunningServer) -> None:
    owner = Owner(server, "inviting")
    async with TestNode(server.node_url) as boss, TestNode(server.node_url) as member:
        await two_members(owner, boss, member)
        await lock(owner, boss, member)
        line = server.create_key("inviting")
        seed = SigningKeyPair(admission_key.parse(line).seed.reveal())
        until = int(time.time()) + 600
        done = await owner.act(
            boss,
            lambda draft: acts.invite(draft, seed.public, hostname="phone", ipv4="", tags=(), count=1, not_after=until),
            Pen(boss.keys),
        )
        assert done.code == ""

        def own(node: TestNode, hostname: str) -> object:
            def membership(shown: object) -> bytes:
                network = node.network
                assert network is not None
                document = authenticate(network, shown.delegation)  # type: ignore[attr-defined]
                assert isinstance(document, Authentic)
                assert isinstance(document.body, Delegation)
                body = Membership(
                    counter=1, date=int(time.time()), identity=node.identity, hostname=hostname,
                    ipv4=document.body.limits.ipv4.removesuffix("/32"),
                )  # fmt: skip
                return sign(Kind.MEMBERSHIP, network, body, seed)

            return membership

        async with TestNode(server.node_url) as thief:
            refused = await thief.join(line, "thief", membership=own(thief, "thief"))  # type: ignore[arg-type]
            assert refused is not None
            assert refused.code is Code.FORBIDDEN
            phones = [TestNode(server.node_url) for _ in range(50)]  # one invite, given to a whole school
            answers = await asyncio.gather(
                *(one.join(line, "phone", membership=own(one, "phone")) for one in phones)  # type: ignore[arg-type]
            )
            for one in phones:
                await one.disconnect()
            assert answers.count(None) == 1
            assert {one.code for one in answers if one is not None} == {Code.KEY_USED}
            await everybody(boss, member, until=lambda node: "phone" in node.peers())
            refused = await thief.join(line, "phone", membership=own(thief, "phone"))  # type: ignore[arg-type]
            assert refused is not None
            assert refused.code is Code.KEY_USED
            removed = await owner.act(boss, lambda draft: acts.revoke_invite(draft, seed.public), Pen(boss.keys))
            assert removed.code == ""
            await everybody(boss, member, until=lambda node: "phone" not in node.peers())


async def test_a_batch_that_no_authority_signed_is_refused_and_changes_nothing(server: RunningServer) -> None:
    owner = Owner(server, "guarding")
    async with TestNode(server.node_url) as boss, TestNode(server.node_url) as member:
        await two_members(owner, boss, member)
        await lock(owner, boss, member)
        assert member.network is not None
        registrar, mine = registrar_of(server.data), member.keys
        evil = Membership(counter=99, date=int(time.time()), identity=os.urandom(32), hostname="evil")
        gift = Delegation(counter=99, date=int(time.time()), delegate=mine.public, rights=("admit",))
        for raw in (
            sign(Kind.MEMBERSHIP, member.network, evil, mine),
            sign(Kind.MEMBERSHIP, member.network, msgspec.structs.replace(evil, under=1), registrar),
            sign(Kind.DELEGATION, member.network, gift, registrar),
            sign(Kind.RECORD, member.network, msgspec.structs.replace(_record(member), counter=9), mine),
        ):
            done = await owner.send(member, (raw,))
            assert done.code in {Code.FORBIDDEN.value, Code.UNSUPPORTED.value}, done
        assert server.members("guarding").keys() == {"boss", "member"}
        assert boss.peers().keys() == {"member"}


def _record(node: TestNode) -> NodeRecord:
    record = node.view().members[node.identity].record
    assert record is not None
    return record


async def test_the_root_of_the_default_network_is_taken_over(server: RunningServer) -> None:
    made = server.rest.post("networks", body=NetworkCreate(name="taken"), kind=Network)
    assert made.root == "this server"
    client: RestClient = server.rest
    shown = client.post("networks", "taken", "take-over", body=TakeOver(), kind=TakenOver)
    network, root = root_key.parse_root(shown.secret)
    assert network.hex() == made.id
    wrong = TakeOver(proof=SigningKeyPair(os.urandom(32)).sign(take_over_statement(network)).hex())
    with pytest.raises(WarrenError) as caught:
        client.post("networks", "taken", "take-over", body=wrong, kind=TakenOver)
    assert caught.value.code is Code.BAD_SIGNATURE
    proof = TakeOver(proof=root.sign(take_over_statement(network)).hex())
    taken = client.post("networks", "taken", "take-over", body=proof, kind=TakenOver)
    assert (taken.network.root, taken.secret) == ("owner", "")
    assert not [
        one for one in (server.data / "keys").glob("root-*") if one.read_bytes() == root.private_bytes().reveal()
    ]
    async with TestNode(server.node_url) as boss:
        assert await boss.join(server.create_key("taken"), "boss") is None
        owner = Owner.__new__(Owner)
        owner.root = root
        await lock(owner, boss)
