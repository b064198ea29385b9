"""What stands at the door of a node's session: words that no database takes, and whom nobody may be any more."""

import asyncio
import os
from typing import Any

import msgspec
import pytest
from tests.unit.server.conftest import CHALLENGE, Features
from tests.unit.server.test_approvals import sign, view_of

from warren.errors import Code, WarrenError
from warren.limits import RECORDS_MAX, SUBMIT_BESIDE_MAX, SUBMIT_DOCUMENT_BYTES
from warren.model.keys import SigningKeyPair
from warren.policy.language import is_readable
from warren.protocol.control.events import BatchSubmitted, Greeted, JoinWanted
from warren.protocol.control.server_role import ServerSession
from warren.server.approvals.rules import Judged, judge
from warren.server.metrics import Metrics
from warren.server.networks.live import LiveNetwork
from warren.server.sessions.admission import WRONG_BATCHES_MAX, Admission
from warren.server.sessions.connection import Connection, Line
from warren.server.throttle import FAILURES_WITHIN_S
from warren.trust import acts
from warren.trust.batches import Draft, Pen
from warren.trust.documents import Kind, NodeRecord
from warren.trust.signing import sign as sign_document


async def test_a_hello_that_names_a_key_in_text_that_no_database_takes_is_refused(admission: Admission) -> None:
    with pytest.raises(WarrenError) as refused:
        await admission.greet(Greeted(1, None, "k\0", "test"))
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("fields", [{"os": "Linux\0"}, {"key_id": "k\0"}])
async def test_so_is_a_join_and_nothing_is_used_up(
    features: Features, admission: Admission, fields: dict[str, str]
) -> None:
    who = SigningKeyPair(os.urandom(32))
    join = features.join_message(await features.key(reusable=False), who, "laptop")
    with pytest.raises(WarrenError) as refused:
        await admission.join(features.network, JoinWanted(msgspec.structs.replace(join, **fields), CHALLENGE))
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert not features.network.state.is_member(who.public)
    assert await admission.join(features.network, JoinWanted(join, CHALLENGE))


class Proven:
    """A line that counts how often somebody was called no stranger."""

    def __init__(self) -> None:
        self.count = 0

    def line(self) -> Line:
        async def nothing(_frame: bytes = b"") -> None:
            return None

        def count() -> None:
            self.count += 1

        return Line(receive=nothing, ready=nothing, send=nothing, close=nothing, abort=lambda: None, proven=count)


async def test_who_is_kicked_between_its_admission_and_its_session_has_none(
    features: Features, admission: Admission
) -> None:
    """Its peers' turns come in between; whom the kick was told found nobody attached."""
    who, proven, server = SigningKeyPair(os.urandom(32)), Proven(), SigningKeyPair(os.urandom(32))
    join = features.join_message(await features.key(), who, "laptop")
    membership = await admission.join(features.network, JoinWanted(join, CHALLENGE))
    machine = ServerSession(server_key=server.public, sign=server.sign, verify=lambda *_: False, now=0.0)
    connection = Connection(proven.line(), machine, admission, features.hub, Metrics())
    connection._network = features.network
    await features.devices.remove(features.network, who.public, actor="test", revoke_key=False)
    with pytest.raises(WarrenError) as refused:
        connection._open(who.public, membership)
    assert refused.value.code is Code.REMOVED
    assert proven.count == 0
    assert not features.hub.is_online(features.network.id, who.public)


async def test_who_resigned_is_no_admin_for_who_sees_whom(features: Features) -> None:
    who, network = SigningKeyPair(os.urandom(32)), features.network
    await features.devices.join(network, features.join_message(await features.key(), who, "laptop"), CHALLENGE)
    await features.approvals.submit(
        network, await sign(features, lambda draft: acts.promote(draft, who.public)), actor="owner"
    )
    assert role(network, who) == "admin"
    draft = Draft(await view_of(features), Pen(who), now=int(features.clock[0]), readable=is_readable)
    acts.demote(draft, who.public)
    await features.approvals.submit(network, draft.batch().raws, actor="laptop")
    body = network.membership(who.public)
    assert body is not None
    assert body.role == "admin", "nobody else signed it yet"
    assert role(network, who) == "member"


def role(network: LiveNetwork, who: SigningKeyPair) -> str:
    party = network._party(who.public)
    assert party is not None
    return party.role


