"""F1 (SQLite): the server dies in the middle of admissions, at failpoints and at random moments.

What it acknowledged is there afterwards, members and records, nothing is there twice, no key was used twice, and who
heard no answer asks again and is let in. Machines that are joined already notice nothing: their packets go on.
"""

import asyncio
import os
import random  # noqa: TID251 - only its type; every case gets a seeded one
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.faults import figures
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.stream import unanswered
from tests.netlab.until import until
from tests.server.node import TestNode
from tests.server.running import RunningServer

from warren.errors import Code
from warren.failpoints import SWITCH, VARIABLE

SESSIONS_BACK_S = 10.0  # from the start of the new process until every member has its session and map
MACHINES = figures.times(8, 20)
ROUNDS_A_FOLDER = figures.times(6, 4)  # then begun anew: maps of thousands would measure something else
LOST_PACKETS = 0
PLACES = ("admission.consumed", "admission.written", "admission.committed", "record.written", "record.committed")


class JoiningNode(TestNode):
    """Keeps the records that it asked the server to keep, and from which on one of them was acknowledged."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: list[bytes] = []
        self.acknowledged_to = 0

    def record(self) -> bytes:
        self.asked.append(super().record())
        return self.asked[-1]

    def acknowledge(self) -> None:
        """The server answered for all that was asked so far: what it keeps is the last of them or a later one."""
        self.acknowledged_to = len(self.asked) - 1


class Round:
    """So many machines that join at once while the server dies; the first two share one single-use key."""

    def __init__(self, server: RunningServer, number: int) -> None:
        self.server = server
        keys = [server.create_key() for _ in range(MACHINES - 1)]
        self.keys = [keys[0], *keys]
        self.nodes = [JoiningNode(server.node_url) for _ in self.keys]
        self.names = [f"r{number}n{index}" for index in range(MACHINES)]
        self.acknowledged: dict[bytes, bytes] = {}

    async def join_until_killed(self, after_s: float | None) -> None:
        """One joins and has a second record acknowledged; then all do, and the server is killed after `after_s`, or
        kills itself at its failpoint."""
        await self._join(MACHINES - 1)
        assert self.nodes[-1].acknowledged_to == 1
        joins = [asyncio.create_task(self._join(index)) for index in range(MACHINES - 1)]
        if after_s is not None:
            await asyncio.sleep(after_s)
            os.kill(self.server.pid, signal.SIGKILL)
        await asyncio.gather(*joins)
        for node in self.nodes:
            await node.disconnect()
            if node.membership:
                self.acknowledged[node.identity] = node.membership
        assert self.server.wait() == -signal.SIGKILL, "its failpoint was not reached"

    async def _join(self, index: int) -> None:
        node = self.nodes[index]
        try:
            if await node.join(self.keys[index], self.names[index]) is None:
                node.acknowledge()
                node.wireguard = os.urandom(32)  # a further write: its newest record
                if (await node.publish(node.record())).code == "":
                    node.acknowledge()
        except (OSError, TimeoutError, AssertionError, EOFError):
            return  # the line went, or never came
        except Exception as error:
            if type(error).__module__.startswith("websockets"):
                return
            raise

    def check_records(self) -> int:
        """The server has of each machine the record that it acknowledged or one asked for later; how many second ones
        it acknowledged."""
        stored = stored_records(self.server.data / "warren.db")
        for node in self.nodes:
            if node.identity in self.acknowledged:
                assert stored[node.identity] in node.asked[node.acknowledged_to :], "an acknowledged record is lost"
        return sum(node.acknowledged_to > 0 for node in self.nodes)

    async def all_return(self) -> list[JoiningNode]:
        """Who was let in resumes, who heard nothing asks again; returns who is out: the loser of the shared key."""
        refused = await asyncio.gather(*(self._return(index) for index in range(MACHINES)))
        lost = [node for node, is_out in zip(self.nodes, refused, strict=True) if is_out]
        assert len(lost) <= 1
        assert not {node.identity for node in lost} & self.acknowledged.keys()
        return lost

    async def _return(self, index: int) -> bool:
        node = self.nodes[index]
        if node.identity in self.acknowledged:
            assert await node.resume() is None
            assert node.membership == self.acknowledged[node.identity]
            return False
        closed = await node.join(self.keys[index], self.names[index])
        if closed is None:
            return False
        assert closed.code is Code.KEY_USED
        assert index < 2
        return True

    async def close(self) -> None:
        """Drop every line."""
        for node in self.nodes:
            await node.disconnect()


def stored_records(path: Path) -> dict[bytes, bytes]:
    """The records in the database, by machine."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT subject, raw FROM documents WHERE kind = 'record'").fetchall())


