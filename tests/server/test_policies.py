"""A policy that names who is not there: said where it is set, shown and checked, and refused nowhere."""

import json
from pathlib import Path

import pytest
from tests.server.running import RunningServer
from tests.server.test_accounts import Person
from tests.server.test_route_table import let_in

from warren.cli.main import main

RULE = '{"version": 1, "rules": [{"from": ["user:%s", "group:nope"], "to": ["*"]}]}'


def test_users_and_groups_that_a_network_does_not_have_are_told(
    server: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner, known, elsewhere = Person(server), Person(server), Person(server)
    assert owner.call("POST", "/api/v1/networks", {"name": "named"})[0] == 201
    let_in(owner, known, "named")
    path = "/api/v1/networks/named/policy"
    before = owner.call("GET", path)[1]
    assert before["warnings"] == []

    text = RULE % known.user.id
    status, checked = owner.call("PUT", path, {"text": text, "check": True})
    assert (status, checked["problems"], len(checked["warnings"])) == (200, [], 1)
    assert "group 'nope'" in checked["warnings"][0]["text"]
    assert owner.call("GET", path)[1] == before, "nothing was set"
    assert owner.call("PUT", path, {"text": text}) == (200, checked)
    assert owner.call("GET", path)[1] == checked
    stranger = owner.call("PUT", path, {"text": RULE % elsewhere.user.id, "check": True})[1]["warnings"]
    assert len(stranger) == 2, "of another network's people nothing is told"
    assert owner.call("PUT", path, {"text": "{}", "check": True})[1]["problems"][0]["text"] == "'version' is missing"

    file = tmp_path / "policy.json"
    file.write_text(RULE % "alice")
    assert main(["policy", "check", str(file)]) == 0
    assert capsys.readouterr().out == ""
    named = ["policy", "check", str(file), "--network", "named", "--server", str(server.data)]
    assert main(named) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("! line 1, column 36: no user of this network has the id 'alice'")
    assert main([*named, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["warnings"]) == 2
    assert main(["policy", "set", *named[2:]]) == 0
    assert "group 'nope'" in capsys.readouterr().out
