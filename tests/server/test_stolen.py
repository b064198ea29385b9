"""F31 and F27: an admin's key, or an invite, in a thief's hands; the owner ends it, and all that it let in, within its
bound."""

import asyncio
import os
import time

import pytest
from tests.faults import figures
from tests.server.node import TestNode
from tests.server.owner import Owner, everybody
from tests.server.running import RunningServer
from tests.server.test_locked import lock, two_members

from warren.errors import Code
from warren.model.ids import Identity, show_identity
from warren.model.keys import SigningKeyPair
from warren.protocol.control.events import Challenged
from warren.protocol.rest.audit import AuditPage
from warren.trust import acts, admission_key
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.batches import Draft, Pen
from warren.trust.documents import Delegation, Kind, Membership
from warren.trust.showing import show
from warren.trust.signing import sign

OVER_WITHIN_S = 2.0
INVITE_OVER_WITHIN_S = 5.0


@pytest.fixture(name="server", scope="module")
def _server(on_each_database: RunningServer) -> RunningServer:
    return on_each_database


async def test_what_a_stolen_admins_key_let_in_goes_with_it_and_it_signs_nothing_any_more(
    server: RunningServer,
) -> None:
    owner = Owner(server, "stolen-admin")
    async with (
        TestNode(server.node_url) as boss,
        TestNode(server.node_url) as admin,
        TestNode(server.node_url) as mole,
    ):
        await two_members(owner, boss, admin)
        await lock(owner, boss, admin)
        assert (await owner.act(boss, lambda draft: acts.promote(draft, admin.identity))).code == ""
        await everybody(boss, admin, until=lambda node: admin.identity in node.view().delegations)
        refused = await mole.join(server.create_key("stolen-admin"), "mole")
        assert refused is not None
        stolen = Pen(admin.keys)  # the thief signs with it and sends by the session of whoever is a member
        done = await owner.act(admin, lambda draft: acts.approve(draft, mole.identity, hostname="mole"), stolen)
        assert done.code == ""
        await everybody(boss, admin, until=lambda node: "mole" in node.peers())
        assert await mole.resume() is None

        alone = Draft(boss.view(), Pen(owner.root), now=int(time.time()))
        acts.kick(alone, admin.identity)
        assert any("mole" in one for one in show(alone.batch())), (
            "the owner is shown whom the key let in, before signing"
        )

        def both(draft: Draft) -> None:
            acts.kick(draft, admin.identity)
            acts.kick(draft, mole.identity)

        with figures.within(OVER_WITHIN_S, "F31: from the owner's word until nobody takes what the stolen key let in"):
            done = await owner.act(boss, both)
            assert done.code == ""
            await boss.until(lambda: not boss.peers(), "the thief and whom it let in are gone")
        await mole.until(lambda: mole.closed, "the end of its session")
        held = boss.view()
        evil = Identity(os.urandom(32))
        body = Membership(counter=99, date=int(time.time()), identity=evil, hostname="evil", under=0)
        for epoch in range(3):
            raw = sign(Kind.MEMBERSHIP, held.network, _under(body, epoch), admin.keys)
            done = await owner.send(boss, (raw,))
            assert done.code != ""
        assert evil not in boss.view().members
        assert mole.identity not in boss.view().members


def _under(body: Membership, epoch: int) -> Membership:
    return Membership(counter=body.counter, date=body.date, identity=body.identity, hostname=body.hostname, under=epoch)


