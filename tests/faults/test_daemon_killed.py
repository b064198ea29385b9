"""F13 (no kill switch yet) and F16: the daemon dies at any moment; what it left heals, and goes when it is told to.

Random moments of `up`, of traffic and of `down`, and every failpoint of the journal, the host's changes and the state
files. `warren up` heals within HEALED_S of its start: the peer answers. After `down` the host is what it was.
"""

import os
import random  # noqa: TID251 - only its type; every case gets a seeded one
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.faults import figures
from tests.faults.holding import Held
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server, has_ended, stands_still
from tests.netlab.snapshot import Snapshot
from tests.netlab.until import until

from warren.failpoints import SWITCH, VARIABLE

pytestmark = pytest.mark.netlab

HEALED_S = 2.0  # from the start of `warren up` until the peer has answered through the tunnel
UP_TAKES_S = 0.9  # moments of `up` and `down` are drawn from so much
DOWN_TAKES_S = 0.4
STORAGE = ("storage.written", "storage.linked", "storage.renamed")
HOST = ("journal.intended", "change.next", "change.made", "journal.forgotten")


class Pair:
    """A server, a machine `b` that stays, and a machine `a` that suffers; both are joined."""

    def __init__(self, lab: Lab) -> None:
        lan = lab.switch("lan")
        self.server = Server(lab.host("server", lan), lab.folder)
        self.server.start()
        self.a = Machine(lab.host("a", lan), lab.folder)
        self.b = Machine(lab.host("b", lan), lab.folder)
        self.key = self.server.key("--reusable")
        self.before: Snapshot = self.a.host.snapshot()
        self.b.up(self.server, self.key)
        self.peer = self.b.status()["self"]["addresses"][0]

    def join(self) -> str:
        """`a` joins; its identity."""
        self.a.up(self.server, self.key)
        return str(self.a.status()["self"]["identity"])

    def heal(self) -> None:
        """`warren up` again, until the peer answers."""
        self.a.run("up")
        self.a.host.run(["sh", "-c", f"until ping -n -q -c 1 -W 0.2 {self.peer} >/dev/null; do :; done"])

    def is_as_before(self) -> None:
        """`a` is down: the host is what it was before the first `up`, and nothing runs on it."""
        until(lambda: self.a.host.pids() == set(), "no process of ours is left")
        assert self.before.difference(self.a.host.snapshot()) == []
        assert not self.a.socket.exists()


@pytest.fixture
def pair(lab: Lab) -> Pair:
    return Pair(lab)


def kill(machine: Machine) -> bool:
    """SIGKILL to the daemon, if one runs; returns when it is gone."""
    pid = machine.daemon_pid()
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until(lambda: has_ended(pid), "the killed daemon is gone")
    return True


def during_up(pair: Pair, rng: random.Random) -> None:
    pair.a.run("down")
    up = pair.a.start("up")
    _wait(rng.uniform(0.0, UP_TAKES_S))
    kill(pair.a)
    up.wait(60.0)
    kill(pair.a)  # where the moment was before the daemon's first


def during_traffic(pair: Pair, rng: random.Random) -> None:
    flow = pair.a.host.start(["ping", "-n", "-q", "-i", "0.002", pair.peer])
    _wait(rng.uniform(0.0, UP_TAKES_S))
    assert kill(pair.a)
    flow.stop()


def during_down(pair: Pair, rng: random.Random) -> None:
    down = pair.a.start("down")
    _wait(rng.uniform(0.0, DOWN_TAKES_S))
    kill(pair.a)
    down.wait(60.0)


def _wait(seconds: float) -> None:
    at = time.monotonic() + seconds
    until(lambda: time.monotonic() >= at, "the moment", seconds + 30.0)


MOMENTS: tuple[Callable[[Pair, random.Random], None], ...] = (during_up, during_traffic, during_down)


@pytest.mark.timeout(3600)
def test_a_daemon_killed_at_any_moment_heals_and_goes_without_a_trace(pair: Pair) -> None:
    rng, kills = figures.new_rng("daemon killed"), figures.times(6, 100)
    healed = figures.Slowest("F13: start of `warren up` after a kill until the peer answers", HEALED_S)
    identity = pair.join()
    pair.heal()
    for number in range(kills):
        MOMENTS[number % len(MOMENTS)](pair, rng)
        with healed.measure():
            pair.heal()
        if number % 2 == 0:  # as often on top of a daemon that lived through it as after a clean end
            if number % 4 == 0:
                kill(pair.a)  # `down` itself cleans up then
            pair.a.run("down")
            pair.is_as_before()
            pair.heal()
    assert pair.a.status()["self"]["identity"] == identity
    until(lambda: pair.a.status()["health"] == [], "nothing is wrong")
    pair.a.run("down")
    pair.is_as_before()
    figures.tell(f"F13: {kills} kills of the daemon during up, traffic and down; no trace after down")
    healed.close()


def test_a_down_after_a_kill_leaves_no_trace_and_stays_off(pair: Pair) -> None:
    pair.join()
    for _ in range(figures.times(1, 20)):
        pair.heal()
        assert kill(pair.a)
        assert pair.before.difference(pair.a.host.snapshot()), "something was left, or this shows nothing"
        said = pair.a.run("down").stdout
        assert "the daemon had been killed" in said
        assert "undone: " in said
        pair.is_as_before()
        assert '"up":false' in (pair.a.state / "node.json").read_text()
        assert "already off" in pair.a.run("down").stderr


