"""What members and holders of invites cannot take by documents of their own making, however well signed."""

import contextlib
import os

import msgspec
import pytest
from tests.unit.server.conftest import CHALLENGE, Ended, Features
from tests.unit.server.test_approvals import sign, view_of

from warren import canonical
from warren.errors import Code, WarrenError
from warren.limits import (
    COUNTER_AHEAD_MAX,
    EPHEMERAL_GRACE_S,
    EPHEMERAL_LIFETIME_S,
    EPHEMERAL_LOCKED_LIFETIME_S,
    EPOCH_AHEAD_MAX,
)
from warren.model.keys import Secret, SigningKeyPair
from warren.policy.language import is_readable
from warren.protocol.control.messages import Join
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.accounts.store import UserRow
from warren.server.audit.service import Audit
from warren.trust import acts, admission_key, ephemeral, root_key, signing
from warren.trust.batches import Draft, Pen
from warren.trust.documents import AdmissionLimits, Delegation, Kind, Membership, Removal, Right
from warren.trust.office import invites


class Invite:
    """One of a locked network, for one machine, and the liberties that its holder takes."""

    def __init__(self, features: Features) -> None:
        self.features = features
        self.seed = os.urandom(32)
        self.key = SigningKeyPair(self.seed)
        self.ipv4 = ""

    async def make(self) -> None:
        """Lock the network, and sign it by the root."""
        features = self.features

        def invite(draft: Draft) -> None:
            end = int(features.clock[0]) + 86_400
            self.ipv4 = acts.invite(draft, self.key.public, hostname="tv", ipv4="", tags=(), count=1, not_after=end)

        for act in (acts.lock, invite):
            await features.approvals.submit(features.network, await sign(features, act), actor="owner")

    def word(self, who: SigningKeyPair, **fields: object) -> bytes:
        """A membership that the invite's key signs."""
        body = Membership(
            counter=1, date=int(self.features.clock[0]), identity=who.public, hostname="tv", ipv4=self.ipv4, joined=1
        )
        body = msgspec.structs.replace(body, **fields)
        return signing.sign(Kind.MEMBERSHIP, self.features.network.id, body, self.key)

    def join(self, who: SigningKeyPair, **fields: object) -> Join:
        features = self.features
        pin = features.invites.pin(features.network)
        key = admission_key.AdmissionKey(admission_key.id_of(self.key.public), Secret(self.seed), pin)
        message = features.join_message(admission_key.format_key(key), who, "tv")
        return msgspec.structs.replace(message, membership=self.word(who, **fields))


@pytest.fixture
async def invite(features: Features) -> Invite:
    found = Invite(features)
    await found.make()
    return found


async def test_text_that_no_database_takes_makes_no_document(features: Features) -> None:
    """Not even the root's: to PostgreSQL it would look as if the database were away."""
    network = features.network
    _, root = root_key.parse_root(features.networks.root_secret(network).reveal())
    who = SigningKeyPair(os.urandom(32)).public
    body = Membership(counter=1, date=int(features.clock[0]), identity=who, hostname="tv", joined=1)
    for fields in ({"user": "a\0b"}, {"groups": ("a\0",)}, {"role": "a\0"}):
        told = canonical.encode(msgspec.structs.replace(body, **fields))
        signature = root.sign(signing.signed_bytes(Kind.MEMBERSHIP, network.id, told))
        raw = canonical.encode(
            signing.Envelope(kind=Kind.MEMBERSHIP.value, signer=root.public, body=told, signature=signature)
        )
        with pytest.raises(WarrenError) as refused:
            await features.approvals.submit(network, (raw,), actor="owner")
        assert refused.value.code is Code.MALFORMED


