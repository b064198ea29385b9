"""A machine changes its WireGuard key under traffic: not one packet is lost, and the peer has only heard of it."""

import json

import pytest
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.stream import unanswered

pytestmark = pytest.mark.netlab

AFTERWARDS = 50  # answers, ten a second: the peer hears of the new key and begins a session with it


def test_a_key_changes_under_traffic_and_nothing_is_lost(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    a, b = (Machine(lab.host(name, lan), lab.folder) for name in "ab")
    key = server.key("--reusable")
    a.up(server, key)
    b.up(server, key)
    a.run("ping", "b", "-c", "1")
    address = b.status()["self"]["addresses"][0]
    pings = a.host.start(["ping", "-n", "-i", "0.1", address])
    pings.wait_for("bytes from", times=10)
    changed = json.loads(b.run("rekey", "--json").stdout)
    assert changed["before"] != changed["after"]
    pings.wait_for("bytes from", times=pings.output().count("bytes from") + AFTERWARDS)
    assert unanswered(pings.output()) == 0
    b.run("down")  # with the new key first and the former one beside it, also after a start
    b.run("up")
    assert "pong from b" in a.run("ping", "b", "-c", "1").stdout
