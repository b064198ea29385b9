"""`warren netcheck` on real machines: what the lab built is what it says, with a daemon and without one."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.faults import figures
from tests.netlab import nat
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.miniupnpd import WAN, Home
from tests.netlab.obstacles import no_udp
from tests.netlab.until import until

pytestmark = pytest.mark.netlab


def netcheck(machine: Machine, *words: str) -> dict[str, Any]:
    """`warren netcheck --json`, whatever its exit code."""
    done = machine.run("netcheck", "--json", *words, check=False)
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_behind_a_home_router_that_maps_ports_all_is_well(lab: Lab) -> None:
    internet = lab.switch("internet", **WAN)
    server = Server(lab.host("server", internet), lab.folder)
    home = Home(lab, internet)
    home.start()
    server.start()
    machine = Machine(lab.host("a", home.lan), lab.folder)
    machine.up(server, server.key())
    found = netcheck(machine)
    assert found["udp"] is True
    assert found["captive_portal"] is False
    gateways = {one["family"]: one for one in found["gateways"]}
    assert gateways[4]["protocols"] == {"pcp": "present", "nat-pmp": "present", "upnp": "present"}
    assert gateways[4]["external"].startswith(f"{home.router.outside}:")
    assert gateways[6]["external"].startswith(f"[{machine.host.ip6}]:")
    assert [one["home"] for one in found["relays"]] == [True]
    assert found["relays"][0]["latency_ms"] < 500 * figures.beside_others()
    text = machine.run("netcheck").stdout
    assert text.splitlines()[-1].startswith("All is well: the router maps a port")


def test_blocked_udp_is_named_and_what_carries_instead(lab: Lab) -> None:
    internet, flat = lab.switch("internet", **WAN), lab.switch("flat")
    server = Server(lab.host("server", internet), lab.folder)
    router = lab.router("router", wan=internet, lan=flat, nat=nat.home)
    router.put(no_udp)
    machine = Machine(lab.host("a", flat), lab.folder)
    server.start()
    machine.up(server, server.key())
    until(lambda: netcheck(machine, "--timeout", "5s")["udp"] is False, "blocked UDP is known", 30.0)
    done = machine.run("netcheck", check=False)
    assert done.returncode == 1
    assert "UDP is blocked here" in done.stdout


def test_what_one_server_alone_cannot_know_and_a_frozen_one_does_not_say_is_not_made_up(lab: Lab) -> None:
    internet, flat = lab.switch("internet", v4="203.0.113.0/24"), lab.switch("flat", v6=None)
    server = Server(lab.host("server", internet), lab.folder)
    lab.router("router", wan=internet, lan=flat, nat=nat.symmetric)
    machine = Machine(lab.host("a", flat), lab.folder)
    server.start()
    machine.up(server, server.key())
    until(lambda: "one place alone cannot tell" in netcheck(machine)["advice"], "a symmetric NAT is not called well")
    machine.run("up", "--force-relay")
    assert "--no-force-relay" in netcheck(machine)["advice"]
    machine.run("up", "--no-force-relay")
    frozen = server.host.pids()
    try:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        until(lambda: netcheck(machine)["advice"].startswith("No relay answers"), "a frozen server is noticed", 20.0)
        found = netcheck(machine)
        assert found["udp"] is None
        assert found["ipv4"]["works"] is not True
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


STUN = """
import socket
from ipaddress import ip_address
from warren.model.addresses import Endpoint
from warren.wire import stun
port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
port.bind(("", stun.DEFAULT_PORT))
print("ready", flush=True)
while True:
    asked, sender = port.recvfrom(2048)
    request = stun.decode_binding_request(asked)
    seen = Endpoint(ip_address(sender[0]), sender[1])
    port.sendto(stun.encode_binding_response(stun.BindingSuccess(request.transaction, seen)), sender)
"""


def test_without_a_daemon_the_server_is_asked_by_the_command(lab: Lab) -> None:
    internet, flat = lab.switch("internet", **WAN), lab.switch("flat")
    server = lab.host("server", internet)
    router = lab.router("router", wan=internet, lan=flat, nat=nat.home)
    laptop = lab.host("laptop", flat)
    server.start([sys.executable, "-c", STUN]).wait_for("ready")
    env = {**os.environ, "WARREN_STATE": str(lab.folder / "none")}
    words: list[str | Path] = [WARREN, "netcheck", "--json", "--timeout", "5s", "--server", f"http://{server.ip}:8443"]
    found = json.loads(laptop.run(words, env=env).stdout)
    assert found["asked_by"] == "command"
    assert found["udp"] is True
    assert found["ipv4"]["mapped"].startswith(f"{router.outside}:")
    assert found["captive_portal"] is None, "nobody answers HTTP there"
    silent = laptop.run([WARREN, "netcheck"], env=env, check=False)
    assert silent.returncode == 3
    assert "--server URL" in silent.stderr