async def test_an_invite_that_was_stolen_is_ended_with_whom_it_let_in(server: RunningServer) -> None:
    owner = Owner(server, "stolen-invite")
    async with TestNode(server.node_url) as boss, TestNode(server.node_url) as member:
        await two_members(owner, boss, member)
        await lock(owner, boss, member)
        made = admission_key.parse(server.create_key("stolen-invite"))  # its pin is what an invite's has to be
        seed = SigningKeyPair(os.urandom(32))
        line = admission_key.format_key(
            admission_key.AdmissionKey(admission_key.id_of(seed.public), seed.private_bytes(), made.pin)
        )
        until = int(time.time()) + 600

        def invite(draft: Draft) -> None:
            acts.invite(draft, seed.public, hostname="", ipv4="", tags=(), count=3, not_after=until)

        assert (await owner.act(boss, invite, Pen(boss.keys))).code == ""

        def own(node: TestNode, hostname: str) -> object:
            def membership(shown: Challenged) -> bytes:
                assert node.network is not None
                document = authenticate(node.network, shown.delegation)
                assert isinstance(document, Authentic)
                assert isinstance(document.body, Delegation)
                prefix = document.body.limits.ipv4.rpartition(".")[0]
                body = Membership(
                    counter=1, date=int(time.time()), identity=node.identity, hostname=hostname,
                    ipv4=f"{prefix}.{200 + int(hostname[-1])}",
                )  # fmt: skip
                return sign(Kind.MEMBERSHIP, node.network, body, seed)

            return membership

        thieves = [TestNode(server.node_url) for _ in range(5)]
        try:
            said = await asyncio.gather(
                *(
                    thief.join(line, f"thief{number}", membership=own(thief, f"thief{number}"))  # type: ignore[arg-type]
                    for number, thief in enumerate(thieves)
                )
            )
            assert sum(one is None for one in said) == 3
            assert {one.code for one in said if one is not None} == {Code.KEY_USED}
            await everybody(boss, member, until=lambda node: len(node.peers()) == 4)
            with figures.within(INVITE_OVER_WITHIN_S, "F27: from the revocation until nobody takes its members"):
                done = await owner.act(boss, lambda draft: acts.revoke_invite(draft, seed.public), Pen(boss.keys))
                assert done.code == ""
                await everybody(boss, member, until=lambda node: len(node.peers()) == 1)
            again = TestNode(server.node_url)
            refused = await again.join(line, "again")
            assert refused is not None
            await again.disconnect()
        finally:
            for thief in thieves:
                await thief.disconnect()


async def test_the_audit_log_names_who_signed_a_batch_and_not_only_who_carried_it(server: RunningServer) -> None:
    owner = Owner(server, "carried")
    async with TestNode(server.node_url) as boss, TestNode(server.node_url) as member:
        await two_members(owner, boss, member)
        await lock(owner, boss, member)
        cam = TestNode(server.node_url)
        waits = await cam.join(server.create_key("carried"), "cam")
        assert waits is not None
        assert waits.code is Code.WAITING
        by_boss = Pen(boss.keys)

        def approve(draft: Draft) -> None:
            acts.approve(draft, cam.identity, hostname="cam")

        assert (await owner.act(member, approve, by_boss)).code == ""
        await everybody(boss, member, until=lambda node: "cam" in node.peers())
        assert (await owner.act(member, lambda draft: acts.kick(draft, cam.identity), by_boss)).code == ""
        await everybody(boss, member, until=lambda node: "cam" not in node.peers())
        assert (await owner.act(member, approve, by_boss)).code == ""
        assert (await owner.act(member, lambda draft: acts.promote(draft, member.identity))).code == ""
        await cam.disconnect()
        entries = server.rest.get("networks", "carried", "audit", kind=AuditPage).entries
        carrier, signer = show_identity(member.identity), [show_identity(boss.identity)]
        of_cam = [one for one in entries if one.subject == show_identity(cam.identity) and "signed_by" in one.detail]
        assert [(one.action, one.actor, one.detail["signed_by"]) for one in of_cam] == [
            ("member.joined", carrier, signer), ("member.removed", carrier, signer), ("member.joined", carrier, signer),
        ]  # fmt: skip
        assert [one.detail.get("readmitted") for one in of_cam] == [True, None, False]
        signed = [one for one in entries if one.action == "network.signed"]
        assert signed[0].detail["signed_by"] == [f"root:{show_identity(owner.root.public)}"]
        assert any("may admit, readmit, remove" in line for line in signed[0].detail["says"])
        assert signed[1].detail["signed_by"] == signer
