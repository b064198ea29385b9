"""The client of the daemon: answers, streams, problems, and every way in which a daemon can be no daemon."""

import socket
import threading
from pathlib import Path

import pytest
from tests.unit.cli.local_daemon import daemon, raw_server

from warren.client.local import LocalClient
from warren.errors import Code, WarrenError
from warren.node.api.http import Reply, Request
from warren.protocol.local.ping import PingLine, PingLost, PingPong, PingRequest, PingResult
from warren.protocol.local.rights import DOWN, PING, STATUS, WHOAMI, Right
from warren.protocol.local.whoami import Whoami

HERE = Whoami(networks=(), right="root", operator="alice")
PONG = PingPong(number=1, name="b", address="100.64.0.2", via="direct", endpoint="192.0.2.1:7", latency_ms=1.5)


async def answer_whoami(_request: Request, reply: Reply) -> None:
    await reply.result(HERE)


async def answer_ping(request: Request, reply: Reply) -> None:
    host = request.decode(PingRequest).host
    await reply.line(PONG)
    await reply.line(PingLost(number=2, name=host, address="100.64.0.2", reason="no path"))
    if host == "broken":
        raise WarrenError(Code.NOT_FOUND, "the peer went away", "try later")
    await reply.line(PingResult(sent=2, answered=1))


ROUTES = {("GET", WHOAMI): answer_whoami, ("POST", PING): answer_ping, ("POST", DOWN): answer_whoami}


def take_one(listener: socket.socket) -> None:
    listener.accept()[0].close()


def test_a_caller_waits_its_turn_where_more_call_than_the_kernel_lets_wait(tmp_path: Path) -> None:
    """Found by a crowd of callers: the kernel's `try again` was told as `no daemon answers`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as full, socket.socket(socket.AF_UNIX) as waiting:
        full.bind(str(tmp_path / "s"))
        full.listen(0)
        waiting.connect(str(tmp_path / "s"))
        with pytest.raises(WarrenError) as late:
            LocalClient(tmp_path / "s", timeout_s=0.05).get(WHOAMI, Whoami)
        assert late.value.code is Code.TIMEOUT
        room = threading.Timer(0.1, take_one, [full])
        room.start()
        assert LocalClient(tmp_path / "s", timeout_s=10).is_answering()
        room.join()


def test_an_answer_arrives_as_its_value(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", ROUTES):
        assert LocalClient(tmp_path / "s").get(WHOAMI, Whoami) == HERE


def test_a_stream_arrives_line_by_line(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", ROUTES):
        lines = list(LocalClient(tmp_path / "s").stream(PING, PingRequest(host="b"), PingLine))
    assert lines[0] == PONG
    assert lines[-1] == PingResult(sent=2, answered=1)


def test_a_stream_that_breaks_says_why(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", ROUTES), pytest.raises(WarrenError) as caught:
        list(LocalClient(tmp_path / "s").stream(PING, PingRequest(host="broken"), PingLine))
    assert (caught.value.code, caught.value.fix) == (Code.NOT_FOUND, "try later")


def test_a_caller_without_the_right_hears_which_it_needs(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", ROUTES, Right.READER), pytest.raises(WarrenError) as caught:
        LocalClient(tmp_path / "s").post(DOWN, None, Whoami)
    assert caught.value.code is Code.FORBIDDEN
    assert "operator" in caught.value.text


def test_what_the_daemon_does_not_know_is_a_problem(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", ROUTES), pytest.raises(WarrenError) as caught:
        LocalClient(tmp_path / "s").get(STATUS, Whoami)
    assert caught.value.code is Code.NOT_FOUND


def test_nobody_listening_is_a_daemon_that_cannot_be_reached(tmp_path: Path) -> None:
    client = LocalClient(tmp_path / "none")
    assert not client.is_answering()
    with pytest.raises(WarrenError) as caught:
        client.get(STATUS, Whoami)
    assert caught.value.code is Code.DAEMON_UNREACHABLE
    assert "warren up" in caught.value.fix


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", Code.DAEMON_UNREACHABLE),
        (b"SSH-2.0-OpenSSH\r\n", Code.DAEMON_UNREACHABLE),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}", Code.DAEMON_UNREACHABLE),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", Code.MALFORMED),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n\xff\xfe nope!", Code.MALFORMED),
        (b"HTTP/1.1 500 Oops\r\n\r\n<html>", Code.MALFORMED),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", Code.TOO_LARGE),
    ],
    ids=["nothing", "another protocol", "cut", "other fields", "no JSON", "no problem", "endless"],
)
def test_whatever_answers_becomes_an_error_with_a_code(tmp_path: Path, answer: bytes, code: Code) -> None:
    with raw_server(tmp_path / "s", answer), pytest.raises(WarrenError) as caught:
        LocalClient(tmp_path / "s").get(WHOAMI, Whoami)
    assert caught.value.code is code


def test_a_stream_that_is_cut_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    with raw_server(tmp_path / "s", head), pytest.raises(WarrenError) as caught:
        list(LocalClient(tmp_path / "s").stream(PING, PingRequest(host="b"), PingLine))
    assert caught.value.code is Code.DAEMON_UNREACHABLE


def test_a_daemon_that_hangs_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(WarrenError) as caught:
            LocalClient(tmp_path / "s", timeout_s=0.05).get(WHOAMI, Whoami)
    assert caught.value.code is Code.TIMEOUT
