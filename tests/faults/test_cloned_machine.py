"""F17: a state folder that was copied to another machine. Both say so, neither fights for the session."""

import http.client
import shutil
import socket
import time
from pathlib import Path

import pytest
from tests.faults.figures import FULL, note, within
from tests.faults.invariants import Untouched
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

MAPS_A_SECOND = 0.1  # that a third machine hears because of the two
WATCHED_S = 300.0
REIDENTIFIED_S = 10.0
MARKED_S = 45.0  # both, from the second one's start: one wait of a machine that was taken over (13 to 20 s), and room


def test_a_machine_and_its_copy_are_both_marked_and_do_not_fight(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    a, b, copy = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b", "copy"))
    untouched = Untouched(a, b, copy)
    server.start()
    key = server.key("--reusable")
    a.up(server, key)
    b.up(server, key)
    b.run("ping", "a", "-c", "1", "--timeout", "10s")
    shutil.copytree(a.state, copy.state)
    before, began = maps(server), time.monotonic()
    copy.run("up")
    until(lambda: is_marked(a), "the first is marked", MARKED_S * 2)
    until(lambda: is_marked(copy), "the copy is marked", MARKED_S * 2)
    note("both are marked as duplicates", time.monotonic() - began, MARKED_S)
    if FULL:
        ended = began + WATCHED_S
        until(lambda: time.monotonic() > ended, "the watch is over", WATCHED_S + 5.0)
    # each takeover costs the taker a whole map beside what others hear; the first belongs to no second yet
    heard = (maps(server) - before) / 2 - 1
    note("map updates a second for a third machine", heard / (time.monotonic() - began), MAPS_A_SECOND, "1/s")
    assert is_marked(a)
    assert is_marked(copy)
    (entry,) = (entry for entry in a.status()["health"] if entry["code"] == "duplicate")
    assert "warren reidentify" in entry["fix"]
    until(lambda: b.status()["health"] == [], "nothing is wrong with b")

    identity = a.status()["self"]["identity"]
    with within(REIDENTIFIED_S, "a copy becomes a machine of its own"):
        copy.run("reidentify", "--auth-key", key, "--hostname", "copy", "--yes")
        until(lambda: b.run("ping", "copy", "-c", "1", "--timeout", "1s", check=False).returncode == 0, "b reaches it")
    assert copy.status()["self"]["identity"] != identity
    until(lambda: copy.status()["health"] == [], "nothing is wrong with it any more")
    until(
        lambda: b.run("ping", "a", "-c", "1", "--timeout", "1s", check=False).returncode == 0, "b reaches a as before"
    )
    assert a.status()["self"]["identity"] == identity
    copy.run("down")
    copy.run("up")
    assert copy.status()["self"]["name"] == "copy"
    assert untouched.left() == []


def test_a_key_that_does_not_admit_leaves_the_machine_what_it_was(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    a, b = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b"))
    server.start()
    used = server.key()
    a.up(server, server.key())
    b.up(server, used)
    before = a.status()["self"]
    for refused, words in (("E_KEY_USED", (used,)), ("E_HOSTNAME_TAKEN", (server.key(), "--hostname", "b"))):
        done = a.run("reidentify", "--auth-key", *words, "--yes", check=False)
        assert (done.returncode, refused in done.stderr) == (1, True), done.stderr
        until(lambda: a.status()["self"] == before, "it is what it was")
    until(lambda: b.run("ping", "a", "-c", "1", "--timeout", "1s", check=False).returncode == 0, "b reaches it")
    a.run("reidentify", "--yes")
    assert a.status()["self"] is None
    assert server.key().startswith("wk.")


def is_marked(machine: Machine) -> bool:
    return "duplicate" in {entry["code"] for entry in machine.status()["health"]}


def maps(server: Server) -> float:
    """How many maps the server has sent to anybody."""
    text = scrape(server.data)
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("warren_maps_sent_total "))


def scrape(data: Path) -> str:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(data / "admin.sock"))
    connection.request("GET", "/metrics")
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer
