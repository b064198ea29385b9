"""F2 and F3: the database is locked by somebody else, the disk of a server or a machine is full.

Reads go on, writes are refused with a code, health is red as long as they are, nobody's key is used up, and what was
asked for in vain is done when it is asked for again. A machine goes off with a full disk too.
"""

import http.client
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.faults import figures
from tests.faults.small_disk import SmallDisk, mounted
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.until import until
from tests.server.node import TestNode
from tests.server.running import RunningServer

from warren.errors import Code

BACK_S = 5.0  # from when writes work again until health is green and a machine is admitted (F2)
KICKED_S = 2.0  # F30
UNTOLD = """
table inet untold {{
  chain out {{ type filter hook output priority 0; ip daddr {server} drop; }}
}}
"""
RED_S = 15.0  # from when writes fail until health says so: the last good write vouches for 10 s


def health(server: RunningServer) -> tuple[int, str, dict[str, Any]]:
    """Status, Retry-After and body of /health, as a monitor asks it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with closing(connection):
        connection.request("GET", "/health")
        answer = connection.getresponse()
        return answer.status, answer.headers.get("retry-after", ""), json.loads(answer.read())


def is_red(server: RunningServer) -> tuple[int, str, dict[str, Any]] | None:
    found = health(server)
    return found if found[0] == 503 else None


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk") as disk:
        yield disk


async def refused_and_then_admitted(server: RunningServer, begin: Any, end: Any) -> None:
    """Around trouble with writes: a member stays, a joiner is refused with a code, and later let in by the same key."""
    async with TestNode(server.node_url) as member, TestNode(server.node_url) as joiner:
        assert await member.join(server.create_key(), "member") is None
        key = server.create_key()
        assert health(server)[0] == 200
        begin()
        try:
            closed = await joiner.join(key, "joiner")
            assert closed is not None
            assert closed.code is Code.STORE_UNAVAILABLE
            began = time.monotonic()
            red = until(lambda: is_red(server), "health is red", RED_S * 4)
            figures.note("F2: health is red once writes fail", time.monotonic() - began, RED_S)
            assert red is not None
            _, retry, problem = red
            assert (bool(retry), problem["code"]) == (True, "E_STORE_UNAVAILABLE")
            assert member.closed is None, "who is here stays"
            assert server.members().keys() == {"member"}, "reads go on"
        finally:
            end()
        with figures.within(BACK_S, "F2: green and admitting again after writes work"):
            until(lambda: health(server)[0] == 200, "health is green", BACK_S * 10)
            await joiner.disconnect()
            assert await joiner.join(key, "joiner") is None
        await member.until(lambda: "joiner" in member.peers(), "the member is told")


async def test_while_another_program_locks_the_database_admissions_are_refused_and_sessions_stay(
    server: RunningServer,
) -> None:
    server.start()
    with closing(sqlite3.connect(server.data / "warren.db", isolation_level=None)) as other:
        await refused_and_then_admitted(
            server, lambda: other.execute("BEGIN IMMEDIATE"), lambda: other.execute("ROLLBACK")
        )


async def test_a_server_whose_disk_is_full_refuses_with_a_code_and_goes_on_when_there_is_room(disk: SmallDisk) -> None:
    server = RunningServer(disk.folder / "data")
    server.log = disk.folder.parent / "server.log"
    try:
        server.start()
        await refused_and_then_admitted(server, disk.fill, disk.free)
        server.restart()
        assert server.members().keys() == {"member", "joiner"}
    finally:
        server.kill()


@pytest.mark.netlab
def test_a_machine_with_a_full_disk_goes_off_and_says_that_it_is_not_remembered(disk: SmallDisk, lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    machine = Machine(lab.host("a", lan), disk.folder)
    before = machine.host.snapshot()
    machine.up(server, server.key())
    identity = machine.status()["self"]["identity"]
    disk.fill()
    for _ in range(2):  # a wish that could not be written is not one that is kept already
        disk.fill()  # what the daemon was just writing may have left room
        assert "E_STORE_UNAVAILABLE" in machine.run("up", "--force-relay", check=False).stderr
    done = machine.run("down")
    assert "off could not be remembered" in done.stderr
    assert before.difference(machine.host.snapshot()) == []
    until(lambda: machine.host.pids() == set(), "no process is left")
    disk.free()
    machine.run("up")
    assert machine.status()["self"]["identity"] == identity
    until(lambda: machine.status()["health"] == [], "nothing is wrong")
    assert machine.run("down").stderr == ""


@pytest.mark.netlab
def test_a_first_up_on_a_full_disk_says_so_and_leaves_nothing(disk: SmallDisk, lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    machine, key = Machine(lab.host("a", lan), disk.folder), server.key()
    disk.fill()
    words = ("up", "--server", server.url, "--auth-key", key, "--hostname", "a")
    done = machine.run(*words, check=False)
    assert (done.returncode, "E_STORE_UNAVAILABLE" in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
    assert machine.host.pids() == set()
    disk.free()
    assert [path.name for path in disk.folder.iterdir()] == []
    machine.run(*words)
    machine.run("down")


@pytest.mark.netlab
def test_a_machine_whose_disk_is_full_lets_in_no_more_who_was_kicked(disk: SmallDisk, lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    kicked, machine = Machine(lab.host("a", lan), lab.folder), Machine(lab.host("b", lan), disk.folder)
    for one in (kicked, machine):
        one.up(server, server.key())
    address = machine.status()["self"]["addresses"][0]
    ping = ["ping", "-c2", "-W1", address]
    until(lambda: kicked.host.run(ping, check=False).returncode == 0, "they reach each other")
    kicked.host.nft(UNTOLD.format(server=server.host.ip))
    disk.fill()
    server.host.run([WARREN, "member", "kick", "a", "--server", server.data, "--yes"])
    with figures.within(KICKED_S, "F30 with F3: a full disk drops whom the server kicked"):
        until(lambda: not machine.look().peers, "it is gone")
    assert kicked.host.run(ping, check=False).returncode == 1
    until(
        lambda: any(entry["code"] == Code.STORE_UNAVAILABLE for entry in machine.status()["health"]),
        "status says that it could not be written",
    )
    disk.free()
    until(lambda: machine.status()["health"] == [], "it is written after all", 60.0)
