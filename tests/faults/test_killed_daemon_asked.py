"""A daemon that dies just when it is asked, and a command that dies while the daemon works for it: nobody hears of a
dead socket, and no daemon runs on that nobody wanted.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import figures
from tests.faults.test_daemon_killed import Pair
from tests.netlab.lab import Lab
from tests.netlab.tun import need_tun
from tests.netlab.until import until

from warren.limits import DAEMON_IDLE_S

# a key of the right form that no server ever made
KEY = "wk.aaaaaaaaaa." + "A" * 43 + "." + "A" * 22
DYING = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listening", flush=True)
listener.accept()[0].close()  # who looks whether anybody answers
listener.accept()
os._exit(9)
"""


@pytest.fixture
def dying(tmp_path: Path) -> Iterator[Path]:
    """The socket of a program that ends when it is asked something."""
    path = tmp_path / "s"
    with subprocess.Popen([sys.executable, "-c", DYING, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n"
        yield path


def test_an_up_that_meets_a_dying_daemon_starts_one_and_asks_again(dying: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "warren", "up", "--state", str(tmp_path / "state"), "--socket", str(dying)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "E_NOT_UP" in done.stderr) == (1, True), "a daemon of its own answered: in no network"
    assert not (tmp_path / "state").exists()


@pytest.mark.netlab
def test_up_at_once_after_a_kill_is_up(lab: Lab) -> None:
    """Found by hand: within milliseconds of a kill -9 `up` said that the daemon went away before it answered."""
    pair = Pair(lab)
    pair.join()
    for _ in range(figures.times(8, 60)):
        pid = pair.a.daemon_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        pair.a.run("up")
    pair.heal()
    pair.a.run("down")
    pair.is_as_before()


def test_a_first_up_that_is_killed_leaves_no_daemon_for_ever(tmp_path: Path) -> None:
    need_tun()
    state = tmp_path / "state"
    place = ("--state", str(state), "--socket", str(tmp_path / "run" / "s"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        silent.settimeout(30)
        words = [sys.executable, "-m", "warren", "up", "--server", url, "--auth-key", KEY, *place]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as up:
            connection, _ = silent.accept()  # the daemon lives and has begun to join
            daemon = int((state / "daemon.lock").read_text())
            with connection:
                up.kill()
                up.wait(30)
                until(
                    lambda: not Path(f"/proc/{daemon}").exists(),
                    "the daemon that nobody wants has ended",
                    DAEMON_IDLE_S * 3 + 10.0,
                )
    assert '"event": "ended"' in (state / "daemon.log").read_text(), "in order"
