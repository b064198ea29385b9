"""F35: the folder of a machine or of the server is brought back from an older copy, as a snapshot of a disk would be.

A machine learns its own newest record before it publishes another. A server sees that its nodes know more, and asks
them before it serves maps; nodes keep what they know all the while.
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.faults import figures
from tests.faults.invariants import Untouched
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.until import until

from warren.failpoints import SWITCH, VARIABLE
from warren.node import keys as node_keys
from warren.node.ledger import open_ledger
from warren.node.storage import Store

pytestmark = pytest.mark.netlab

LEARNED_S = 10.0  # from the start of the restored program until those that are there agree again
LATER = 7  # the number of the record that the machine had published when its copy was brought back


class Lan:
    """A server and four machines on a LAN, none joined."""

    def __init__(self, lab: Lab) -> None:
        lan = lab.switch("lan")
        self.server = Server(lab.host("server", lan), lab.folder)
        self.server.start()
        self.machines = [Machine(lab.host(name, lan), lab.folder) for name in "abcd"]
        self.untouched = Untouched(*self.machines)
        self.key = self.server.key("--reusable")

    def members(self) -> set[str]:
        """As the server lists them."""
        words: list[str | Path] = [WARREN, "member", "list", "--server", self.server.data, "--json"]
        return {one["name"] for one in json.loads(self.server.host.run(words).stdout)["members"]}

    def stop_server(self) -> None:
        """In order, so that the copy is whole."""
        assert self.server.process is not None
        for pid in self.server.host.pids():  # `ip netns exec` execs, so this is the server (and its front)
            with suppress(ProcessLookupError):  # the front goes with the server
                os.kill(pid, signal.SIGTERM)
        self.server.process.wait(60.0)


@pytest.fixture
def lan(lab: Lab) -> Iterator[Lan]:
    lan = Lan(lab)
    yield lan
    assert lan.untouched.left() == []


def server_state(machine: Machine) -> str:
    return str(machine.status()["networks"][0]["server"]["state"])


def reaches(one: Machine, other: Machine) -> bool:
    return one.run("ping", other.name, "-c", "1", "--timeout", "1s", check=False).returncode == 0


def peers(machine: Machine) -> set[str]:
    return {peer["name"] for peer in machine.status()["peers"]}


def newest_record(state: Path) -> int:
    """The number of the machine's own record that it holds."""
    (folder,) = (state / "networks").iterdir()
    store = Store(folder, lambda _: None)
    ledger = open_ledger(store)
    ledger.load(time.time())
    assert ledger.held is not None
    record = ledger.held.view.members[node_keys.load(store).identity.public].record
    assert record is not None
    return record.counter


def test_a_machine_brought_back_from_a_copy_learns_its_newest_record_first(lan: Lan, tmp_path: Path) -> None:
    a, b, *_ = lan.machines
    a.up(lan.server, lan.key)
    b.up(lan.server, lan.key)
    a.run("down")
    shutil.copytree(a.state, tmp_path / "copy")
    a.host.run([sys.executable, "-m", "tests.faults.later_self", a.state, lan.server.url, str(LATER)])
    shutil.rmtree(a.state)
    shutil.copytree(tmp_path / "copy", a.state)
    a.env = {SWITCH: "yes", VARIABLE: "record.published:kill"}  # the server has its record, its own disk has not
    a.run("up", check=False)
    until(lambda: a.daemon_pid() is None, "the daemon died when it had published")
    a.env = {}
    with figures.within(LEARNED_S, "F35: a machine brought back from a copy is reached again"):
        a.run("up")
        until(lambda: reaches(b, a), "b reaches a")
    until(lambda: a.status()["health"] == [], "nothing is wrong")
    a.run("down")
    assert newest_record(a.state) == LATER + 1


def test_a_server_brought_back_from_a_copy_learns_from_its_machines_before_it_serves_maps(
    lan: Lan, tmp_path: Path
) -> None:
    """Since the copy was made b was kicked, c joined, and a key for one use was used up by c."""
    a, b, c, d = lan.machines
    a.up(lan.server, lan.key)
    b.up(lan.server, lan.key)
    single = lan.server.key()
    unused = lan.server.key()
    lan.stop_server()
    shutil.copytree(lan.server.data, tmp_path / "copy")
    lan.server.start()
    until(lambda: server_state(a) == "connected", "a is back", 60.0)
    lan.server.host.run([WARREN, "member", "kick", "b", "--keep-key", "--server", lan.server.data, "--yes"])
    c.up(lan.server, single)
    until(lambda: peers(a) == {"c"}, "a knows c and forgot b", LEARNED_S * 6)
    until(lambda: reaches(a, c), "a reaches c")

    lan.stop_server()
    shutil.rmtree(lan.server.data)
    shutil.copytree(tmp_path / "copy", lan.server.data)
    lan.server.start()
    with figures.within(LEARNED_S, "F35: a server brought back from a copy knows what its machines know"):
        until(lambda: lan.members() == {"a", "c"}, "the server knows c again and that b was kicked", 90.0)
    assert peers(a) == {"c"}, "what a has seen does not go back: b stays out, c stays in"
    until(lambda: reaches(a, c), "a reaches c")
    until(lambda: server_state(c) == "connected", "c has its session", 60.0)
    for used in (single, unused):
        done = d.run("up", "--server", lan.server.url, "--auth-key", used, "--hostname", "d", check=False)
        assert (done.returncode, "E_KEY_" in done.stderr) == (1, True), "who used it meanwhile, the copy cannot say"
    with figures.within(LEARNED_S, "F35: who joins a server brought back from a copy is reached"):
        d.up(lan.server, lan.key)
        until(lambda: peers(a) == {"c", "d"}, "a takes the new member")
        until(lambda: reaches(a, d), "a reaches d")
    until(lambda: reaches(c, d), "c reaches d")
    until(lambda: peers(d) == {"a", "c"}, "d knows both")
    for one in (a, c, d):
        until(lambda one=one: one.status()["health"] == [], f"nothing is wrong with {one.name}")  # type: ignore[misc]
