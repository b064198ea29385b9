"""The checks after every fault can fail."""

import base64
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import h11
import pytest
from tests.faults import figures, holding, invariants, shapes
from tests.faults.holding import Held
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server

from warren.node import keys as node_keys
from warren.node.storage import Store
from warren.server import keys as server_keys
from warren.server import selfsigned


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        '{"level": "error", "event": "a task ended"}',
        '{"level":"critical"}',
        "thread 'worker' panicked at engine/io/src/worker.rs",
        "2026-01-01 ERROR in app",
    ],
)
def test_a_line_that_tells_of_a_bug_is_found_unless_it_is_expected(tmp_path: Path, line: str) -> None:
    log = tmp_path / "deep" / "daemon.log"
    log.parent.mkdir()
    log.write_text(f'{{"level": "info", "event": "listening"}}\n{line}\n')
    assert len(invariants.broken_lines(tmp_path)) == 1
    assert invariants.broken_lines(tmp_path, [line[3:20]]) == []
    log.write_text('{"level": "warning", "event": "no error here"}\n')  # nor for the check after this case


@pytest.mark.parametrize("named", sorted({one for many in invariants.SHOWN.values() for one in many}))
def test_each_case_that_shows_an_invariant_exists(named: str) -> None:
    path, _, name = named.partition("::")
    text = (Path(__file__).resolve().parents[2] / path).read_text()
    assert f"def {name}(" in text


def test_every_invariant_is_looked_at_after_each_case_or_by_named_ones() -> None:
    assert sorted(invariants.INVARIANTS) == list(range(1, 11))  # as many as the list of faults has
    assert sorted([*invariants.AFTER_EACH, *invariants.SHOWN]) == sorted(invariants.INVARIANTS)
    assert all(invariants.SHOWN.values())


def _others_may_read(folder: Path, stack: ExitStack) -> None:
    (folder / "state").mkdir(mode=0o755)


def _stays_open(folder: Path, stack: ExitStack) -> None:
    stack.enter_context((folder / "file").open("w"))


def _error_is_logged(folder: Path, stack: ExitStack) -> None:
    (folder / "daemon.log").write_text('{"level": "error", "event": "a task ended"}\n')


BREAKS = {3: _others_may_read, 8: _stays_open, 9: _error_is_logged}


LEAKS = """
import os, sys
for line in sys.stdin:
    for _ in range(int(line)):
        os.dup(0)
    print("done", flush=True)
"""


