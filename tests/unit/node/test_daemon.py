"""The daemon as a process: it starts, answers, stops, and leaves nothing; no network is joined here."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from warren.client.local import LocalClient
from warren.errors import Code, WarrenError
from warren.model.ids import NetworkId
from warren.model.keys import SigningKeyPair
from warren.node.storage import Store
from warren.node.wanted import WANTED_FILE, Wanted, save
from warren.protocol.local import rights
from warren.protocol.local.config import Config
from warren.protocol.local.down import DownResult, LeaveRequest, LeaveResult
from warren.protocol.local.network import FoundRequest, FoundResult, RootRequest, RootResult
from warren.protocol.local.ping import PingLine, PingRequest
from warren.protocol.local.status import Status
from warren.protocol.local.up import UpLine, UpRequest
from warren.protocol.local.whoami import Whoami
from warren.trust.root_key import format_root

READY_S = 30.0  # on a loaded machine

Start = Callable[..., "Running"]


class Running:
    """A daemon of its own, with its client."""

    def __init__(self, state: Path, *more: str) -> None:
        self.state = state
        words = [sys.executable, "-I", "-m", "warren", "daemon", "--state", str(state), *more]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.client = LocalClient(state / "warren.sock")

    def wait(self) -> None:
        deadline = time.monotonic() + READY_S
        while not self.client.is_answering():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def ended(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=READY_S)
        return self.process.returncode, errors


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Running] = []

    def begin(*more: str, wait: bool = True) -> Running:
        one = Running(tmp_path / "state", *more)
        running.append(one)
        if wait:
            one.wait()
        return one

    yield begin
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def test_a_fresh_daemon_answers_and_is_in_no_network(start: Start) -> None:
    daemon = start()
    status = daemon.client.get(rights.STATUS, Status)
    assert (status.me, status.networks, status.peers, status.health) == (None, (), (), ())
    whoami = daemon.client.get(rights.WHOAMI, Whoami)
    assert (whoami.networks, whoami.right, whoami.operator) == ((), "root", None)


def test_every_setting_is_told_with_its_origin(start: Start) -> None:
    daemon = start("--log-level", "debug")
    settings = {one.name: one for one in daemon.client.get(rights.CONFIG, Config).settings}
    assert (settings["log_level"].value, settings["log_level"].origin) == ("debug", "flag")
    assert settings["up"].value == "no"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(start: Start, number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may ignore it, and a child would then too
    try:
        daemon = start()
    finally:
        signal.signal(number, before)
    daemon.process.send_signal(number)
    status, errors = daemon.ended()
    assert status == 0
    assert "Traceback" not in errors
    assert not (daemon.state / "warren.sock").exists()


def test_down_ends_the_process_that_it_names(start: Start) -> None:
    daemon = start()
    down = daemon.client.post(rights.DOWN, None, DownResult)
    assert (down.pid, down.networks) == (daemon.process.pid, ())
    assert daemon.ended()[0] == 0


def test_a_second_daemon_names_the_first_and_changes_nothing(start: Start) -> None:
    first = start()
    second = start("--socket", str(first.state / "second.sock"), wait=False)
    status, errors = second.ended()
    assert status == 1
    assert Code.ALREADY_RUNNING in errors
    assert str(first.process.pid) in errors
    assert first.client.is_answering()
    assert not (first.state / "second.sock").exists()


def test_after_kill_9_the_next_one_starts_over_the_stale_socket(start: Start) -> None:
    first = start()
    first.process.kill()
    first.process.communicate()
    assert start().client.get(rights.STATUS, Status).networks == ()


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b'{"blake2s":"00","content":{}}'])
def test_a_damaged_file_is_kept_and_explained(start: Start, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / WANTED_FILE).write_bytes(content)
    daemon = start()
    health = daemon.client.get(rights.STATUS, Status).health
    assert [one.code for one in health] == [Code.STATE_DAMAGED]
    assert [path.read_bytes() for path in daemon.state.glob(f"{WANTED_FILE}.bad-*")] == [content]


def test_wrong_words_are_wrong_usage(start: Start) -> None:
    status, errors = start("--stat", "x", wait=False).ended()
    assert (status, Code.INVALID_ARGUMENT in errors, "Traceback" in errors) == (2, True, False)


def refusal(work: Callable[[], object]) -> Code:
    with pytest.raises(WarrenError) as refused:
        work()
    return refused.value.code


def test_bad_requests_are_refused_with_a_code_and_change_nothing(start: Start) -> None:
    daemon = start()
    before = sorted(path.name for path in daemon.state.iterdir())

    def up(**fields: object) -> Callable[[], object]:
        return lambda: list(daemon.client.stream(rights.UP, UpRequest(**fields), UpLine))  # type: ignore[arg-type]

    server = "https://vpn.example.org"
    assert refusal(up()) is Code.NOT_UP
    assert refusal(up(server="ftp://x", auth_key="wk.x")) is Code.INVALID_ARGUMENT
    assert refusal(up(server=server, auth_key="wk.x")) is Code.INVALID_KEY
    assert refusal(up(server=server)) is Code.NOT_A_MEMBER
    assert refusal(up(auth_key="wk.x")) is Code.INVALID_ARGUMENT
    assert refusal(up(hostname="no_such")) is Code.INVALID_HOSTNAME
    assert refusal(up(port=70000)) is Code.INVALID_ARGUMENT
    assert refusal(up(operator="no-such-user")) is Code.INVALID_ARGUMENT
    assert refusal(up(timeout_s=-1.0)) is Code.INVALID_ARGUMENT
    ping = PingRequest(host="x", count=0)
    assert refusal(lambda: list(daemon.client.stream(rights.PING, ping, PingLine))) is Code.INVALID_ARGUMENT
    nobody = PingRequest(host="x")
    assert refusal(lambda: list(daemon.client.stream(rights.PING, nobody, PingLine))) is Code.NOT_UP
    leave = LeaveRequest(network="x")
    assert refusal(lambda: daemon.client.post(rights.LEAVE, leave, LeaveResult)) is Code.NETWORK_UNKNOWN
    root = RootRequest(secret=format_root(NetworkId(bytes(32)), SigningKeyPair(bytes(32))), statement="no hex")
    assert refusal(lambda: daemon.client.post(rights.ROOT_IMPORT, root, RootResult)) is Code.INVALID_ARGUMENT
    assert sorted(path.name for path in daemon.state.iterdir()) == before


def test_what_a_server_lists_that_is_no_ipv4_prefix_keeps_nobody_from_a_network(start: Start) -> None:
    listed = ("", "nonsense", "fd00::/8", "100.96.0.1/11")
    request = FoundRequest(
        name="lab", url="https://vpn.example.org", server_key="00" * 32, registrar="00" * 32, in_use=listed
    )  # fmt: skip
    lines = start().client.post(rights.FOUND, request, FoundResult).lines
    second = int(lines[0].partition(" 100.")[2].partition(".")[0])
    assert second < 96, "what overlaps none of them comes first"


def test_it_keeps_no_privilege_that_it_does_not_need(start: Start) -> None:
    lines = Path(f"/proc/{start().process.pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    kept = 1 << 12 | 1 << 10  # CAP_NET_ADMIN, CAP_NET_BIND_SERVICE
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(status[name], 16) & ~kept == 0
    if os.geteuid() == 0:
        assert int(status["CapBnd"], 16) & ~kept == 0
    assert status["NoNewPrivs"] == "1"


AS_USER = """
import os, sys
from pathlib import Path
from warren.client.local import LocalClient
from warren.errors import WarrenError
from warren.protocol.local import rights
from warren.protocol.local.down import LeaveRequest, LeaveResult
from warren.protocol.local.status import Status
from warren.protocol.local.up import UpLine, UpRequest
from warren.protocol.local.whoami import Whoami
os.setgroups([]); os.setgid(0); os.setuid(65534)  # a user id that is no group id of its own, least of all the right one
client = LocalClient(Path(sys.argv[1]))
print(client.get(rights.STATUS, Status).version, client.get(rights.WHOAMI, Whoami).right)
for call in (
    lambda: client.post(rights.LEAVE, LeaveRequest(network="x"), LeaveResult),
    lambda: list(client.stream(rights.UP, UpRequest(operator="nobody"), UpLine)),
):
    try:
        print(call())
    except WarrenError as error:
        print(error.code.value)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    ("operator_uid", "said"),
    [
        (None, ["reader", "E_FORBIDDEN", "E_FORBIDDEN"]),
        (65534, ["operator", "E_NETWORK_UNKNOWN", "E_FORBIDDEN"]),
    ],
)
def test_another_user_reads_and_an_operator_changes_but_names_no_operator(
    start: Start, tmp_path: Path, operator_uid: int | None, said: list[str]
) -> None:
    save(Store(tmp_path / "state", lambda _: None), Wanted(operator_uid=operator_uid))
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        Path(folder).chmod(0o755)
        path = Path(folder) / "run" / "warren.sock"
        daemon = start("--socket", str(path), wait=False)
        daemon.client = LocalClient(path)
        daemon.wait()
        done = subprocess.run(
            [sys.executable, "-c", AS_USER, str(path)], capture_output=True, text=True, check=True, timeout=READY_S
        )
        assert done.stdout.split()[1:] == said
        daemon.client.post(rights.DOWN, None, DownResult)
        assert daemon.ended()[0] == 0
