"""What a command prints and ends with: 0 done, 1 refused, 2 wrong usage, 3 cannot reach; never a traceback."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.unit.cli.local_daemon import daemon

from warren.cli.main import main
from warren.client import rest
from warren.client.local import LocalClient
from warren.errors import Code, WarrenError
from warren.node.api.http import Handler, Reply, Request
from warren.protocol.local.config import Config, Setting
from warren.protocol.local.down import DownResult, LeaveRequest, LeaveResult
from warren.protocol.local.host import HostItem, HostPlan
from warren.protocol.local.ping import PingLost, PingPong, PingRequest, PingResult
from warren.protocol.local.rights import CONFIG, DOWN, HOST_PLAN, LEAVE, PING, STATUS, UP, WHOAMI, Right
from warren.protocol.local.status import Network, Self, ServerState, Status
from warren.protocol.local.stream import Progress
from warren.protocol.local.up import UpNetwork, UpRequest, UpResult
from warren.protocol.local.whoami import Whoami, WhoamiNetwork

DAEMON_S = 60.0  # on a loaded machine
ME = Self(name="a", fqdn="a.default.warren.internal", addresses=("100.96.0.2",), identity="ef" * 32, online=True)
SERVER = ServerState(url="https://vpn.example.org", state="connected")
NETWORK = Network(name="default", id="00" * 32, me=ME, server=SERVER, locked=False, root="this server")
NOW_UP = UpNetwork(
    network="default",
    name="a",
    fqdn="a.default.warren.internal",
    addresses=("100.96.0.2", "fd00::2"),
    server="https://vpn.example.org",
    joined=True,
)


async def status(_request: Request, reply: Reply) -> None:
    await reply.result(Status(version="0.1.0", me=ME, networks=(NETWORK,), peers=(), health=()))


async def up(request: Request, reply: Reply) -> None:
    wanted = request.decode(UpRequest)
    if wanted.auth_key == "wk.used":
        raise WarrenError(Code.KEY_USED, "this key was used", "ask for another")
    if wanted.server == "https://away.example":
        raise WarrenError(Code.SERVER_UNREACHABLE, "https://away.example cannot be reached")
    await reply.line(Progress(text="joining \x1b[31mdefault"))
    if wanted.hostname == "taken":
        raise WarrenError(Code.HOSTNAME_TAKEN, "another member is called 'taken'", "choose another --hostname")
    await reply.line(UpResult(networks=(NOW_UP,), warnings=("no TLS",), survives_reboot=True))


async def ping(request: Request, reply: Reply) -> None:
    wanted = request.decode(PingRequest)
    if wanted.host == "nobody":
        raise WarrenError(Code.NOT_FOUND, "no peer is called 'nobody'")
    if wanted.host == "hostile":
        raise WarrenError(Code.NOT_FOUND, "\u202e\x9b2J\u200b", "\x1b[0m")
    if wanted.host == "dead":
        await reply.line(PingLost(number=1, name="dead", address="100.96.0.9", reason="no path"))
        await reply.line(PingResult(sent=1, answered=0))
        return
    for number in range(1, wanted.count + 1):
        via = "direct" if number > 1 else "relay"
        pong = PingPong(
            number=number,
            name="b",
            address="100.96.0.7",
            via=via,  # type: ignore[arg-type] # one of the kinds
            endpoint="203.0.113.7:51901",
            latency_ms=41.0 if via == "relay" else 3.0,
        )
        await reply.line(pong)
        if via == "direct" and wanted.until_direct:
            break
    await reply.line(PingResult(sent=number, answered=number))


async def whoami(_request: Request, reply: Reply) -> None:
    one = WhoamiNetwork(
        network="default",
        network_id="00" * 32,
        name="a",
        fqdn="a.default.warren.internal",
        addresses=("100.96.0.2",),
        identity="ef" * 32,
        user="",
        tags=("web",),
        server="https://vpn.example.org",
    )
    await reply.result(Whoami(networks=(one,), right="operator", operator="alice"))


async def leave(request: Request, reply: Reply) -> None:
    network = request.decode(LeaveRequest).network or "default"
    await reply.result(LeaveResult(network=network, told_server=False, name="a"))


async def down(_request: Request, reply: Reply) -> None:
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await gone.wait()
    await reply.result(DownResult(networks=("default",), pid=gone.pid))


async def config(_request: Request, reply: Reply) -> None:
    setting = Setting(name="state", value="/var/lib/warren", origin="default", variable="WARREN_STATE")
    await reply.result(Config(settings=(setting,)))


async def host_plan(_request: Request, reply: Reply) -> None:
    await reply.result(HostPlan(items=(HostItem(kind="link", text="warren0", action="add"),)))


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", STATUS): status,
    ("POST", UP): up,
    ("POST", PING): ping,
    ("GET", WHOAMI): whoami,
    ("POST", LEAVE): leave,
    ("POST", DOWN): down,
    ("GET", CONFIG): config,
    ("GET", HOST_PLAN): host_plan,
}
SERVER_FLAGS = ("--server", "https://vpn.example.org", "--auth-key", "wk.good")


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> "Call":
    return Call(tmp_path / "warren.sock", capsys)


class Call:
    """Runs commands against a daemon on a socket of the test's own."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.socket = path
        self._capsys = capsys

    def __call__(self, *words: str, right: Right = Right.ROOT) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        with daemon(self.socket, ROUTES, right):
            return self.alone(*words)

    def alone(self, *words: str) -> tuple[int, str, str]:
        """The same without a daemon."""
        code = main([*words, "--socket", str(self.socket)])
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err


