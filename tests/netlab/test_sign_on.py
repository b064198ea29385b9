"""Joining by signing on: a machine without a key shows a code, a person approves it elsewhere, the machine is in; and
so it is renewed."""

import json
import os
import re
import sys
import time
from pathlib import Path

import pytest
from tests.faults import figures
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.until import until
from tests.provider.running import RunningProvider, installed

pytestmark = pytest.mark.netlab

PASSWORD = "four words nobody joins"
DISABLED_TO_CUT_S = 2.0
APPROVED_TO_PING_S = 2.0


def test_a_machine_joins_when_its_person_approves_the_code_that_it_shows(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.url = server.url.replace("http:", "https:")
    server.flags = ("--machine-days", "30")
    server.start()
    a, b, desk = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b", "desk"))
    a.up(server, server.key())
    create: list[str | Path] = [
        WARREN,
        "user",
        "create",
        "alice",
        "--admin",
        "--password",
        "-",
        "--server",
        server.data,
    ]
    server.host.run([*create, "--server", server.data], stdin=PASSWORD + "\n")
    trusting = {**os.environ, "SSL_CERT_FILE": str(server.data / "tls" / "auto.crt")}
    b.env = {"SSL_CERT_FILE": trusting["SSL_CERT_FILE"]}
    joining = b.start("up", "--server", server.url, "--hostname", "b")
    said = joining.wait_for("and type")
    code = re.search(r"type ([A-Z]{4}-[A-Z]{4})", said)
    assert code is not None
    assert server.process is not None
    server.process.kill()  # while the person goes for their telephone
    joining.wait_for("still waiting")
    server.start()
    person = [sys.executable, "-m", "tests.netlab.person", server.url, "alice", PASSWORD, code[1], "default"]
    pressed_at = float(desk.host.run(person, env=trusting).stdout)
    assert joining.wait(90) == 0, joining.output()
    b.run("ping", "a", "-c", "1")
    took_s = time.monotonic() - pressed_at
    figures.note("from pressing 'approve' in the browser to the first answered ping", took_s, APPROVED_TO_PING_S)
    members = json.loads(a.host.run([WARREN, "member", "list", "--server", server.data, "--json"]).stdout)["members"]
    assert {one["name"]: bool(one["user"]) for one in members} == {"a": False, "b": True}

    def ends() -> float:
        found: float = json.loads(b.run("whoami", "--json").stdout)["networks"][0]["expires"]
        return found

    first = ends()
    renewing = b.start("up", "--renew")
    code = re.search(r"type ([A-Z]{4}-[A-Z]{4})", renewing.wait_for("and type"))
    assert code is not None
    person[-2] = code[1]
    desk.host.run(person, env=trusting)
    assert renewing.wait(90) == 0, renewing.output()
    until(lambda: ends() > first, "the later end comes with the map")


def test_a_machine_joins_by_a_provider_and_goes_with_its_person(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.url = server.url.replace("http:", "https:")
    people = {"anna": {"email": "anna@corp.example", "email_verified": True, "groups": ["ops"]}}
    provider = RunningProvider(9000, server.url, "corp", people)
    file = lab.folder / "providers.toml"
    file.write_text(provider.toml(lab.folder / "secret", domains=["corp.example"]))
    server.flags = ("--providers", str(file))
    running = server.host.start(["env", "-C", str(installed()), *provider.words()])
    server.start()
    running.wait_for("ready")
    trusting = {"SSL_CERT_FILE": str(server.data / "tls" / "auto.crt")}
    b = Machine(lab.host("b", lan), lab.folder)
    b.env = trusting
    joining = b.start("up", "--server", server.url, "--hostname", "b")
    code = re.search(r"type ([A-Z]{4}-[A-Z]{4})", joining.wait_for("and type"))
    assert code is not None
    # the provider is on this host's loopback, as it has no TLS; so is the browser
    person = [sys.executable, "-m", "tests.browser.provider_pages", server.url, "Corp", "anna", code[1], "corp-example"]
    server.host.run(person, timeout_s=90)
    assert joining.wait(90) == 0, joining.output()

    a = Machine(lab.host("a", lan), lab.folder)
    a.up(server, server.key("--network", "corp-example"))
    a.run("ping", "b", "-c", "1")
    users = json.loads(server.host.run([WARREN, "user", "list", "--server", server.data, "--json"]).stdout)["users"]
    (anna,) = users
    assert (anna["issuer"], anna["subject"], anna["groups"]) == (provider.issuer, "anna", ["ops"])
    server.host.run([WARREN, "user", "disable", anna["id"], "--server", server.data])
    with figures.within(DISABLED_TO_CUT_S, "from disabling a person until a machine of theirs is cut off"):
        until(lambda: not a.look().peers, "a has no peer any more")
    assert b.run("ping", "a", "-c", "1", check=False).returncode == 1


def test_without_tls_nobody_is_asked_to_sign_on(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    machine = Machine(lab.host("a", lan), lab.folder)
    refused = machine.run("up", "--server", server.url, check=False)
    assert refused.returncode == 1
    assert "E_NOT_A_MEMBER" in refused.stderr
    assert "https:// only" in refused.stderr
    assert machine.daemon_pid() is None