@pytest.mark.parametrize("fields", [{"user": "u-somebody"}, {"groups": ("ops",)}, {"role": "admin"}])
async def test_an_invites_holder_does_not_say_whose_the_machine_is(
    features: Features, invite: Invite, fields: dict[str, object]
) -> None:
    """A policy takes these words as they are, on every node."""
    who = SigningKeyPair(os.urandom(32))
    with pytest.raises(WarrenError) as refused:
        await features.approvals.bring(features.network, invite.join(who, **fields))
    assert refused.value.code is Code.FORBIDDEN
    assert who.public not in (await view_of(features)).members
    await features.approvals.bring(features.network, invite.join(who))
    assert who.public in (await view_of(features)).members, "nothing was used up"


async def test_the_audit_log_calls_an_invites_signature_by_its_key(features: Features, invite: Invite) -> None:
    """Who reads it looks for a key that was given away, not for a machine of this name."""
    await features.approvals.bring(features.network, invite.join(SigningKeyPair(os.urandom(32))))
    rows = await Audit(features.database).newest(features.network.id, after=None, limit=5, action="member.joined")
    signed_by = [msgspec.json.decode(one.detail, type=dict[str, object])["signed_by"] for one in rows]
    assert signed_by == [[f"key:{admission_key.id_of(invite.key.public)}"]]


async def test_behind_a_restored_round_no_revoked_invite_comes_in_by_a_resume(
    features: Features, invite: Invite
) -> None:
    network, who = features.network, SigningKeyPair(os.urandom(32))
    await features.invites.revoke(network, admission_key.id_of(invite.key.public), actor="admin")
    one = features.restored._begin(network)
    await one.served.wait()
    await features.restored.look(network, who.public, invite.word(who), ())
    assert not network.state.is_member(who.public)
    assert who.public not in (await view_of(features)).members


async def test_a_membership_that_is_signed_again_gives_and_takes_no_role(features: Features, invite: Invite) -> None:
    """Renewals sign again all day; only who is promoted or demoted has another role then."""
    network, who, now = features.network, SigningKeyPair(os.urandom(32)), int(features.clock[0])
    async with features.database.write() as connection:
        for name in ("u-admin", "u-out"):
            row = UserRow(name, "", name, name, password=None, is_admin=False, created_at=now, disabled_at=None)
            await account_store.add_user(connection, row)
        await account_store.add_role(connection, network.id, "u-admin", Role.ADMIN)
    machines = {"u-admin": who, "u-out": SigningKeyPair(os.urandom(32))}

    for name, key in machines.items():

        def approve(draft: Draft, name: str = name, key: SigningKeyPair = key) -> None:
            acts.approve(draft, key.public, hostname=name, user=name, ephemeral=True)

        await features.approvals.submit(network, await sign(features, approve), actor="owner")
    async with features.database.write() as connection:
        await account_store.drop_role(connection, network.id, "u-out", Role.MEMBER)
    features.clock[0] += EPHEMERAL_LOCKED_LIFETIME_S * 0.6
    renewed = await sign(features, lambda draft: ephemeral.renew(draft, [key.public for key in machines.values()]))
    assert renewed
    await features.approvals.submit(network, renewed, actor="tending")
    async with features.database.read() as connection:
        assert (await account_store.read_roles(connection, "u-admin"))[network.id] == Role.ADMIN
        assert network.id not in await account_store.read_roles(connection, "u-out")


async def test_a_demoted_machine_gives_nobody_a_role_who_was_put_out(features: Features) -> None:
    network, who, now = features.network, SigningKeyPair(os.urandom(32)), int(features.clock[0])
    async with features.database.write() as connection:
        row = UserRow("u-boss", "", "u-boss", "u-boss", password=None, is_admin=False, created_at=now, disabled_at=None)
        await account_store.add_user(connection, row)

    def approve(draft: Draft) -> None:
        acts.approve(draft, who.public, hostname="desk", user="u-boss")

    for act in (approve, lambda draft: acts.promote(draft, who.public)):
        await features.approvals.submit(network, await sign(features, act), actor="owner")
    async with features.database.write() as connection:
        assert (await account_store.read_roles(connection, "u-boss"))[network.id] == Role.ADMIN
        await account_store.drop_role(connection, network.id, "u-boss", Role.ADMIN)
    demoted = await sign(features, lambda draft: acts.demote(draft, who.public))
    await features.approvals.submit(network, demoted, actor="owner")
    async with features.database.read() as connection:
        assert await account_store.read_roles(connection, "u-boss") == {}