def test_status_is_a_table_or_the_daemons_json(call: Call) -> None:
    code, out, _ = call("status")
    assert (code, out.splitlines()) == (0, ["NAME  ADDRESS     STATE  LATENCY  RX/TX", "a     100.96.0.2  self"])
    code, out, _ = call("status", "--json")
    shown = json.loads(out)
    assert code == 0
    assert set(shown) == {"version", "self", "networks", "peers", "health"}
    assert shown["self"] == {
        "name": "a",
        "fqdn": "a.default.warren.internal",
        "addresses": ["100.96.0.2"],
        "identity": "ef" * 32,
        "online": True,
    }
    assert {"name", "id", "self", "server", "locked", "root"} <= set(shown["networks"][0])
    assert {"url", "state"} <= set(shown["networks"][0]["server"])


def test_up_prints_name_and_addresses_and_what_is_done_meanwhile_elsewhere(call: Call) -> None:
    code, out, err = call("up", *SERVER_FLAGS)
    assert (code, out) == (0, "a.default.warren.internal  100.96.0.2  fd00::2\n")
    assert err.splitlines() == ["joining \\x1b[31mdefault", "! no TLS"]


def test_up_as_json_is_one_object(call: Call) -> None:
    code, out, err = call("up", "--json", *SERVER_FLAGS)
    assert (code, err) == (0, "")
    assert json.loads(out)["networks"][0]["fqdn"] == "a.default.warren.internal"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("up", "--server", "https://a.example", "--auth-key", "wk.used"), 1, "E_KEY_USED"),
        (("up", "--server", "https://a.example", "--hostname", "taken"), 1, "E_HOSTNAME_TAKEN"),
        (("up", "--server", "https://away.example"), 3, "E_SERVER_UNREACHABLE"),
        (("up", "--server", "not a url"), 1, "E_INVALID_ARGUMENT"),
        (("up", "--server", "ftp://a.example"), 1, "E_INVALID_ARGUMENT"),
        (("up", "--server", "https://a.example:port"), 1, "E_INVALID_ARGUMENT"),
        (("up", "--hostname", "-bad-"), 1, "E_INVALID_HOSTNAME"),
        (("up", "--auth-key", "wk.good"), 2, "--auth-key needs --server"),
        (("member", "approve", "phone", "--code", ""), 2, "--code is empty"),
        (("member", "approve", "phone", "--code", " ", "--yes"), 2, "--code is empty"),
        (("up", "--port", "70000"), 2, "--port takes a whole number from 1 to 65535"),
        (("up", *SERVER_FLAGS[:2], "--auth-key", "file:/nowhere/key"), 1, "E_INVALID_ARGUMENT"),
        (("ping", "nobody"), 1, "E_NOT_FOUND"),
        (("ping", "b", "-c", "0"), 2, "--count takes"),
        (("leave",), 1, "not confirmed"),
        (("strange",), 2, "no command"),
        (("ping", "\udcff"), 2, "is not UTF-8"),
        (("status", "--timeout", "999999999w"), 2, "--timeout takes at most 24h"),
        (("completion", "tcsh"), 2, "bash, zsh and fish"),
    ],
)
def test_what_fails_says_why_with_its_code(call: Call, words: tuple[str, ...], code: int, said: str) -> None:
    ended, out, err = call(*words)
    assert (ended, out) == (code, "")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("pign", "b"), "see: warren --help"),
        (("key", "creat"), "see: warren key --help"),
        (("--json", "ping", "b", "--cuont", "3"), "see: warren ping --help"),
        (("ping", "b", "-c", "0"), "see: warren ping --help"),
        (("login",), "warren login --server https://vpn.example.org"),
    ],
)
def test_wrong_usage_says_how_it_is_right_in_text_and_json(call: Call, words: tuple[str, ...], hint: str) -> None:
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    assert hint in err
    code, out, err = call(*words, "--json")
    assert (code, out) == (2, "")
    assert (json.loads(err)["code"], json.loads(err)["fix"]) == ("E_INVALID_ARGUMENT", hint)