async def test_who_brings_wrong_changes_again_and_again_keeps_nobody_else_waiting(
    features: Features, admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs a look at every signature of the network, under the one turn that all networks share."""
    network, (who, other) = features.network, (SigningKeyPair(os.urandom(32)) for _ in range(2))
    for key, name in ((who, "laptop"), (other, "desk")):
        await admission.join(network, JoinWanted(features.join_message(await features.key(), key, name), CHALLENGE))
    looks = 0

    def counted(*words: Any) -> Judged:
        nonlocal looks
        looks += 1
        return judge(*words)

    async def never(*_words: object) -> None:
        pytest.fail("what is wrong came where all writers wait for it")

    monkeypatch.setattr("warren.server.approvals.service.judge", counted)
    monkeypatch.setattr(features.approvals, "_store", never)

    async def bring(key: SigningKeyPair, now: float) -> Code:
        with pytest.raises(WarrenError) as refused:
            await admission.submit(network, key.public, (b"no document",), keep_keys=False, now=now)
        return refused.value.code

    codes = await asyncio.gather(*(bring(who, 0.0) for _ in range(WRONG_BATCHES_MAX + 5)))
    assert (Code.BUSY in codes[:WRONG_BATCHES_MAX], set(codes[WRONG_BATCHES_MAX:])) == (False, {Code.BUSY})
    assert looks == WRONG_BATCHES_MAX
    assert await bring(other, 0.0) is not Code.BUSY
    assert await bring(who, FAILURES_WITHIN_S + 1.0) is not Code.BUSY


@pytest.mark.parametrize("part", [(b"x",) * 500, (bytes(60_000),) * 4])
async def test_a_batch_that_never_ends_is_not_kept_for_longer_than_one_could_be(
    features: Features, admission: Admission, part: tuple[bytes, ...]
) -> None:
    who, server = SigningKeyPair(os.urandom(32)), SigningKeyPair(os.urandom(32))
    machine = ServerSession(server_key=server.public, sign=server.sign, verify=lambda *_: False, now=0.0)
    connection = Connection(Proven().line(), machine, admission, features.hub, Metrics())
    connection._network, connection._identity = features.network, who.public
    held = features.network.state.size

    async def without_end() -> None:
        for _ in range(100):
            await connection._take_batch(BatchSubmitted(1, part, more=True, keep_keys=False))

    with pytest.raises(WarrenError) as refused:
        await without_end()
    assert refused.value.code is Code.TOO_LARGE
    assert len(connection._batch) <= 2 * held + SUBMIT_BESIDE_MAX + len(part)
    assert sum(map(len, connection._batch)) <= (2 * held + SUBMIT_BESIDE_MAX) * SUBMIT_DOCUMENT_BYTES + len(part[0]) * 4


async def test_a_member_changes_its_record_as_often_as_honest_ones_need_and_no_more(features: Features) -> None:
    """Each is a commit, and told to all its peers."""
    network, who = features.network, SigningKeyPair(os.urandom(32))
    await features.devices.join(network, features.join_message(await features.key(), who, "laptop"), CHALLENGE)

    async def publish(counter: int, capabilities: tuple[str, ...] = ()) -> None:
        body = NodeRecord(
            identity=who.public, wireguard=os.urandom(32), path=bytes([1]) * 32, counter=counter, date=1,
            capabilities=capabilities,
        )  # fmt: skip
        await features.devices.publish(network, who.public, sign_document(Kind.RECORD, network.id, body, who))

    for number in range(RECORDS_MAX):
        await publish(2 + number)
    with pytest.raises(WarrenError) as refused:
        await publish(2 + RECORDS_MAX)
    assert refused.value.code is Code.BUSY


async def test_a_record_of_the_size_of_a_book_is_none(features: Features) -> None:
    who = SigningKeyPair(os.urandom(32))
    join = features.join_message(await features.key(), who, "laptop")
    body = NodeRecord(
        identity=who.public, wireguard=bytes([5]) * 32, path=bytes([1]) * 32, counter=1, date=1,
        capabilities=tuple(f"{number:0200}" for number in range(200)),
    )  # fmt: skip
    large = sign_document(Kind.RECORD, features.network.id, body, who)
    with pytest.raises(WarrenError) as refused:
        await features.devices.join(features.network, msgspec.structs.replace(join, record=large), CHALLENGE)
    assert refused.value.code is Code.TOO_LARGE
