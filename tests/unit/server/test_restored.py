"""What shows a server that its folder is an older copy, and what of its nodes' words counts then."""

import os

import pytest
from tests.unit.server.conftest import Features

from warren.model.ids import Identity
from warren.model.keys import SigningKeyPair
from warren.server.networks import store
from warren.server.networks.live import LiveNetwork
from warren.server.restored.rules import compare, learn, shows_more
from warren.trust.documents import Head, Kind, Membership
from warren.trust.signing import sign

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
