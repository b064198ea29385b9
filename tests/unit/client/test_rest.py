"""The client of a server: paths are quoted, problems become errors, nobody there has a code of its own."""

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.unit.cli.local_daemon import raw_server

from warren.client import rest
from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.protocol.rest.networks import NetworkRename, Networks
from warren.protocol.rest.problem import MEDIA_TYPE, STATUS_OF, Problem, error_of, problem_of
from warren.server import selfsigned


def http(status: int, body: bytes, media_type: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


@contextlib.contextmanager
def tcp_server(certificate: Path | None) -> Iterator[int]:
    """The port of a server that answers one request; by TLS with a certificate of its own, where it has a folder."""
    listener = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        files = (certificate / "crt", certificate / "key")
        selfsigned.make(*files, "127.0.0.1", time.time())
        context.load_cert_chain(*files)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            if certificate is not None:
                context.wrap_socket(connection, server_side=True).close()
            else:
                connection.recv(65536)
                connection.sendall(http(200, b"{}"))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(60)
        listener.close()


def folder(tmp_path: Path) -> str:
    return str(tmp_path)


def test_an_answer_over_the_admin_socket_arrives_as_its_value(tmp_path: Path) -> None:
    with raw_server(tmp_path / "admin.sock", http(200, b'{"networks": []}')):
        client = RestClient(folder(tmp_path))
        assert client.get("networks", kind=Networks) == Networks(networks=())
        assert client.name == str(tmp_path)


def test_a_problem_becomes_the_error_that_it_says(tmp_path: Path) -> None:
    problem = problem_of(WarrenError(Code.HOSTNAME_TAKEN, "the name is taken", "choose another"))
    answer = http(problem.status, msgspec.json.encode(problem), MEDIA_TYPE)
    with raw_server(tmp_path / "admin.sock", answer), pytest.raises(WarrenError) as caught:
        RestClient(folder(tmp_path)).patch("networks", "a", body=NetworkRename(name="b"), kind=Networks)
    assert (caught.value.code, caught.value.text, caught.value.fix) == (
        Code.HOSTNAME_TAKEN,
        "the name is taken",
        "choose another",
    )


@pytest.mark.parametrize("status", [200, 404, 502])
def test_what_is_no_warren_server_is_said_to_be_none(tmp_path: Path, status: int) -> None:
    with raw_server(tmp_path / "admin.sock", http(status, b"<html>")), pytest.raises(WarrenError) as caught:
        RestClient(folder(tmp_path)).get("networks", kind=Networks)
    assert caught.value.code is Code.MALFORMED
    assert "Warren server" in caught.value.fix


@pytest.mark.parametrize("where", ["", "http://127.0.0.1:9", "https://127.0.0.1:9", "/nowhere"])
def test_nobody_there_is_a_server_that_cannot_be_reached(where: str) -> None:
    with pytest.raises(WarrenError) as caught:
        RestClient(where, timeout_s=5).get("networks", kind=Networks)
    assert caught.value.code is Code.SERVER_UNREACHABLE


@pytest.mark.parametrize(
    ("where", "text", "fix"),
    [
        ("vpn.example.org", "there is no folder vpn.example.org", "https://"),
        ("ftp://vpn.example.org", "there is no folder", "https://"),
        ("http://127.0.0.1:9", "no server answers", "running there"),
    ],
)
def test_who_names_a_server_wrongly_hears_what_is_wrong(where: str, text: str, fix: str) -> None:
    with pytest.raises(WarrenError) as caught:
        RestClient(where, timeout_s=5).get("networks", kind=Networks)
    assert (text in caught.value.text, fix in caught.value.fix) == (True, True), caught.value


def test_a_name_without_an_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_words: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(WarrenError) as caught:
        RestClient("https://vpn.invalid").get("networks", kind=Networks)
    assert (caught.value.code, caught.value.text) == (Code.SERVER_UNREACHABLE, "no address of vpn.invalid is known")


@pytest.mark.parametrize(("is_tls", "scheme"), [(True, "https"), (True, "http"), (False, "https")])
def test_a_certificate_of_nobodys_and_the_wrong_scheme_are_told_from_nobody_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_tls: bool, scheme: str
) -> None:
    monkeypatch.setattr(rest, "CLIENT_AGAIN_S", 0.0)
    with tcp_server(tmp_path if is_tls else None) as port, pytest.raises(WarrenError) as caught:
        RestClient(f"{scheme}://127.0.0.1:{port}", timeout_s=30).get("networks", kind=Networks)
    assert caught.value.code is Code.SERVER_UNREACHABLE
    if is_tls and scheme == "https":
        assert "certificate" in caught.value.text
        assert "data folder" in caught.value.fix
    else:
        assert f"is it its {'https' if is_tls else 'http'}:// URL" in caught.value.fix


def test_a_url_with_a_wrong_port_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(WarrenError) as caught:
        RestClient("http://a.example:99999").get("networks", kind=Networks)
    assert caught.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("url", ["http://", "http://..", "http://[::1", "http://" + 80 * "a", "http://\udcff"])
def test_a_url_that_is_none_is_refused_in_words(url: str) -> None:
    with pytest.raises(WarrenError) as caught:
        RestClient(url).get("networks", kind=Networks)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_every_code_has_a_status_of_an_error_and_survives_the_way() -> None:
    for code in Code:
        problem = problem_of(WarrenError(code, "text", "fix"))
        assert 400 <= problem.status <= 599
        assert error_of(problem).code is code
    assert set(STATUS_OF) <= set(Code)


def test_a_code_of_a_newer_server_is_told_in_words() -> None:
    error = error_of(Problem(code="E_NEW", title="New", status=400, detail="what is new"))
    assert (error.code, error.text) == (Code.INTERNAL, "E_NEW: what is new")


@contextlib.contextmanager
def answering(path: Path, answers: list[bytes]) -> Iterator[list[bytes]]:
    """One connection after the other gets one of the answers; what they asked."""
    asked: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(65536))
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        thread.join(10)
        listener.close()


WHOLE = http(200, b'{"networks": []}')


@pytest.mark.parametrize("lost", [b"", WHOLE[:-3]], ids=["nothing", "half a body"])
def test_a_request_whose_answer_was_lost_is_sent_again_with_the_same_word(tmp_path: Path, lost: bytes) -> None:
    with answering(tmp_path / "admin.sock", [lost, WHOLE]) as asked:
        client = RestClient(folder(tmp_path))
        assert client.post("networks", body=NetworkRename(name="b"), kind=Networks) == Networks(networks=())
    words = [re.search(rb"(?i)idempotency-key: (\S+)", one) for one in asked]
    assert len(asked) == 2
    assert all(words)
    assert len({word[1] for word in words if word}) == 1


def test_what_only_asks_needs_no_word_and_each_request_has_its_own(tmp_path: Path) -> None:
    with answering(tmp_path / "admin.sock", [WHOLE, WHOLE, WHOLE]) as asked:
        client = RestClient(folder(tmp_path))
        client.get("networks", kind=Networks)
        for _ in range(2):
            client.delete("networks", kind=Networks)
    words = [re.search(rb"(?i)idempotency-key: (\S+)", one) for one in asked]
    assert words[0] is None
    assert len({word[1] for word in words if word}) == 2


def test_a_server_that_is_slow_is_asked_once(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "admin.sock"))
    listener.listen()
    with listener, pytest.raises(WarrenError) as caught:
        RestClient(folder(tmp_path), timeout_s=0.2).get("networks", kind=Networks)
    assert caught.value.code is Code.TIMEOUT
