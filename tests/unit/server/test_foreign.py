"""SECURITY.md rules 12 to 16, F27, without a socket: a key, a waiting machine, a passkey, a challenge or a token does
nothing for another network, another person or another browser than its own, and stays as it is.

Both networks are of one server, so that nothing but the question of whose it is stands between them.
"""

import os
from collections.abc import Awaitable
from dataclasses import dataclass

import pytest
from tests.unit.server.conftest import CHALLENGE, Features
from tests.unit.server.people import PLACE, People, people

from warren.errors import Code, WarrenError
from warren.model.ids import Identity
from warren.model.keys import SigningKeyPair
from warren.protocol.rest.device import DeviceAsk
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role, Scope
from warren.server.approvals import store as waiting
from warren.server.invites import store as keys
from warren.server.invites.store import KeyRow
from warren.server.networks.live import LiveNetwork
from warren.trust import admission_key

__all__ = ["people"]


@dataclass(frozen=True, slots=True)
class Two:
    """A network, and another with a key."""

    features: Features
    own: LiveNetwork
    other: LiveNetwork
    line: str

    @property
    def key_id(self) -> str:
        """The other's key."""
        return admission_key.parse(self.line).id

    async def key(self) -> KeyRow | None:
        """How it stands in the database."""
        return await self.features.invites.find(self.key_id)

    async def persons_key(self, network: LiveNetwork) -> str:
        """A key that one and the same person approved, for this network."""
        seed = os.urandom(32)
        async with self.features.database.write() as connection:
            await self.features.invites.approve(connection, network, SigningKeyPair(seed).public, "usr_1", 3600)
        return admission_key.format_key(admission_key.make_delegated(seed, network.id, network.first_root, b""))


@pytest.fixture(name="two")
async def _two(features: Features) -> Two:
    own, other = features.network, await features.networks.create("other", None, actor="test")
    made = await features.invites.create(other, reusable=True, ephemeral=False, tags=(), expires_s=3600, actor="test")
    return Two(features, own, other, made.secret.reveal())


async def refused(call: Awaitable[object]) -> Code:
    """How it was."""
    with pytest.raises(WarrenError) as caught:
        await call
    return caught.value.code


async def test_a_key_of_another_network_admits_nobody_and_is_not_used(two: Two) -> None:
    features, before, identity = two.features, await two.key(), SigningKeyPair(os.urandom(32))
    for signed_for in (two.own, two.other):
        join = features.join_message(two.line, identity, "intruder", signed_for)
        assert await refused(features.devices.check_key(two.own, join, CHALLENGE)) is Code.KEY_UNKNOWN
        assert await refused(features.devices.join(two.own, join, CHALLENGE)) is Code.KEY_UNKNOWN
    assert not two.own.state.is_member(identity.public)
    async with features.database.write() as connection:
        assert await keys.consume(connection, two.key_id, two.own.id, int(features.clock[0])) is None
    assert await two.key() == before
    await features.devices.join(two.other, features.join_message(two.line, identity, "cam", two.other), CHALLENGE)
    assert two.other.state.is_member(identity.public), "nothing else was wrong with it"


async def test_a_key_of_another_network_is_not_revoked_from_here(two: Two) -> None:
    before = await two.key()
    assert await refused(two.features.invites.revoke(two.own, two.key_id, actor="x")) is Code.NOT_FOUND
    assert await two.key() == before
    await two.features.invites.revoke(two.other, two.key_id, actor="x")
    assert await two.key() != before


async def test_a_key_of_another_network_renews_no_machine(two: Two) -> None:
    """Of the machine's own person, and signed for this network: only that it is another's stands against it."""
    features, identity = two.features, SigningKeyPair(os.urandom(32))
    features.devices._life_s = 30 * 86400
    join = features.join_message(await two.persons_key(two.own), identity, "laptop", two.own)
    await features.devices.join(two.own, join, CHALLENGE)
    first = two.own.membership(identity.public)
    features.clock[0] += 3000

    def renewing(line: str) -> Awaitable[object]:
        key = admission_key.parse(line)
        challenge = admission_key.renewal_challenge(key.id)
        signature = admission_key.sign_join(key.seed, identity.public, two.own.id, challenge)
        return features.devices.renew_by_key(two.own, identity.public, key.id, signature)

    foreign = await two.persons_key(two.other)
    assert await refused(renewing(foreign)) is Code.KEY_UNKNOWN
    assert two.own.membership(identity.public) == first
    row = await features.invites.find(admission_key.parse(foreign).id)
    assert row is not None
    assert row.uses == 0
    await renewing(await two.persons_key(two.own))
    assert two.own.membership(identity.public) != first


