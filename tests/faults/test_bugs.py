"""DESIGN, 'a bug ends its task, is logged once, and the task begins anew': what the task held heals with it."""

import pytest
from tests.faults.figures import within
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

HEALED_S = 10.0  # the first gap before a task begins anew, a new tunnel, and both ends' paths through it
BUG = "record.published:full@2"  # an OSError where nobody expects one: after the record of a new key was taken


def test_a_network_whose_task_failed_reaches_its_peers_again_and_who_joins_later(lab: Lab, allowed: list[str]) -> None:
    allowed.append("a task failed")
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    key = server.key("--reusable")
    a, b, late = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b", "late"))
    a.env = {"WARREN_FAIL": BUG, "WARREN_FAIL_TESTING": "yes"}
    a.up(server, key)
    a.env = {}
    b.up(server, key)
    a.run("ping", "b", "-c", "1")
    pid = a.daemon_pid()
    a.run("rekey", check=False)
    until(lambda: failures(a), "the bug")
    with within(HEALED_S, "from a bug in a network's task to its peers"):
        until(lambda: answers(b, "a") and answers(a, "b"), "they reach each other again")
    late.up(server, key)
    until(lambda: answers(late, "a") and answers(a, "late"), "who joins later is reached too")
    assert a.daemon_pid() == pid
    assert failures(a) == 1, "it was a bug once"


def failures(machine: Machine) -> int:
    """How many tasks failed, as its log tells."""
    return (machine.state / "daemon.log").read_text().count('"a task failed"')


def answers(machine: Machine, peer: str) -> bool:
    return f"pong from {peer}" in machine.run("ping", peer, "-c", "1", "--timeout", "3s", check=False).stdout
