"""The owner's device is gone: two of three admins make another root, the old one is worth nothing, machines ping on."""

import json
from typing import Any

import pytest
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.until import until

pytestmark = pytest.mark.netlab


def recovery(machine: Machine) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(machine.run("network", "recovery", "status", "--json").stdout)
    return shown


def test_two_of_three_admins_recover_a_lost_root(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    owner, anna, ben = (Machine(lab.host(name, lan), lab.folder) for name in ("owner", "anna", "ben"))
    server.start()
    key = server.key("--reusable")
    joining = [
        one.start("up", "--server", server.url, "--auth-key", key, "--hostname", one.name) for one in (owner, anna, ben)
    ]
    assert [one.wait(60) for one in joining] == [0, 0, 0]
    until(
        lambda: all(len(one.look().peers) == 2 for one in (owner, anna, ben)),
        "they joined at once, and know each other",
    )
    owner.run("network", "take-over", "--server", str(server.data), "--yes")
    owner.run("network", "lock", "--yes")  # makes the owner's machine an admin's
    for name in ("anna", "ben"):
        owner.run("member", "promote", name, "--yes")
    set_up = owner.run("network", "recovery", "set", "--quorum", "2", "owner", "anna", "ben", "--yes")
    assert "2 of these may replace it" in set_up.stderr
    lost = owner.run("network", "root", "export").stdout.strip()
    until(lambda: recovery(ben)["quorum"] == 2, "ben knows who may recover the network")
    before = recovery(anna)["root"]
    assert anna.run("network", "recovery", "sign", "--yes", check=False).returncode == 1  # nothing is proposed

    started = anna.run("network", "recovery", "start", "--yes")
    until(lambda: recovery(ben)["proposals"], "ben sees the proposal")
    (proposal,) = recovery(ben)["proposals"]
    assert proposal["words"] in started.stderr
    assert recovery(ben)["root"] == before  # one of two is not enough
    signed = ben.run("network", "recovery", "sign", "--yes")
    assert proposal["words"] in signed.stderr
    for one in (owner, anna, ben):
        until(lambda one=one: recovery(one)["root"] == proposal["root"], f"{one.name} has the new root")  # type: ignore[misc]
    ben.run("ping", "anna", "-c", "1")

    refused = owner.run("network", "unlock", "--yes", check=False)  # with the root key that was lost
    assert refused.returncode == 1
    assert "E_FORBIDDEN" in refused.stderr
    assert owner.run("network", "root", "import", lost, check=False).returncode == 1
    anna.run("network", "unlock", "--yes")  # and the new one does what a root does
    until(lambda: not ben.look().networks[0].locked, "ben sees that the new root unlocked")
    anna.run("network", "root", "change", "--yes")
    until(lambda: recovery(owner)["changes"] == 2, "the owner's machine has the third root")
    until(lambda: {peer.name for peer in owner.look().peers} == {"anna", "ben"}, "whom it has still")
    owner.run("ping", "ben", "-c", "1")
