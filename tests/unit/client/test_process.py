"""Starting the real daemon, hearing why it does not start, and leaving nothing behind when it is ended again."""

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults.small_disk import mounted

from warren.client import process
from warren.client.local import LocalClient
from warren.client.process import Started, end_holder, holder, start, wait_until_ended
from warren.errors import Code, WarrenError, disk_refused

# a key of the right form that no server ever made
KEY = "wk.aaaaaaaaaa." + "A" * 43 + "." + "A" * 22


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def started(folder: Path) -> Started:
    return start(LocalClient(folder / "run" / "s"), folder / "state", is_system=False)


def test_a_daemon_answers_when_start_returns_and_ending_it_leaves_nothing(tmp_path: Path) -> None:
    one = started(tmp_path)
    assert LocalClient(tmp_path / "run" / "s").is_answering()
    assert os.getsid(one.pid) == one.pid
    assert (tmp_path / "state" / "daemon.log").stat().st_mode & 0o777 == 0o600
    one.end()
    assert not is_running(one.pid)
    assert list(tmp_path.iterdir()) == []


def test_a_state_folder_that_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "mine").write_text("kept")
    started(tmp_path).end()
    assert (tmp_path / "state" / "mine").read_text() == "kept"


def test_a_daemon_is_ended_by_its_lock_and_nobody_else_by_a_number_in_a_file(tmp_path: Path) -> None:
    one = started(tmp_path)
    state = tmp_path / "state"
    try:
        assert holder(state) == one.pid
        (state / "daemon.lock").write_text(f"{os.getpid()}\n")  # it does not hold the lock
        assert holder(state) == 0
        (state / "daemon.lock").write_text(f"{one.pid}\n")
        assert end_holder(state)
        assert os.waitpid(one.pid, 0)[1] == 0, "it ended in order"
        assert holder(state) == 0
    finally:
        one.end()


def test_ctrl_c_while_the_daemon_starts_leaves_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_client: LocalClient, pid: int, *_more: object) -> bool:
        pids.append(pid)
        raise KeyboardInterrupt

    pids: list[int] = []
    monkeypatch.setattr(process, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        started(tmp_path)
    assert not is_running(pids[0])
    assert list(tmp_path.iterdir()) == []


def test_ending_twice_is_harmless(tmp_path: Path) -> None:
    one = started(tmp_path)
    one.end()
    one.end()


def test_a_second_daemon_on_one_state_is_refused_with_its_reason_and_the_first_lives(tmp_path: Path) -> None:
    first = started(tmp_path)
    try:
        with pytest.raises(WarrenError) as caught:
            start(LocalClient(tmp_path / "other" / "s"), tmp_path / "state", is_system=False)
        assert caught.value.code is Code.ALREADY_RUNNING
        assert "warren down" in caught.value.fix
        assert "(stop it" not in caught.value.text
        assert LocalClient(tmp_path / "run" / "s").is_answering()
        assert not (tmp_path / "other").exists()
    finally:
        first.end()


def test_a_state_folder_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WarrenError) as caught:
        start(LocalClient(tmp_path / "s"), tmp_path / "file" / "state", is_system=False)
    assert caught.value.code is Code.FORBIDDEN
    assert "root" not in caught.value.fix, "it would meet the file too"


def test_a_folder_on_the_way_that_cannot_be_looked_into_is_refused_in_words(tmp_path: Path) -> None:
    state = tmp_path / ("x" * 300) / "state"  # the kernel refuses the name, as it refuses a stranger a private folder
    with pytest.raises(WarrenError) as caught:
        start(LocalClient(tmp_path / "s"), state, is_system=False)
    assert caught.value.code is Code.FORBIDDEN
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["state", "state/deeper"])
def test_a_state_folder_on_a_read_only_disk_is_the_disks_fault_and_nobodys_right(tmp_path: Path, folder: str) -> None:
    with mounted(tmp_path / "disk") as disk:
        (disk.folder / "state").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
        with pytest.raises(WarrenError) as caught:
            start(LocalClient(tmp_path / "s"), disk.folder / folder, is_system=False)
    assert caught.value.code is Code.STORE_UNAVAILABLE
    assert "mount it for writing" in caught.value.fix


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_whatever_a_disk_refuses_has_a_next_step(number: int) -> None:
    refused = disk_refused("cannot write a file", OSError(number, os.strerror(number)))
    assert refused.code is Code.STORE_UNAVAILABLE
    assert refused.fix


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 1, "E_NOT_UP"),
        (("--server", "http://127.0.0.1:9", "--auth-key", "wk.nonsense"), 1, "E_INVALID_KEY"),
        (("--server", "http://127.0.0.1:9", "--auth-key", KEY), 3, "E_SERVER_UNREACHABLE"),
    ],
    ids=["no network", "no key", "no server"],
)
def test_an_up_that_fails_leaves_no_process_and_no_file(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    place = ("--state", str(tmp_path / "deep" / "state"), "--socket", str(tmp_path / "run" / "s"))
    done = subprocess.run(
        [sys.executable, "-m", "warren", "up", *words, *place], capture_output=True, text=True, timeout=60, check=False
    )
    if "E_NO_TUN_RIGHTS" in done.stderr:
        pytest.skip("joining needs the right to make a TUN device")
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_first_up_that_is_told_to_end_leaves_no_process_and_no_file(tmp_path: Path, ending: signal.Signals) -> None:
    place = ("--state", str(tmp_path / "state"), "--socket", str(tmp_path / "run" / "s"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        silent.settimeout(30)
        words = [sys.executable, "-m", "warren", "up", "--server", url, "--auth-key", KEY, *place]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as up:
            connection, _ = silent.accept()  # the daemon lives and has begun to join
            with connection:
                up.send_signal(ending)
                assert up.wait(30) != 0
    assert list(tmp_path.iterdir()) == []


def test_waiting_for_a_process_that_is_not_there_ends_at_once() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert wait_until_ended(gone.pid, 60)


def test_waiting_for_a_process_that_stays_ends_in_time() -> None:
    assert not wait_until_ended(os.getpid(), 0.01)