async def boss_with_two_admins_machines(features: Features) -> list[SigningKeyPair]:
    """An account of nobody's before, two of whose machines the owner promoted; their keys."""
    machines = [SigningKeyPair(os.urandom(32)) for _ in range(2)]
    now = int(features.clock[0])
    async with features.database.write() as connection:
        row = UserRow("u-boss", "", "u-boss", "u-boss", password=None, is_admin=False, created_at=now, disabled_at=None)
        await account_store.add_user(connection, row)
    for number, key in enumerate(machines):

        def approve(draft: Draft, number: int = number, key: SigningKeyPair = key) -> None:
            acts.approve(draft, key.public, hostname=f"desk{number}", user="u-boss")

        for act in (approve, lambda draft, key=key: acts.promote(draft, key.public)):
            await features.approvals.submit(features.network, await sign(features, act), actor="owner")
    return machines


async def test_who_has_another_admins_machine_stays_an_admin(features: Features) -> None:
    network = features.network
    machines = await boss_with_two_admins_machines(features)
    for key, role in zip(machines, (Role.ADMIN, Role.MEMBER), strict=True):
        demoted = await sign(features, lambda draft, key=key: acts.demote(draft, key.public))
        await features.approvals.submit(network, demoted, actor="owner")
        async with features.database.read() as connection:
            assert (await account_store.read_roles(connection, "u-boss"))[network.id] == role


async def test_what_one_machine_left_here_does_not_stop_the_sweep_of_others(features: Features) -> None:
    line = await features.key(ephemeral=True)
    bad, good = SigningKeyPair(os.urandom(32)), SigningKeyPair(os.urandom(32))
    await features.devices.join(features.network, features.join_message(line, bad, "bad"), CHALLENGE)
    await features.approvals.submit(features.network, await sign(features, acts.lock), actor="owner")
    other = await features.networks.create("other", None, actor="test")
    key = await features.invites.create(other, reusable=True, ephemeral=True, tags=(), expires_s=3600, actor="test")
    message = features.join_message(key.secret.reveal(), good, "good", other)
    await features.devices.join(other, message, CHALLENGE)
    features.hub.attach(other.id, good.public, Ended())
    body = Removal(of="membership", subject=bad.public, counter=2**63 - 1, date=1, epoch=0, generation=0)
    farewell = signing.sign(Kind.REMOVAL, features.network.id, body, bad)
    await features.approvals.keep_farewell(features.network, bad.public, farewell)
    for _ in range(20):
        await features.housekeeping.sweep_ephemeral()
        features.clock[0] += EPHEMERAL_LIFETIME_S / 10
    assert EPHEMERAL_LIFETIME_S / 10 > EPHEMERAL_GRACE_S
    membership = other.membership(good.public)
    assert membership is not None
    assert membership.expires is not None
    assert membership.expires > features.clock[0], "who is here stays here"


async def test_a_leavers_number_does_not_carry_the_networks_away(features: Features) -> None:
    """It would be past the jump that nodes allow, and nothing that the server signs later would count."""
    line = await features.key()
    leaver = SigningKeyPair(os.urandom(32))
    await features.devices.join(features.network, features.join_message(line, leaver, "leaver"), CHALLENGE)
    before = features.network.row.sequence
    for counter in (2**32, 2 * COUNTER_AHEAD_MAX):
        body = Removal(of="membership", subject=leaver.public, counter=counter, date=1, epoch=0, generation=0)
        raw = signing.sign(Kind.REMOVAL, features.network.id, body, leaver)
        with pytest.raises(WarrenError) as refused:
            await features.approvals.submit(features.network, (raw,), actor="leaver")
        assert refused.value.code is Code.OUT_OF_ORDER
    late = await features.join(line, "late")
    assert late in (await view_of(features)).members
    assert features.network.row.sequence < before + COUNTER_AHEAD_MAX