async def test_a_machine_that_waits_elsewhere_is_not_denied_from_here(two: Two) -> None:
    features, now = two.features, int(two.features.clock[0])
    identity = SigningKeyPair(os.urandom(32))
    join = features.join_message(two.line, identity, "cam", two.other)
    await features.approvals.ask(two.other, join, hostname="cam")
    assert await refused(features.approvals.deny(two.own, identity.public, actor="x")) is Code.NOT_FOUND
    assert not await features.approvals.hold(two.own, identity.public)
    assert await features.approvals.waiting(two.own) == ()
    async with features.database.write() as connection:
        await waiting.drop(connection, two.own.id, identity.public)
        await waiting.forget_before(connection, two.own.id, now + 1)
    assert [one.identity for one in await features.approvals.waiting(two.other)] == [identity.public]
    await features.approvals.deny(two.other, identity.public, actor="x")


async def test_a_member_elsewhere_is_not_removed_from_here(two: Two) -> None:
    features, identity = two.features, SigningKeyPair(os.urandom(32))
    join = features.join_message(two.line, identity, "cam", two.other)
    await features.devices.join(two.other, join, CHALLENGE)
    removing = features.devices.remove(two.own, Identity(identity.public), actor="x", revoke_key=True)
    assert await refused(removing) is Code.NOT_FOUND
    assert await refused(features.devices.find(two.own, "cam")) is Code.NOT_FOUND
    assert (await features.devices.find(two.other, "cam")).removed_at is None
    assert two.other.state.is_member(identity.public)


async def test_nobody_adds_a_machine_to_a_network_of_others(two: Two, people: People) -> None:
    session = await people.session()
    public = SigningKeyPair(os.urandom(32)).public
    asked = await people.signon.ask(DeviceAsk(hostname="cam", join=public.hex(), network="other"), "127.0.0.1")
    for name in ("other", two.other.id.hex(), "no-such", ""):
        deciding = people.signon.decide(session, asked.code, approve=True, network=name)
        assert await refused(deciding) is Code.NETWORK_UNKNOWN
    assert (await people.signon.poll(asked.secret)).state == "pending"
    assert [one.id for one in await people.signon.networks_of(session)] == [two.own.id]


async def test_a_passkey_is_its_persons_and_a_challenge_its_browsers(people: People) -> None:
    anna, eve = await people.person(), await people.person()
    held, theirs = await people.passkey(anna), await people.passkey(eve)
    assert await refused(people.factors.remove_passkey(eve, held.id)) is Code.NOT_FOUND
    assert [one.id for one in (await people.factors.held(anna.id)).passkeys] == [held.id]
    asked = await people.factors.ask_to_use(anna, b"anna's browser")
    for user, owner, passkey in ((anna, b"anna's browser", theirs), (anna, b"eve's browser", held)):
        used = people.factors.check_passkey(user, owner, passkey.answer(asked, PLACE), "127.0.0.1")
        assert await refused(used) is Code.FORBIDDEN
        asked = await people.factors.ask_to_use(anna, b"anna's browser")
    answer = held.answer(asked, PLACE)
    assert await people.factors.check_passkey(anna, b"anna's browser", answer, "127.0.0.1") == anna.id


async def test_a_token_a_session_and_a_recovery_code_are_of_one_person(people: People) -> None:
    anna, eve = await people.person(), await people.person()
    made = await people.accounts.create_token(anna, "x", Scope.ADMIN, 3600, actor="x", factor_at=None)
    assert await refused(people.accounts.revoke_token(made.row.id, eve.id, actor="x")) is Code.NOT_FOUND
    assert (await people.accounts.caller(made.secret.reveal())).user == anna.id
    secret = (await people.signon.begin(anna)).secret
    await people.signon.sign_off(await people.session(eve), everywhere=True)
    await people.signon.sign_off_everywhere(eve.id)
    assert await people.signon.session(secret) is not None
    (code, *_) = await people.factors.renew_recovery_codes(anna)
    assert await refused(people.factors.check_code(eve, code, "127.0.0.1")) is Code.FORBIDDEN
    await people.factors.take_all(eve, actor="x")
    await people.factors.check_code(anna, code, "127.0.0.1")


async def test_a_role_an_invitation_and_a_question_are_of_one_network_and_one_person(two: Two, people: People) -> None:
    anna, eve = await people.person(), await people.person()
    async with people.features.database.write() as connection:
        await account_store.add_role(connection, two.other.id, anna.id, Role.MEMBER)
    await people.invitations.withdraw(two.own, anna, actor="x")
    async with people.features.database.read() as connection:
        assert await account_store.read_roles(connection, anna.id) == {two.other.id: Role.MEMBER}
        assert await account_store.read_roles(connection, eve.id) == {two.own.id: Role.MEMBER}
    await people.invitations.invite(two.own, anna, "", actor="x")
    for network, user in ((two.other, anna), (two.own, eve), (two.other, eve)):
        taken = people.invitations.accept(network, user, actor="x")
        assert await refused(taken) is Code.NOT_FOUND
        assert await refused(people.invitations.decline(network, user, actor="x")) is Code.NOT_FOUND
    await people.invitations.accept(two.own, anna, actor="x")
