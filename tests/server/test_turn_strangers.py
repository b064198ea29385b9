"""Strangers at the datagram port of a real server: what they are sent, how long they are borne, what does not start."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.faults import figures
from tests.server.running import RunningServer, free_port

from warren.wire.stun import BindingSuccess, decode_binding_response, encode_binding_request

BINDING = bytes.fromhex("000100002112a442") + b"transaction!"
ALLOCATE = bytes.fromhex("000300082112a442") + b"transaction!" + bytes.fromhex("0019000411000000")
QUIET_S = 0.3
BORNE_S = 10.0


@pytest.fixture(name="port", scope="module")
def _port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("turn")
    secret = folder / "secret"
    secret.write_text("a secret that is long enough\n")
    port = free_port()
    running = RunningServer(folder / "data", "--relay-listen", f":{port}", "--turn-secret", f"file:{secret}")
    running.start()
    yield port
    running.stop()


def ask(port: int, *datagrams: bytes, host: str = "127.0.0.1", first_s: float = QUIET_S) -> list[bytes]:
    """Everything that comes back until nothing came for a while; the first answer has `first_s`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    answers: list[bytes] = []
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.connect((host, port))
        client.settimeout(first_s)
        for datagram in datagrams:
            client.send(datagram)
        try:
            while True:
                answers.append(client.recv(65535))
                client.settimeout(QUIET_S)
        except TimeoutError:
            return answers


def test_nobody_unproven_is_sent_more_than_it_sent(port: int) -> None:
    sent = got = 0
    for datagrams in ([BINDING], [ALLOCATE], [BINDING, BINDING], [ALLOCATE] * 3, [b"\x40\x00\x00\x01x"], [b"x" * 20]):
        sent += sum(map(len, datagrams))
        got += sum(map(len, ask(port, *datagrams)))
        assert got <= sent
    assert got > 0


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_our_own_clients_request_is_answered_at_once(port: int, host: str) -> None:
    request = encode_binding_request(b"transaction!")
    (answer,) = ask(port, request, host=host, first_s=30.0)
    response = decode_binding_response(answer)
    assert isinstance(response, BindingSuccess)
    assert str(response.mapped.address) == host
    assert len(answer) <= len(request)


def test_who_proves_nothing_over_tcp_is_closed_after_ten_seconds_and_by_a_large_message(port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port))) as large:
        large.settimeout(BORNE_S * 3)
        large.sendall(bytes.fromhex("00010fff")[:2] + (5000).to_bytes(2, "big") + BINDING[4:])
        assert large.recv(1) == b""
    began = time.monotonic()
    with closing(socket.create_connection(("127.0.0.1", port))) as slow:
        slow.settimeout(BORNE_S * 6)
        slow.sendall(BINDING)
        assert len(slow.recv(100)) == 32  # a connection proves its address
        slow.sendall(ALLOCATE[:10])
        assert slow.recv(100) == b""
    borne_s = time.monotonic() - began
    assert borne_s >= BORNE_S - 1
    figures.note("TURN over TCP: who proves nothing is closed", borne_s, BORNE_S + 3)


def test_foreign_words_over_tcp_close_at_once(port: int) -> None:
    for words in (b"POST / HTTP/1.1\r\n\r\n", b"\x00\x01\x00\x07", b"\x16\x03\x01\x00\x05\x01"):
        with closing(socket.create_connection(("127.0.0.1", port))) as client:
            client.settimeout(BORNE_S * 3)
            client.sendall(words)
            with suppress(ConnectionResetError):
                assert client.recv(100) == b""


@pytest.mark.parametrize("content", ["", "short\n", None])
def test_a_secret_that_is_none_stops_the_start(tmp_path: Path, content: str | None) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_text(content)
    words = ("--data", str(tmp_path / "data"), "--url", "http://127.0.0.1:1", "--listen", "127.0.0.1:0")
    ended = subprocess.run(
        [sys.executable, "-m", "warren", "server", *words, "--relay-listen", "127.0.0.1:0",
         "--turn-secret", f"file:{secret}"],
        env={**os.environ}, capture_output=True, timeout=60, check=False, text=True,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "E_INVALID_CONFIG" in ended.stderr
    assert str(secret) in ended.stderr