def test_who_names_no_server_is_asked_for_one(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rest, "SYSTEM_DATA", tmp_path / "none")
    code, out, err = call.alone("network", "domain", "list")
    assert (code, out) == (3, "")
    assert f"no server answers on this machine, at {tmp_path / 'none'}" in err
    assert "--server https://" in err


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (("up", *SERVER_FLAGS[:2], "--auth-key", "file:/nowhere/key"), "file:PATH"),
        (("network", "root", "import", "file:/"), "standard input"),
        (("policy", "check", "/"), "a file of JSON"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_name(call: Call, words: tuple[str, ...], fix: str) -> None:
    code, out, err = call(*words)
    assert (code, out) == (1, "")
    assert "cannot be read" in err
    assert fix in err.splitlines()[1]


def test_with_json_an_error_is_json_too(call: Call) -> None:
    code, out, err = call("ping", "nobody", "--json")
    assert (code, out) == (1, "")
    assert json.loads(err) == {"code": "E_NOT_FOUND", "text": "no peer is called 'nobody'", "fix": ""}


@pytest.mark.parametrize("how", ["--json=1", "WARREN_JSON=1"])
def test_with_json_said_otherwise_an_error_is_json_too(call: Call, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["ping", "nobody"]
    if how.startswith("--"):
        words.append(how)
    else:
        monkeypatch.setenv(*how.split("="))
    assert json.loads(call(*words)[2])["code"] == "E_NOT_FOUND"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full"])
def test_streams_that_cannot_be_written_give_no_traceback(tmp_path: Path, closed: str) -> None:
    with daemon(tmp_path / "s", ROUTES):
        program = [sys.executable, "-m", "warren", "status", "--socket", str(tmp_path / "s")]
        command = ["bash", "-c", f'"$@" {closed}', "bash", *program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode == (1 if closed == ">/dev/full" else 0)
    assert ("E_HOST_REFUSED" in done.stderr) == (closed == ">/dev/full")


def test_an_answer_that_cannot_be_written_is_refused_as_json_where_that_is_wanted(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", ROUTES):
        program = [sys.executable, "-m", "warren", "status", "--json", "--socket", str(tmp_path / "s")]
        command = ["bash", "-c", '"$@" >/dev/full', "bash", *program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    refused = json.loads(done.stderr)
    assert (done.returncode, refused["code"]) == (1, "E_HOST_REFUSED")
    assert refused["fix"]


def test_a_working_folder_that_is_gone_is_said_in_words(tmp_path: Path) -> None:
    script = f'mkdir "{tmp_path}/gone"; cd "{tmp_path}/gone"; rmdir "$PWD"; "$@"'
    for words in (["status", "--socket", "x"], ["daemon", "--state", "x"]):
        command = ["bash", "-c", script, "bash", sys.executable, "-m", "warren", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert "E_" in done.stderr


def test_ping_shows_each_way_and_stops_at_the_first_direct_answer(call: Call) -> None:
    code, out, _ = call("ping", "b")
    assert (code, out.splitlines()) == (
        0,
        [
            "pong from b (100.96.0.7) via relay in 41 ms",
            "pong from b (100.96.0.7) via direct 203.0.113.7:51901 in 3 ms",
        ],
    )


def test_a_count_means_exactly_so_many_answers(call: Call) -> None:
    assert len(call("ping", "b", "-c", "4")[1].splitlines()) == 4
    assert len(call("ping", "b", "-c", "4", "--until-direct")[1].splitlines()) == 2
    assert len(call("ping", "b", "--no-until-direct")[1].splitlines()) == 10


def test_no_answer_at_all_is_a_failure(call: Call) -> None:
    assert call("ping", "dead") == (1, "no answer from dead (100.96.0.9): no path\n", "")


def test_whoami_names_the_right_that_the_caller_has(call: Call) -> None:
    code, out, _ = call("whoami")
    assert code == 0
    assert "web" in out
    assert out.endswith("you may use this daemon as operator; operator: alice\n")


def test_leaving_wants_a_yes_and_tells_what_is_left_to_do(call: Call) -> None:
    code, out, err = call("leave", "default", "--yes")
    assert (code, out) == (0, "left default\n")
    assert "nobody else gets its name" in err
    assert "warren member kick a\n" in err


def test_down_waits_for_the_daemons_end_and_is_harmless_without_one(call: Call) -> None:
    assert call("down")[:2] == (0, "off: default; `warren up` brings it back\n")
    code, out, err = call.alone("down")
    assert (code, out) == (0, "")
    assert "already off" in err
    code, out, err = call.alone("down", "--json")
    assert (code, json.loads(out), err) == (0, {"networks": [], "pid": 0, "warnings": []}, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root ends a daemon that cannot be asked")
def test_down_ends_a_daemon_whose_socket_somebody_deleted(call: Call) -> None:
    state = call.socket.parent / "state"
    words = [sys.executable, "-I", "-m", "warren", "daemon", "--state", str(state), "--socket", str(call.socket)]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        try:
            client, deadline = LocalClient(call.socket), time.monotonic() + DAEMON_S
            while not client.is_answering():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            call.socket.unlink()
            code, out, _ = call.alone("down")
            assert (code, process.wait(DAEMON_S)) == (0, 0)
            assert f"process {process.pid}" in out
        finally:
            process.kill()
    assert "already off" in call.alone("down")[2]


def test_down_after_a_daemon_that_was_killed_says_how_to_undo_what_it_left(call: Call) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as killed:
        killed.bind(str(call.socket))
    code, out, err = call.alone("down")
    assert (code, out) == (3, "")
    assert "warren up, then warren down" in err


def test_down_where_this_user_may_not_look_is_refused_in_words(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", closed)
    code, out, err = call.alone("down")
    assert (code, out) == (1, "")
    assert "E_FORBIDDEN" in err


def test_settings_come_with_their_origin_on_demand(call: Call) -> None:
    assert call("config", "show")[1].splitlines()[1].split() == ["state", "/var/lib/warren"]
    assert call("config", "show", "--origin")[1].splitlines()[1].split()[2:] == ["default", "WARREN_STATE"]


def test_a_plan_is_shown_and_nothing_is_asked_to_be_on(call: Call) -> None:
    assert call("up", "--plan")[1].splitlines()[1].split() == ["add", "link", "warren0"]


def test_who_may_only_read_cannot_change(call: Call) -> None:
    assert call("status", right=Right.READER)[0] == 0
    code, _, err = call("down", right=Right.READER)
    assert code == 1
    assert "E_FORBIDDEN" in err


@pytest.mark.parametrize("words", [("status",), ("ping", "b"), ("whoami",), ("config", "show"), ("leave", "--yes")])
def test_no_daemon_is_exit_code_three(call: Call, words: tuple[str, ...]) -> None:
    code, out, err = call.alone(*words)
    assert (code, out) == (3, "")
    assert "E_DAEMON_UNREACHABLE" in err


def test_a_key_comes_from_a_file_or_standard_input_and_never_from_the_screen(call: Call, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("wk.used\n")
    code, out, err = call("up", "--server", "https://a.example", "--auth-key", f"file:{tmp_path / 'key'}")
    assert (code, "E_KEY_USED" in err) == (1, True)
    assert "wk.used" not in out + err


def test_a_reader_that_has_seen_enough_ends_the_program_quietly(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", ROUTES):
        program = [sys.executable, "-m", "warren", "ping", "b", "-c", "2000", "--socket", str(tmp_path / "s")]
        done = subprocess.run(
            [*["bash", "-c"], '"$@" | head -1', "bash", *program],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert (done.stdout.count("pong"), done.stderr) == (1, "")


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("warren ")


def test_a_socket_path_that_no_kernel_takes_is_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--socket", "/" + "x" * 120]) == 1
    assert "E_INVALID_ARGUMENT" in capsys.readouterr().err


def test_standard_input_gives_the_key(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", ROUTES):
        program = [sys.executable, "-m", "warren", "up", "--server", "https://a.example", "--auth-key", "-"]
        done = subprocess.run(
            [*program, "--socket", str(tmp_path / "s")],
            input="wk.used\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=dict(os.environ),
        )
    assert done.returncode == 1
    assert "E_KEY_USED" in done.stderr


@pytest.mark.parametrize("words", [("ping", "hostile"), ("ping", "hostile", "--json")])
def test_what_others_say_cannot_move_the_terminal_in_text_or_json(call: Call, words: tuple[str, ...]) -> None:
    code, _, err = call(*words)
    assert code == 1
    assert err.replace("\n", "").isprintable()
    assert err.isascii()
    assert "202e" in err


def test_the_state_folder_of_the_environment_finds_its_socket_for_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WARREN_STATE", str(tmp_path))
    with daemon(tmp_path / "warren.sock", ROUTES):
        assert main(["status"]) == 0
    assert "100.96.0.2" in capsys.readouterr().out
