"""What shows a server that its folder is an older copy, and what of its nodes' words counts then."""

import os

import pytest
from tests.unit.server.conftest import Features

from warren.limits import RESTORED_TOLD_MAX_BYTES
from warren.model.ids import Identity
from warren.model.keys import SigningKeyPair
from warren.node.heads import own_heads
from warren.policy.language import is_readable
from warren.server.networks import store
from warren.server.networks.live import LiveNetwork
from warren.server.restored.rules import compare, learn, own_ends, shows_more
from warren.trust import acts
from warren.trust.batches import Draft, Pen
from warren.trust.documents import Delegation, Head, Kind, Membership, Removal
from warren.trust.signing import sign
from warren.trust.successions import change_root

NOBODY = Identity(bytes(32))


class Copied:
    """A server with `early`; its folder is copied; then `early` is kicked and `late` joins."""

    def __init__(self, features: Features) -> None:
        self.features = features
        self.now = features.network

    async def make(self) -> "Copied":
        key = await self.features.key()
        self.early = await self.features.join(key, "early")
        async with self.features.database.read() as connection:
            rows = await store.read_documents(connection, self.now.id)
        self.copy = LiveNetwork(self.now.row, rows)
        await self.features.devices.remove(self.now, self.early, actor="test", revoke_key=False)
        self.late = await self.features.join(key, "late")
        return self

    def heads(self) -> list[bytes]:
        return [raw for _, raw in self.now.state.documents(Kind.HEAD)]

    def membership(self) -> bytes:
        raw = self.now.state.document(Kind.MEMBERSHIP, self.late)
        assert raw is not None
        return raw

    def told(self) -> list[bytes]:
        whole = self.now.state.difference(0)
        assert whole is not None
        return list(whole.documents)


@pytest.fixture
async def copied(features: Features) -> Copied:
    return await Copied(features).make()


async def test_a_head_that_it_signed_and_does_not_have_shows_a_server_that_it_is_a_copy(copied: Copied) -> None:
    assert shows_more(copied.copy, NOBODY, b"", copied.heads())
    assert not shows_more(copied.now, NOBODY, b"", copied.heads())
    older = [raw for _, raw in copied.copy.state.documents(Kind.HEAD)]
    assert not shows_more(copied.now, NOBODY, b"", older)


async def test_it_still_does_after_the_copy_signed_something_itself(copied: Copied) -> None:
    """The time-based counters of the copy have run ahead of what it lost."""
    held = next(head for head in copied.copy.heads() if head.authority != copied.now.row.root_key)
    network = copied.features.networks
    row = await network.registrar_head(copied.copy, (), counter=held.counter + 10**6, now=held.date)
    copied.copy.apply(copied.copy.row, [(row.kind, row.subject, row.raw)])
    assert shows_more(copied.copy, NOBODY, b"", copied.heads())
    assert not shows_more(copied.copy, NOBODY, b"", [row.raw])


async def test_a_membership_of_its_own_that_nobody_ended_shows_it_too_and_anothers_does_not(copied: Copied) -> None:
    assert shows_more(copied.copy, copied.late, copied.membership(), ())
    assert not shows_more(copied.copy, NOBODY, copied.membership(), ())
    assert not shows_more(copied.now, copied.late, copied.membership(), ())


async def test_what_no_authority_signed_shows_nothing(copied: Copied) -> None:
    liar, network = SigningKeyPair(os.urandom(32)), copied.copy.id
    head = Head(counter=2**40, date=1, authority=copied.copy.heads()[0].authority, digest=bytes(32))
    member = Membership(counter=2**40, date=1, identity=liar.public, hostname="x", ipv4="", joined=1)
    forged = [sign(Kind.HEAD, network, head, liar), b"\xc1", b""]
    assert not shows_more(copied.copy, liar.public, sign(Kind.MEMBERSHIP, network, member, liar), forged)


