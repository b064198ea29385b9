"""An owner's day on real machines: take the root over, lock, approve by words, invite, kick; a backup is told."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from tests.faults import figures
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

APPROVED_WITHIN_S = 2.0
KICKED_WITHIN_S = 2.0


def peers(machine: Machine) -> set[str]:
    return {peer.name for peer in machine.look().peers}


def farewells(server: Server) -> list[str]:
    with closing(sqlite3.connect(server.data / "warren.db", timeout=5.0)) as database:
        return [name for (name,) in database.execute("SELECT hostname FROM members WHERE farewell IS NOT NULL")]


def test_an_owner_locks_approves_invites_and_kicks(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    a, b, c, d = (Machine(lab.host(name, lan), lab.folder) for name in "abcd")
    server.start()
    key = server.key("--reusable")
    joining = [one.start("up", "--server", server.url, "--auth-key", key, "--hostname", one.name) for one in (a, b)]
    assert [one.wait(60) for one in joining] == [0, 0]
    until(lambda: (peers(a), peers(b)) == ({"b"}, {"a"}), "they joined at once, and know each other")

    refused = a.run("network", "lock", "--yes", check=False)
    assert refused.returncode == 1
    assert "E_FORBIDDEN" in refused.stderr
    a.run("network", "take-over", "--server", str(server.data), "--yes")
    locked = a.run("network", "lock", "--yes")
    assert "b (" in locked.stderr  # it shows whom it keeps
    until(lambda: b.look().networks[0].locked, "b sees the lock")
    until(lambda: peers(a) == {"b"}, "a keeps b")

    waiting = c.run("up", "--server", server.url, "--auth-key", key, "--hostname", "c", "--timeout", "1s", check=False)
    assert waiting.returncode == 1
    assert "E_WAITING" in waiting.stderr
    (machine,) = json.loads(a.run("member", "waiting", "--json").stdout)["machines"]
    assert machine["name"] == "c"
    assert machine["code"] in waiting.stderr
    wrong = a.run("member", "approve", "c", "--code", "zebra zebra zebra zebra zebra", "--yes", check=False)
    assert wrong.returncode == 1
    with figures.within(APPROVED_WITHIN_S, "`warren member approve` until the machine and a peer have each other"):
        a.run("member", "approve", "c", "--code", machine["code"], "--yes")
        until(lambda: "c" in peers(b) and "b" in peers(c), "c is in")
    c.run("ping", "b", "-c", "1")

    link = a.run("invite", "create", "--hostname", "d", "--yes").stdout.strip()
    d.run("up", "--invite", link, "--ephemeral")
    until(lambda: "d" in peers(b), "d is in")
    until(lambda: farewells(server) == ["d"], "d's own word that it leaves, for when it has gone, is with the server")
    d.run("ping", "b", "-c", "1")

    backup = lab.folder / "backup"
    assert server.process is not None
    server.process.kill()
    shutil.copytree(server.data, backup, ignore=shutil.ignore_patterns("*.sock"))
    server.start()
    until(lambda: a.look().networks[0].server.state == "connected", "a is back")
    a.run("member", "promote", "b", "--yes")
    until(lambda: b.run("member", "waiting", check=False).returncode == 0, "b is an admin")
    with figures.within(KICKED_WITHIN_S, "`warren member kick` in a locked network until all peers have shut it out"):
        b.run("member", "kick", "c", "--yes")
        until(lambda: "c" not in peers(a) | peers(b) | peers(d), "c is gone")
    server.process.kill()  # and the server comes back from before the kick
    shutil.rmtree(server.data)
    shutil.copytree(backup, server.data)
    server.start()
    for one in (a, b, d):
        until(lambda one=one: one.look().networks[0].server.state == "connected", f"{one.name} is back")  # type: ignore[misc]
        assert "c" not in peers(one)
    assert c.run("ping", "b", "-c", "1", "--timeout", "1s", check=False).returncode != 0
