"""A machine changes its WireGuard key under traffic: not one packet is lost, and the peer has only heard of it."""

import json
import re

import pytest
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server

pytestmark = pytest.mark.netlab


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
    pings = a.host.start(["ping", "-i", "0.1", "-w", "9", "-q", address])
    changed = json.loads(b.run("rekey", "--json").stdout)
    assert changed["before"] != changed["after"]
    pings.wait(30)
    sent, received = map(int, re.findall(r"(\d+) packets transmitted, (\d+) received", pings.output())[0])
    assert sent > 50
    assert received == sent
    b.run("down")  # with the new key first and the former one beside it, also after a start
    b.run("up")
    assert "pong from b" in a.run("ping", "b", "-c", "1").stdout