async def test_nor_does_one_that_a_restored_server_is_told(features: Features) -> None:
    """Who is put out is out all the same; a membership of such a number is left out."""
    network, line = features.network, await features.key()
    leaver = SigningKeyPair(os.urandom(32))
    await features.devices.join(network, features.join_message(line, leaver, "leaver"), CHALLENGE)
    before, admin = network.row.sequence, SigningKeyPair(os.urandom(32))
    await features.devices.join(network, features.join_message(line, admin, "adm"), CHALLENGE)
    promoted = await sign(features, lambda draft: acts.promote(draft, admin.public))
    await features.approvals.submit(network, promoted, actor="owner")
    left = Removal(of="membership", subject=leaver.public, counter=2**32, date=1)
    far = Membership(counter=2 * COUNTER_AHEAD_MAX, date=1, identity=bytes(31) + b"1", hostname="far", joined=1)
    told = {
        signing.sign(Kind.REMOVAL, network.id, left, admin),
        signing.sign(Kind.MEMBERSHIP, network.id, far, admin),
    }
    await features.restored._take(network, told)
    assert not network.state.is_member(leaver.public)
    view = await view_of(features)
    assert leaver.public not in view.members
    assert far.identity not in view.members
    assert network.row.sequence < before + COUNTER_AHEAD_MAX
    assert await features.join(line, "late") in (await view_of(features)).members


async def test_whose_last_admins_machine_is_demoted_is_an_admin_no_more_though_another_resigned(
    features: Features,
) -> None:
    """What resigned cannot say its own membership again, which calls it an admin's still."""
    network, now = features.network, int(features.clock[0])
    machines = await boss_with_two_admins_machines(features)
    draft = Draft(await view_of(features), Pen(machines[0]), now=now, readable=is_readable)
    acts.demote(draft, machines[0].public)
    await features.approvals.submit(network, draft.batch().raws, actor="u-boss")
    demoted = await sign(features, lambda draft: acts.demote(draft, machines[1].public))
    await features.approvals.submit(network, demoted, actor="owner")
    async with features.database.read() as connection:
        assert (await account_store.read_roles(connection, "u-boss"))[network.id] == Role.MEMBER


@pytest.mark.parametrize("way", ["signed", "over REST", "signed after leaving"])
async def test_a_kicked_admins_account_is_an_admins_no_more(features: Features, way: str) -> None:
    """Found by review R7G: nothing took it from them then, and over REST they made a key and were back."""
    network, machines = features.network, await boss_with_two_admins_machines(features)
    for key, role in zip(machines, (Role.ADMIN, Role.MEMBER), strict=True):
        if way == "signed after leaving":
            await features.devices.remove(network, key.public, actor="u-boss", revoke_key=False, left=True)
            async with features.database.read() as connection:
                assert (await account_store.read_roles(connection, "u-boss"))[network.id] == Role.ADMIN
        if way == "over REST":
            await features.devices.remove(network, key.public, actor="owner", revoke_key=False)
        else:
            kicked = await sign(features, lambda draft, key=key: acts.kick(draft, key.public))
            await features.approvals.submit(network, kicked, actor="owner")
        async with features.database.read() as connection:
            assert (await account_store.read_roles(connection, "u-boss"))[network.id] == role


