"""What survives a stop, a crash and a second start; and who may not start at all."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.node import TestNode
from tests.server.running import RunningServer, wait_until

from warren.errors import Code
from warren.protocol.rest.keys import Keys
from warren.protocol.rest.networks import Networks


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RunningServer]:
    """A server of this test's own, not started."""
    running = RunningServer(tmp_path / "data")
    yield running
    running.kill()


async def test_a_restart_keeps_members_keys_and_the_server_itself(own: RunningServer) -> None:
    own.start()
    live = own.create_key(reusable=True)
    async with TestNode(own.node_url) as node:
        assert await node.join(own.create_key(), "kept") is None
        before = own.rest.get("networks", kind=Networks).networks[0]
        keys = own.rest.get("networks", "default", "keys", kind=Keys)
        own.restart()
        after = own.rest.get("networks", kind=Networks).networks[0]
        assert (after.id, after.server_key, after.root_key) == (before.id, before.server_key, before.root_key)
        assert own.rest.get("networks", "default", "keys", kind=Keys) == keys
        first_view = node.view()
        await node.disconnect()
        assert await node.resume() is None
        assert node.view().members.keys() == first_view.members.keys()
        async with TestNode(own.node_url) as second:
            assert await second.join(live, "later") is None
            await node.until(lambda: "later" in node.peers())


async def test_open_sessions_are_told_that_the_server_stops(own: RunningServer) -> None:
    own.start()
    async with TestNode(own.node_url) as node:
        assert await node.join(own.create_key(), "told") is None
        assert await asyncio.to_thread(own.stop) == 0
        await node.until(lambda: node.closed is not None)
        assert node.closed is not None
        assert node.closed.code is Code.UNAVAILABLE


async def test_an_acknowledged_join_survives_kill_9(own: RunningServer) -> None:
    own.start()
    for number in range(2):
        async with TestNode(own.node_url) as node:
            key = own.create_key()
            assert await node.join(key, f"crash{number}") is None
            own.kill()
            own.start()
            assert own.members()[f"crash{number}"].identity == node.identity.hex()
            await node.disconnect()
            assert await node.resume() is None
            async with TestNode(own.node_url) as other:
                refused = await other.join(key, "another")
                assert refused is not None
                assert refused.code is Code.KEY_USED


async def test_joins_that_a_kill_cut_off_are_whole_or_absent(own: RunningServer) -> None:
    own.start()
    key = own.create_key(reusable=True)
    nodes = [TestNode(own.node_url) for _ in range(30)]
    tasks = [asyncio.create_task(node.join(key, f"cut{number}")) for number, node in enumerate(nodes)]
    await nodes[0].until(lambda: any(node.updates for node in nodes[:1]))
    own.kill()
    await asyncio.gather(*tasks, return_exceptions=True)
    acknowledged = {f"cut{number}" for number, node in enumerate(nodes) if node.membership}
    for node in nodes:
        await node.disconnect()
    own.start()
    members = own.members()
    assert acknowledged <= members.keys()
    with sqlite3.connect(own.data / "warren.db") as database:
        uses = database.execute("SELECT uses FROM join_keys").fetchone()[0]
        memberships = database.execute("SELECT count(*) FROM documents WHERE kind = 'membership'").fetchone()[0]
    database.close()
    assert uses == memberships == len(members)
    for number, node in enumerate(nodes):  # those whose answer was lost ask again
        if node.network is not None:
            assert await node.join(key, f"cut{number}") is None
            await node.disconnect()


def test_a_second_server_on_the_folder_is_refused_and_told_who_holds_it(own: RunningServer) -> None:
    own.start()
    second = subprocess.run(
        [sys.executable, "-m", "warren", "server", "--data", str(own.data), "--url", "http://127.0.0.1:1"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert second.returncode == 1
    assert Code.ALREADY_RUNNING in second.stderr
    assert str(own.pid) in second.stderr
    assert "Traceback" not in second.stderr
    assert own.rest.get("networks", kind=Networks).networks


@pytest.mark.parametrize("was_open", [False, True])
def test_what_it_keeps_is_for_its_owner_only_whoever_made_the_folder(own: RunningServer, *, was_open: bool) -> None:
    if was_open:  # by `mkdir`, a unit's StateDirectory=, or a program that knew no better
        own.data.mkdir(mode=0o755, exist_ok=True)
        own.data.chmod(0o755)
        (own.data / "warren.db").touch(0o644)
    own.start()
    private = [*(own.data / "keys").iterdir(), own.data / "admin.sock", own.data / "run" / "web.sock"]
    private += own.data.glob("warren.db*")
    assert {path.name for path in private} >= {
        "server.key", "registrar.key", "factors.key", "admin.sock", "web.sock", "warren.db", "warren.db-wal",
    }  # fmt: skip
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in private} == {"0o600"}
    assert oct(stat.S_IMODE((own.data / "keys").stat().st_mode)) == "0o700"


@pytest.mark.parametrize("name", ["server.key", "registrar.key", "root-*.key"])
@pytest.mark.parametrize("damage", ["flipped", "gone"])
def test_a_key_that_is_another_one_stops_the_start_and_signs_nothing(
    own: RunningServer, name: str, damage: str
) -> None:
    """F18: never another identity by itself; it signed settings that named it, and spent keys for nothing."""
    own.start()
    assert own.stop() == 0
    (path,) = (own.data / "keys").glob(name)
    good = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    before = documents(own)
    refused = subprocess.run(
        [sys.executable, "-m", "warren", "server", "--data", str(own.data), "--url", own.url],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (refused.returncode, path.name in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    assert documents(own) == before
    path.write_bytes(good)
    path.chmod(0o600)
    own.start()
    assert own.create_key().startswith("wk.")


def documents(server: RunningServer) -> list[tuple[str, bytes]]:
    with sqlite3.connect(server.data / "warren.db") as database:
        rows = database.execute("SELECT kind, raw FROM documents ORDER BY kind, raw").fetchall()
    database.close()
    return rows


def test_a_database_of_a_newer_program_is_refused_untouched(own: RunningServer) -> None:
    own.start()
    assert own.stop() == 0
    with sqlite3.connect(own.data / "warren.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    before = (own.data / "warren.db").read_bytes()
    refused = subprocess.run(
        [sys.executable, "-m", "warren", "server", "--data", str(own.data), "--url", own.url],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert refused.returncode == 1
    assert Code.DOWNGRADE in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (own.data / "warren.db").read_bytes() == before


async def test_nodes_learn_of_a_changed_url(own: RunningServer) -> None:
    own.start()
    async with TestNode(own.node_url) as node:
        assert await node.join(own.create_key(), "follower") is None
        assert own.stop() == 0
        moved = own.url.replace("127.0.0.1", "localhost")
        own.url = moved
        own.start()
        await node.disconnect()
        node.url = own.node_url
        assert await node.resume() is None
        settings = node.view().settings
        assert settings is not None
        assert [server.url for server in settings.servers] == [moved]


async def test_the_database_away_for_a_moment_is_said_so_and_then_forgotten(own: RunningServer) -> None:
    own.start()
    key = own.create_key()
    blocker = sqlite3.connect(own.data / "warren.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        async with TestNode(own.node_url) as node:
            refused = await node.join(key, "patient")
            assert refused is not None
            assert refused.code is Code.STORE_UNAVAILABLE
            blocker.execute("ROLLBACK")
            assert await node.join(key, "patient") is None
    finally:
        blocker.close()
    wait_until(lambda: "patient" in own.members())
