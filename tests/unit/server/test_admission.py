"""Admission without a socket: what is one, stays one."""

import asyncio
import os
from contextlib import suppress

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.unit.server.conftest import CHALLENGE, Ended, Features

from warren.errors import Code, WarrenError
from warren.model.keys import SigningKeyPair
from warren.server.audit.store import read_newest
from warren.server.db.engine import Database
from warren.server.networks import store
from warren.server.networks.live import LiveNetwork

OVERTAKES_S = 1.0  # a change that nothing holds up is done by then


async def stored(features: Features) -> LiveNetwork:
    """The network as another start of this server would read it."""
    async with features.database.read() as connection:
        (row,) = await store.read_all(connection)
        return LiveNetwork(row, await store.read_documents(connection, row.id))


async def test_a_join_whose_session_went_away_is_whole_in_memory_and_on_disk(features: Features) -> None:
    key = await features.key(reusable=False)
    identity = SigningKeyPair(os.urandom(32))
    watcher = Ended()
    cut = 0
    features.hub.attach(features.network.id, await features.join(await features.key(), "watcher"), watcher)
    for delay in range(12):  # cut it off at each of its first awaits
        woken = watcher.woken
        task = asyncio.create_task(
            features.devices.join(features.network, features.join_message(key, identity, "cut"), CHALLENGE)
        )
        for _ in range(delay):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):  # who is a member already may be answered before the cut
            await task
        cut += task.cancelled()
        again = await features.devices.join(features.network, features.join_message(key, identity, "cut"), CHALLENGE)
        assert features.network.state.document("membership", identity.public) == again
        assert (await stored(features)).state.document("membership", identity.public) == again
        assert watcher.woken > woken or delay > 0
    assert cut > 1


async def agree(features: Features) -> None:
    """Memory is what the disk is, and the registrar's head covers it."""
    disk = await stored(features)
    for kind in ("settings", "delegation", "policy", "membership", "record", "removal", "head"):
        assert dict(disk.state.documents(kind)) == dict(features.network.state.documents(kind)), kind
    assert disk.registrar_digest(()) == features.network.registrar_digest(())
    head = next(head for head in disk.heads() if head.authority != disk.row.root_key)
    assert head.digest == disk.registrar_digest(())


async def test_memory_and_disk_agree_after_many_changes(features: Features) -> None:
    key = await features.key()
    members = await asyncio.gather(*(features.join(key, f"m{number}") for number in range(20)))
    await asyncio.gather(
        *(features.devices.remove(features.network, member, actor="test", revoke_key=False) for member in members[::2])
    )
    await agree(features)


async def test_memory_follows_the_order_of_commits_though_an_end_takes_long(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by a loaded run on PostgreSQL: a change that was committed first was told last, so memory and nodes kept
    the older head, and the newer one was signed without the change before it. Here the first one's connection takes
    long to be given back."""
    held, go_on, close = asyncio.Event(), asyncio.Event(), AsyncConnection.close
    key = await features.key()

    async def slow(self: AsyncConnection) -> None:
        is_first = not held.is_set() and Database.is_turn_of(self, features.network.id)
        await close(self)
        if is_first:
            held.set()
            await go_on.wait()

    monkeypatch.setattr(AsyncConnection, "close", slow)
    first = asyncio.create_task(features.join(key, "first"))
    await held.wait()
    second = asyncio.create_task(features.join(key, "second"))
    await asyncio.wait((second,), timeout=OVERTAKES_S)
    go_on.set()
    await asyncio.gather(first, second)
    await agree(features)


async def test_a_removed_identity_is_not_admitted_again(features: Features) -> None:
    key = await features.key()
    identity = SigningKeyPair(os.urandom(32))
    message = features.join_message(key, identity, "once")
    await features.devices.join(features.network, message, CHALLENGE)
    await features.devices.remove(features.network, identity.public, actor="test", revoke_key=False)
    with pytest.raises(WarrenError) as refused:
        await features.devices.join(features.network, message, CHALLENGE)
    assert refused.value.code is Code.REMOVED


async def test_a_used_key_stays_used_when_its_member_is_gone(features: Features) -> None:
    """That it was used is a fact about the key, never counted from members."""
    key = await features.key(reusable=False)
    first = await features.join(key, "first")
    await features.devices.remove(features.network, first, actor="test", revoke_key=False)
    with pytest.raises(WarrenError) as refused:
        await features.join(key, "second")
    assert refused.value.code is Code.KEY_USED


async def test_a_proof_for_another_challenge_admits_nobody(features: Features) -> None:
    message = features.join_message(await features.key(), SigningKeyPair(os.urandom(32)), "replayed")
    with pytest.raises(WarrenError) as refused:
        await features.devices.join(features.network, message, bytes(32))
    assert refused.value.code is Code.KEY_UNKNOWN


async def test_every_change_of_rights_is_in_the_audit_log(features: Features) -> None:
    key = await features.key()
    member = await features.join(key, "watched")
    await features.devices.remove(features.network, member, actor="ann", revoke_key=True)
    async with features.database.read() as connection:
        rows = await read_newest(connection, None)
    assert [row.action for row in reversed(rows)] == [
        "network.created",
        "key.created",
        "member.joined",
        "key.revoked",
        "member.removed",
    ]
    assert rows[0].actor == "ann"
    assert not any(key.split(".")[2] in row.detail for row in rows)


async def test_the_policy_decides_who_learns_of_whom(features: Features) -> None:
    key = await features.key()
    first, second = await features.join(key, "one"), await features.join(key, "two")
    assert features.network.sight_of(first) is None
    assert features.network.may_signal(first, second)
    assert not features.network.may_signal(first, first)
    features.network.policy = None
    features.network._everyone_sees_everyone = False
    sight = features.network.sight_of(first)
    assert sight is not None
    assert sight(first)
    assert not sight(second)
    assert not features.network.may_signal(first, second)