def check_database(path: Path, identities: set[bytes]) -> None:
    """Each member once, in every table; no key used twice."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        members = [row[0] for row in database.execute("SELECT identity FROM members WHERE removed_at IS NULL")]
        assert sorted(members) == sorted(identities)
        for kind in ("membership", "record"):
            rows = database.execute("SELECT subject FROM documents WHERE kind = ?", (kind,)).fetchall()
            assert sorted(row[0] for row in rows) == sorted(identities)
        assert database.execute("SELECT max(uses) FROM join_keys").fetchone()[0] == 1
        used = database.execute("SELECT count(*) FROM join_keys WHERE uses > 0").fetchone()[0]
        joined = database.execute("SELECT count(*) FROM audit WHERE action LIKE '%joined%'").fetchone()[0]
        assert used == joined == len(identities)
        taken = database.execute('SELECT count(DISTINCT "offset"), count(DISTINCT hostname) FROM members').fetchone()
        assert taken == (len(identities), len(identities))


def next_death(rng: random.Random, number: int, joins_take_s: float) -> tuple[dict[str, str], float | None]:
    """The environment for the server, and after how long it is killed from outside if it does not do so itself."""
    is_first_time = number < len(PLACES)  # so that the short count is at each of them
    if number % 2 and not is_first_time:
        return {}, rng.uniform(0.0, joins_take_s)
    place = PLACES[number if is_first_time else number // 2 % len(PLACES)]
    return {SWITCH: "yes", VARIABLE: f"{place}:kill@{rng.randint(2, MACHINES - 2)}"}, None


@pytest.mark.timeout(3600)
async def test_what_a_killed_server_acknowledged_is_there_and_nothing_twice(tmp_path: Path) -> None:
    rng, rounds = figures.new_rng("server killed"), figures.times(len(PLACES) + 1, 200)
    back = figures.Slowest("F1: start of the killed server until all sessions are back", SESSIONS_BACK_S)
    joins_take_s, acknowledged, in_doubt, records = 0.5, 0, 0, 0
    members: set[bytes] = set()
    server = RunningServer(tmp_path / "data")
    try:
        for number in range(rounds):
            if number % ROUNDS_A_FOLDER == 0:
                server.kill()
                server, members = RunningServer(tmp_path / f"data{number}"), set()
            server.env, after_s = next_death(rng, number, joins_take_s)
            if server.env:  # else the one that came back from the last death does
                server.kill()
                server.start()
            one = Round(server, number)
            began = time.monotonic()
            await one.join_until_killed(after_s)
            if after_s is None:
                joins_take_s = max(0.3, time.monotonic() - began)
            server.env = {}
            with back.measure():
                await asyncio.to_thread(server.start)
                records += one.check_records()
                lost = await one.all_return()
            one.check_records()
            members |= {node.identity for node in one.nodes} - {node.identity for node in lost}
            check_database(server.data / "warren.db", members)
            await one.close()
            acknowledged += len(one.acknowledged)
            in_doubt += MACHINES - len(one.acknowledged)
    finally:
        server.kill()
        kills = len(back.all)
        figures.tell(
            f"F1: {kills} kills, {acknowledged} joins and {records} further records acknowledged before them,"
            f" {in_doubt} joins in doubt"
        )
    back.close()


@pytest.mark.netlab
def test_packets_go_on_while_the_server_dies_and_comes_back(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    key = server.key("--reusable")
    a, b = (Machine(lab.host(name, lan), lab.folder) for name in "ab")
    a.up(server, key)
    b.up(server, key)
    a.run("ping", "b", "-c", "1", "--timeout", "30s")
    address = b.status()["self"]["addresses"][0]
    flow = a.host.start(["ping", "-n", "-i", "0.02", address])
    assert server.process is not None
    back = figures.Slowest("F1: start of the killed server until machines have their sessions back", SESSIONS_BACK_S)
    for _ in range(figures.times(1, 5)):
        server.process.kill()
        until(lambda: not (is_connected(a) or is_connected(b)), "both have noticed")
        with back.measure():
            server.start()
            until(lambda: is_connected(a) and is_connected(b), "both are back", SESSIONS_BACK_S * 3)
    flow.wait_for("bytes from", times=flow.output().count("bytes from") + 25)
    flow.stop()
    answered, lost = flow.output().count("bytes from"), unanswered(flow.output())
    figures.note(f"F1: lost beside {answered} packets while the server was killed", lost, LOST_PACKETS, "packets")
    back.close()


def is_connected(machine: Machine) -> bool:
    return bool(machine.look().networks[0].server.state == "connected")