@pytest.mark.parametrize(("begins", "dups", "found"), [("before", 1, 1), ("within", 100, 1), ("within", 1, 0)])
def test_a_program_that_holds_more_after_a_case_than_it_has_a_use_for_is_found(
    begins: str, dups: int, found: int, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon is known by its command, which names a folder of the case or of a field beside it."""
    monkeypatch.setattr(holding, "SETTLE_S", 0.1)
    field, case = tmp_path_factory.mktemp("field"), tmp_path_factory.mktemp("case")
    words = [sys.executable, "-c", LEAKS, "daemon", f"{field}/state"]
    with ExitStack() as stack:
        program = stack.enter_context(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert program.stdin is not None
        assert program.stdout is not None
        stack.callback(program.stdin.close)
        _do(program, 0)
        before = holding.programs(case.parent) if begins == "before" else {}
        assert bool(before) == (begins == "before")
        _do(program, dups)
        assert len(holding.leaks(field, before)) == found


def _do(program: "subprocess.Popen[str]", dups: int) -> None:
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(f"{dups}\n")
    program.stdin.flush()
    assert program.stdout.readline() == "done\n"


@pytest.mark.parametrize("number", sorted(invariants.AFTER_EACH))
def test_a_case_that_breaks_an_invariant_fails_at_its_end(
    number: int, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "SETTLE_S", 0.1)
    folder = tmp_path_factory.mktemp("broken")  # not this case's own folder, which is looked at as well
    with ExitStack() as stack, pytest.raises(AssertionError) as failed, invariants.watched(folder, []):
        BREAKS[number](folder, stack)
    assert [line.split()[0] for line in str(failed.value).splitlines()] == [f"I{number}"]


@pytest.mark.netlab
def test_what_a_machine_leaves_on_its_host_after_down_is_found(lab: Lab) -> None:
    lan = lab.switch()
    server, machine = Server(lab.host("server", lan), lab.folder), Machine(lab.host("a", lan), lab.folder)
    untouched = invariants.Untouched(machine)
    server.start()
    machine.up(server, server.key())
    machine.host.ip_batch("route add 198.51.100.0/24 dev eth0")
    assert ["+ route" in one for one in untouched.left()] == [True]


def test_every_case_here_is_watched_though_it_does_not_ask(request: pytest.FixtureRequest) -> None:
    assert "_nothing_is_left" in request.fixturenames
    assert request.getfixturevalue("_nothing_is_left") == set(invariants.AFTER_EACH)


def test_a_private_file_that_others_may_read_is_found(tmp_path: Path) -> None:
    key = tmp_path / "a" / "keys" / "server.key"
    key.parent.mkdir(parents=True, mode=0o700)
    key.touch(0o600)
    assert invariants.open_files(tmp_path) == []
    key.chmod(0o640)
    assert invariants.open_files(tmp_path) == ["a/keys/server.key: 640"]
    key.chmod(0o600)


def _machine_key(folder: Path) -> bytes:
    keys = node_keys.generate()
    node_keys.save(Store(folder / "networks" / "n", lambda _: None), keys)
    return keys.wireguard.private_bytes().reveal()


def _server_key(folder: Path) -> bytes:
    (folder / "keys").mkdir(mode=0o700)
    return server_keys.load_or_make(folder / "keys" / "server.key").private_bytes().reveal()


def _certificate_key(folder: Path) -> bytes:
    selfsigned.make(folder / "auto.crt", folder / "auto.key", "127.0.0.1", 0)
    return base64.b64decode(b"".join((folder / "auto.key").read_bytes().splitlines()[1:-1]))


@pytest.mark.parametrize("form", [bytes.hex, lambda key: base64.b64encode(key).decode()])
@pytest.mark.parametrize("make", [_machine_key, _server_key, _certificate_key])
def test_a_private_key_in_a_log_is_found(
    tmp_path_factory: pytest.TempPathFactory, make: Callable[[Path], bytes], form: Callable[[bytes], str]
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    key, log = make(folder), folder / "daemon.log"
    log.write_text('{"level": "info", "event": "listening"}\n')
    assert invariants.shown_keys(folder) == []
    log.write_text(f'{{"level": "warning", "event": "{form(key)}"}}\n')
    (found,) = invariants.shown_keys(folder)
    assert found.startswith("daemon.log has a key of ")
    log.unlink()  # nor is it for who looks at the fields of other cases


def test_a_descriptor_that_stays_open_is_found(tmp_path: Path) -> None:
    before = Held.by()
    with (tmp_path / "file").open("w"):
        assert [one.rpartition("/")[2] for one in Held.by().more_than(before)] == ["file"]
    assert Held.by().more_than(before) == []


def test_a_figure_over_its_bound_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "lines", [])
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    figures.note("something", 1.0, 1.0, "MiB")
    figures.note("something", figures.BESIDE_OTHERS, 1.0)
    with pytest.raises(AssertionError, match="bound 1"):
        figures.note("something", 1.1, 1.0, "MiB")
    with pytest.raises(AssertionError, match="bound 1"):
        figures.note("something", figures.BESIDE_OTHERS + 0.1, 1.0)


def test_a_crowded_machine_has_more_time_and_one_case_alone_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.getloadavg", lambda: (12.0, 1.0, 1.0))
    assert figures.beside_others() == (1.0 if figures.BESIDE_OTHERS == 1.0 else 9.0)
    monkeypatch.setattr("os.getloadavg", lambda: (1000.0, 1.0, 1.0))
    assert figures.beside_others() == (1.0 if figures.BESIDE_OTHERS == 1.0 else figures.CROWD_MAX)
    monkeypatch.setattr(figures, "BESIDE_OTHERS", 1.0)
    assert figures.beside_others() == 1.0


def test_noise_never_asks_for_what_it_says_it_does_not_mean() -> None:
    """Found by a loaded run: a byte changed in a head made it root's good `down`, and the daemon was 'gone'."""
    rng = figures.new_rng("noise")
    assert [sent for sent in (shapes.stream(rng) for _ in range(4000)) if _is_effective(sent)] == []


def _is_effective(sent: bytes) -> bool:
    """Whether a server would carry out a method with an effect."""
    connection, head = h11.Connection(h11.SERVER, max_incomplete_event_size=16_384), None
    connection.receive_data(sent)
    with suppress(h11.RemoteProtocolError):
        while isinstance(event := connection.next_event(), h11.Request | h11.Data):
            head = event if isinstance(event, h11.Request) else head
        if isinstance(event, h11.EndOfMessage) and head is not None:
            return head.method == b"POST" and head.target in {b"/v1/up", b"/v1/down"}
    return False