@pytest.mark.parametrize("is_ended", [False, True])
async def test_what_an_invites_key_signs_shows_nothing(copied: Copied, *, is_ended: bool) -> None:
    """Whoever was given an invite would otherwise come in without using it up."""
    network, invite, stranger = copied.now, SigningKeyPair(os.urandom(32)), SigningKeyPair(os.urandom(32)).public
    root, now = copied.features.networks._root(network), int(copied.features.clock[0])
    draft = Draft(
        learn(network.id, [network.row.genesis, *copied.told()], (), now), Pen(root), now=now, readable=is_readable
    )
    acts.invite(draft, invite.public, hostname="tv", ipv4="", tags=(), count=1, not_after=now + 60)
    await copied.features.approvals.submit(network, draft.batch().raws, actor="test")
    if is_ended:
        view = learn(network.id, [network.row.genesis, *copied.told()], (), now)
        draft = Draft(view, Pen(root), now=now, readable=is_readable)
        acts.revoke_invite(draft, invite.public)
        await copied.features.approvals.submit(network, draft.batch().raws, actor="test")
    head = Head(counter=2**40, date=now, authority=invite.public, digest=bytes(32))
    member = Membership(counter=1, date=now, identity=stranger, hostname="tv", ipv4="", joined=1)
    shown = sign(Kind.MEMBERSHIP, network.id, member, invite), [sign(Kind.HEAD, network.id, head, invite)]
    assert not shows_more(network, stranger, *shown)


async def test_what_nodes_tell_brings_back_who_joined_and_ends_who_was_kicked(copied: Copied) -> None:
    held = copied.copy.state.difference(0)
    assert held is not None
    forged = sign(
        Kind.MEMBERSHIP,
        copied.copy.id,
        Membership(counter=2**30, date=1, identity=NOBODY, hostname="x", ipv4="", joined=1),
        SigningKeyPair(os.urandom(32)),
    )
    told = [*copied.told(), forged]
    in_force = learn(
        copied.copy.id, [copied.copy.row.genesis, *held.documents], told, int(copied.features.clock[0])
    ).documents  # fmt: skip
    learned = compare(copied.copy, in_force)
    assert [one.identity for one in learned.returned] == [copied.late]
    assert learned.removed == (copied.early,)
    assert learned.counter >= max(head.counter for head in copied.now.heads())
    assert (Kind.RECORD.value, copied.late) in {(kind, subject) for kind, subject, _ in learned.changes}
    assert compare(copied.now, in_force).changes == ()


@pytest.mark.parametrize("knew", [True, False])
async def test_who_left_a_locked_network_by_its_own_word_is_not_back(features: Features, *, knew: bool) -> None:
    """Whether the copy is from before it left, or from before it came, and its machine shows what it kept."""
    network, who = features.network, SigningKeyPair(os.urandom(32))
    async with features.database.read() as connection:
        rows = await store.read_documents(connection, network.id)
    await features.devices.join(network, features.join_message(await features.key(), who, "gone"), bytes(range(32)))
    membership = network.state.document(Kind.MEMBERSHIP, who.public)
    assert membership is not None
    if knew:
        async with features.database.read() as connection:
            rows = await store.read_documents(connection, network.id)
    copy, now = LiveNetwork(network.row, rows), int(features.clock[0])
    left = sign(Kind.REMOVAL, network.id, Removal(counter=5, date=now, of="membership", subject=who.public), who)
    await features.approvals.submit(network, (left,), actor="gone")
    told, held = network.state.difference(0), copy.state.difference(0)
    assert told is not None
    assert held is not None
    shown = {membership, *own_ends(copy.id, told.documents, who.public)}
    known = [copy.row.genesis, *held.documents]
    by_nodes = compare(copy, learn(copy.id, known, told.documents, now).documents)
    by_itself = compare(copy, learn(copy.id, known, shown, now).documents)
    for learned in (by_nodes, by_itself):
        assert learned.removed == ((who.public,) if knew else ())
        assert learned.returned == ()
    copy.apply(copy.row, by_itself.changes)
    assert copy.is_removed(who.public)
    stranger = SigningKeyPair(os.urandom(32))
    bare = sign(
        Kind.REMOVAL, network.id, Removal(counter=5, date=now, of="membership", subject=stranger.public), stranger
    )
    view = learn(copy.id, known, {*told.documents, bare}, now)
    assert bare not in {one.raw for one in view.documents}, "who was never a member fills no store"