@pytest.mark.parametrize("whose", ["root", "admin"])
async def test_no_admin_makes_an_invites_key_of_anothers(features: Features, whose: str) -> None:
    """By a delegation with a count, upon which neither the owner nor other admins let anybody in (review H1)."""
    network, submit = features.network, features.approvals.submit
    await submit(network, await sign(features, acts.lock), actor="owner")
    _, root = root_key.parse_root(features.networks.root_secret(network).reveal())
    adm, ben = SigningKeyPair(os.urandom(32)), SigningKeyPair(os.urandom(32))
    for name, key in {"adm": adm, "ben": ben}.items():

        def approve(draft: Draft, name: str = name, key: SigningKeyPair = key) -> None:
            acts.approve(draft, key.public, hostname=name)

        for act in (approve, lambda draft, key=key: acts.promote(draft, key.public)):
            await submit(network, await sign(features, act), actor="owner")
    target = root if whose == "root" else ben
    counted = Delegation(
        counter=1, date=int(features.clock[0]), epoch=1, delegate=target.public, rights=(Right.ADMIT.value,),
        not_after=int(features.clock[0]) + 3600,
        limits=AdmissionLimits(hostname="tv", ipv4=str(network.prefix4), count=1),
    )  # fmt: skip
    with contextlib.suppress(WarrenError):  # refused is as good
        await submit(network, (signing.sign(Kind.DELEGATION, network.id, counted, adm),), actor="adm")
    late, view = SigningKeyPair(os.urandom(32)), await view_of(features)
    draft = Draft(view, Pen(target), now=int(features.clock[0]), readable=is_readable)
    acts.approve(draft, late.public, hostname="late")
    await submit(network, draft.batch().raws, actor=whose)
    member = (await view_of(features)).members[late.public]
    assert (member.signer, member.membership.invite) == (target.public, b"")
    assert not network.is_invites(target.public)
    assert network.is_admin(ben.public)
    assert target.public not in invites(await view_of(features))


async def test_a_removals_epoch_that_leaps_is_not_taken_and_the_root_lets_in_again(features: Features) -> None:
    """By its jump nobody, not even the root, could have let the machine in again (trust/test_epochs: at nodes)."""
    line = await features.key()
    admin, victim = SigningKeyPair(os.urandom(32)), SigningKeyPair(os.urandom(32))
    for name, key in {"adm": admin, "vic": victim}.items():
        await features.devices.join(features.network, features.join_message(line, key, name), CHALLENGE)
    promoted = await sign(features, lambda draft: acts.promote(draft, admin.public))
    await features.approvals.submit(features.network, promoted, actor="owner")
    ends = [
        Removal(of=of, subject=victim.public, counter=1, date=1, epoch=epoch)
        for of in ("membership", "delegation")
        for epoch in (EPOCH_AHEAD_MAX + 1, 2**32)
    ]
    for body in ends:
        raw = signing.sign(Kind.REMOVAL, features.network.id, body, admin)
        with pytest.raises(WarrenError) as refused:
            await features.approvals.submit(features.network, (raw,), actor="adm")
        assert refused.value.code is Code.OUT_OF_ORDER
    assert victim.public in (await view_of(features)).members


async def test_where_the_server_admits_an_invite_names_its_machine_and_its_revocation_ends_the_membership(
    features: Features,
) -> None:
    """Found by a helper: whom the registrar admitted by an invite's key was nobody's guest."""
    network, seed, who = features.network, os.urandom(32), SigningKeyPair(os.urandom(32))
    key, end = SigningKeyPair(seed).public, int(features.clock[0]) + 86_400
    given = await sign(
        features, lambda draft: acts.invite(draft, key, hostname="tv", ipv4="", tags=(), count=1, not_after=end)
    )
    await features.approvals.submit(network, given, actor="owner")
    line = admission_key.format_key(
        admission_key.AdmissionKey(admission_key.id_of(key), Secret(seed), features.invites.pin(network))
    )
    await features.devices.join(network, features.join_message(line, who, "laptop"), CHALLENGE)
    admitted = network.membership(who.public)
    assert admitted is not None
    assert (admitted.hostname, admitted.invite) == ("tv", key)
    assert who.public in (await view_of(features)).members, "nodes believe it"
    await features.approvals.submit(
        network, await sign(features, lambda draft: acts.revoke_invite(draft, key)), actor="owner"
    )
    assert not network.state.is_member(who.public)