def test_host_undo_takes_leftovers_away_and_nothing_while_a_daemon_runs(pair: Pair) -> None:
    identity = pair.join()
    pair.heal()
    running = pair.a.host.snapshot()
    refused = pair.a.run("host", "undo", check=False)
    assert (refused.returncode, "E_ALREADY_RUNNING" in refused.stderr) == (1, True)
    assert str(pair.a.daemon_pid()) in refused.stderr
    assert "already\n  stop it with `warren down`" in refused.stderr
    other = pair.a.state.with_name("other")
    other.mkdir(mode=0o700)
    refused = pair.a.run("host", "undo", "--state", str(other), check=False)
    assert (refused.returncode, "E_ALREADY_RUNNING" in refused.stderr) == (1, True)
    assert pair.a.status()["self"]["identity"] == identity, "it still answers where it did"
    assert running.difference(pair.a.host.snapshot()) == []
    foreign = "blackhole 198.51.100.0/24 metric 4278198272"  # like ours, but not in the journal
    pair.a.host.run(["ip", "route", "add", *foreign.split()])
    assert kill(pair.a)
    assert "undone: " in pair.a.run("host", "undo").stdout
    pair.a.host.run(["ip", "route", "del", *foreign.split()])
    pair.is_as_before()
    assert "nothing of a daemon was left" in pair.a.run("host", "undo").stderr
    pair.heal()  # what was wanted is wanted still
    assert pair.a.status()["self"]["identity"] == identity
    pair.a.run("down")
    pair.is_as_before()


def test_the_socket_that_wg_looks_for_goes_with_the_leftovers(lab: Lab) -> None:
    lan = lab.switch("lan")
    server, a = Server(lab.host("server", lan), lab.folder), Machine(lab.host("a", lan), lab.folder)
    server.start()
    a.up(server, server.key())
    sockets = ["find", "/run/wireguard", "-type", "s"]
    assert a.host.run(sockets).stdout
    assert kill(a)
    a.run("host", "undo")
    assert a.host.run(sockets).stdout == ""


@pytest.mark.timeout(3600)
def test_a_daemon_killed_between_any_two_steps_of_a_change_heals(pair: Pair) -> None:
    pair.join()
    pair.a.run("down")
    rng = figures.new_rng("steps of a change")
    steps = [f"{place}:kill@{count}" for place in HOST for count in range(1, 4)]
    steps += [f"{place}:kill@{count}" for place in STORAGE for count in range(1, 5)]
    chosen = rng.sample(steps, figures.times(3, len(steps)))
    for step in chosen:
        pair.a.env = {SWITCH: "yes", VARIABLE: step}
        said = [pair.a.run(word, check=False) for word in ("up", "down")]
        was_killed = any(one.returncode or "had been killed" in one.stdout for one in said)
        assert was_killed, f"{step} was not reached"
        pair.a.env = {}
        kill(pair.a)
        pair.heal()
        pair.a.run("down")
        pair.is_as_before()
    figures.tell(f"F13: {len(chosen)} of {len(steps)} failpoints of the host and the state files")


@pytest.mark.timeout(3600)
def test_a_join_that_was_cut_anywhere_is_finished_by_the_same_words(lab: Lab) -> None:
    """Each step of the first `up`: afterwards the same command joins, with the same single-use key."""
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    steps = [f"{place}:kill@{count}" for place in STORAGE[::2] for count in range(1, 9)]
    steps += ["folder.written:kill", "folder.named:kill"]
    chosen = figures.new_rng("join").sample(steps, figures.times(3, len(steps)))
    slowest = figures.Slowest("F13: `warren up` after a join that was cut", 5.0)
    for number, step in enumerate(chosen):
        machine = Machine(lab.host(f"m{number}", lan), lab.folder)
        key = server.key()
        words = ("up", "--server", server.url, "--auth-key", key, "--hostname", machine.name)
        machine.env = {SWITCH: "yes", VARIABLE: step}
        machine.run(*words, check=False)
        kill(machine)
        machine.env = {}
        with slowest.measure():
            done = machine.run(*words, check=False)
        assert done.returncode == 0, (step, done.stdout, done.stderr)
        assert machine.status()["self"]["name"] == machine.name, step
        until(lambda one=machine: one.status()["health"] == [], f"nothing is wrong after {step}")  # type: ignore[misc]
        machine.run("down")
    figures.tell(f"F13: {len(chosen)} of {len(steps)} failpoints of a first join")
    slowest.close()


def test_a_second_daemon_is_refused_names_the_first_and_changes_nothing(pair: Pair) -> None:
    """F16."""
    pair.join()
    pair.heal()
    first = pair.a.daemon_pid()
    assert first is not None
    os.kill(first, signal.SIGSTOP)  # what changes from here on the second one changed: the first writes files too
    until(lambda: stands_still(first), "it stands still, and all its threads")
    before, held = pair.a.host.snapshot(), Held.by(first)
    files = {path: path.read_bytes() for path in pair.a.state.rglob("*") if path.is_file() and path.suffix != ".log"}
    second: list[str | Path] = [WARREN, "daemon", "--state", pair.a.state, "--socket", pair.a.socket]
    slowest = figures.Slowest("F16: the second daemon's refusal", 5.0)
    try:
        for _ in range(figures.times(2, 20)):
            with slowest.measure():
                done = pair.a.host.run(second, check=False)
            assert (done.returncode, "E_ALREADY_RUNNING" in done.stderr) == (1, True)
            assert str(first) in done.stderr
        assert pair.a.daemon_pid() == first
        assert before.difference(pair.a.host.snapshot()) == []
        assert {path: path.read_bytes() for path in files} == files
    finally:
        os.kill(first, signal.SIGCONT)
    until(lambda: not Held.by(first).more_than(held, spare_threads=4), "nothing of the tries is held")
    pair.heal()
    slowest.close()