async def test_what_nodes_tell_is_bounded_and_dropped_when_it_was_taken_but_for_who_left(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever left before the copy was made comes back by no membership that its machine kept."""
    restored, copy, (one, other) = copied.features.restored, copied.copy, (Identity(bytes([n]) * 32) for n in (1, 2))
    await restored.look(copy, NOBODY, b"", copied.heads())
    assert restored.should_tell(copy.id, one)
    assert restored.should_tell(copy.id, other)
    told = restored._rounds[copy.id].told
    for number in range(RESTORED_TOLD_MAX_BYTES // 60_000):
        await restored.take_told(copy, one, [number.to_bytes(4, "big") * 15_000], last=False)
    assert sum(map(len, told)) <= RESTORED_TOLD_MAX_BYTES // 2
    gone = SigningKeyPair(os.urandom(32))
    left = Removal(counter=5, date=int(copied.features.clock[0]), of="membership", subject=gone.public)
    end = sign(Kind.REMOVAL, copy.id, left, gone)
    await restored.take_told(copy, other, [end], last=True)
    assert end in told, "one node that lies takes no other's room"
    monkeypatch.setattr("warren.server.restored.service.RESTORED_LISTEN_MAX_S", 0.0)
    restored.forget(copy.id, one)
    await restored.served(copy.id)
    assert restored._rounds[copy.id].told == {end}
    assert restored.should_tell(copy.id, one)
    monkeypatch.setattr("warren.server.restored.service.RESTORED_ASK_S", -1.0)
    await restored.take_told(copy, one, [b"much later"], last=False)
    assert restored._rounds[copy.id].told == {end}


async def test_a_copy_from_before_a_change_of_the_root_learns_of_it_and_does_not_go_back(copied: Copied) -> None:
    network = copied.now
    old, new = copied.features.networks._root(network), SigningKeyPair(os.urandom(32))
    now = int(copied.features.clock[0])
    view = learn(network.id, [network.row.genesis, *copied.told()], (), now)
    batch = change_root(view, old, new, now=now, readable=is_readable)
    await copied.features.approvals.submit(network, batch.raws, actor="test")
    assert network.row.root_key == new.public
    shown = own_heads(learn(network.id, [network.row.genesis, *copied.told()], (), now))[:2]  # as a session begins
    assert shows_more(copied.copy, NOBODY, b"", shown)
    held = copied.copy.state.difference(0)
    assert held is not None
    learned = learn(network.id, [network.row.genesis, *held.documents], copied.told(), now)
    assert learned.root == new.public
    kinds = {kind for kind, _, _ in compare(copied.copy, learned.documents).changes}
    assert Kind.ROOT_CHANGE.value in kinds


async def test_the_first_head_of_a_key_that_may_sign_shows_that_a_copy_is_one(copied: Copied) -> None:
    """A voter's, where an admin that never signed before votes for another root."""
    network, admin = copied.now, SigningKeyPair(os.urandom(32))
    view = learn(network.id, [network.row.genesis, *copied.told()], (), int(copied.features.clock[0]))
    draft = Draft(view, Pen(copied.features.networks._root(network)), now=int(copied.features.clock[0]))
    draft.put(Kind.DELEGATION, Delegation(counter=0, date=0, delegate=admin.public, rights=("admit", "readmit")))
    await copied.features.approvals.submit(network, draft.batch().raws, actor="test")
    async with copied.features.database.read() as connection:
        copy = LiveNetwork(network.row, await store.read_documents(connection, network.id))
    head = Head(counter=1, date=1, authority=admin.public, digest=bytes(32))
    shown = sign(Kind.HEAD, network.id, head, admin)
    assert shows_more(copy, NOBODY, b"", [shown])
    copy.apply(network.row, [(Kind.HEAD.value, admin.public, shown)])
    assert not shows_more(copy, NOBODY, b"", [shown])
