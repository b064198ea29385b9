"""How a server starts: with TLS, without, on a taken port, with wrong words."""

import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.server.node import TestNode
from tests.server.running import RunningServer, free_port, wait_until
from websockets.asyncio.client import ClientConnection, connect

from warren.errors import Code
from warren.limits import SESSION_FROM_SERVER_MAX_BYTES
from warren.protocol.control.node_role import Carrier
from warren.protocol.rest.networks import Networks

OPENS_NOTHING = {"alembic_version", "audit", "documents", "networks"}
"""What a first start fills: the network `default`, and what is written of that."""


class TlsNode(TestNode):
    """A node over TLS whose system does not trust the certificate; `seen` replaces the one it really saw."""

    seen: bytes | None = None

    async def _connect(self) -> ClientConnection:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        socket = await connect(
            self.url, ssl=context, compression=None, max_size=SESSION_FROM_SERVER_MAX_BYTES, proxy=None
        )
        shown = socket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self._carrier = Carrier(self.seen or hashlib.sha256(shown).digest())
        return socket


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("secure") / "data", scheme="https").start()
    yield running
    running.stop()


async def test_a_node_joins_over_a_self_signed_certificate_that_the_server_signed(secure: RunningServer) -> None:
    async with TlsNode(secure.node_url) as node:
        assert await node.join(secure.create_key(), "over-tls") is None
    certificate = (secure.data / "tls" / "auto.crt").read_bytes()
    has_terminal = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    assert secure.stop(by=signal.SIGHUP if has_terminal else signal.SIGTERM) == 0  # as when its terminal is closed
    secure.start()
    assert (secure.data / "tls" / "auto.crt").read_bytes() == certificate


async def test_a_node_that_saw_another_certificate_goes_away(secure: RunningServer) -> None:
    key = secure.create_key()
    async with TlsNode(secure.node_url) as node:
        node.seen = bytes(32)
        refused = await node.join(key, "intercepted")
        assert refused is not None
        assert refused.code is Code.SERVER_IDENTITY
        assert node.membership == b""


def warren_server(*words: str, timeout_s: float = 90) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "warren", "server", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ((), 2, Code.INVALID_ARGUMENT),
        (("--data", "d"), 2, "--url"),
        (("--nonsense",), 2, "unrecognized"),
        (("--data", "d", "--url", "gopher://x"), 1, Code.INVALID_CONFIG),
        (("--data", "/proc/nowhere", "--url", "http://127.0.0.1"), 1, Code.INVALID_CONFIG),
        (("--data", "x" * 300, "--url", "http://127.0.0.1"), 1, Code.INVALID_CONFIG),
    ],
)
def test_wrong_words_are_answered_in_words(words: tuple[str, ...], exit_code: int, said: str) -> None:
    answer = warren_server(*words)
    assert answer.returncode == exit_code
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_the_servers_packages_it_says_what_to_install(tmp_path: Path) -> None:
    without = "import sys; sys.modules['sqlalchemy'] = None; from warren.__main__ import main; sys.exit(main())"
    words = ["server", "--data", str(tmp_path / "d"), "--url", "http://127.0.0.1:1"]
    answer = subprocess.run(
        [sys.executable, "-c", without, *words], capture_output=True, text=True, timeout=90, check=False
    )
    assert answer.returncode == 1
    assert Code.UNSUPPORTED in answer.stderr
    assert "warren[server]" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "d").exists()


def test_a_port_of_the_url_that_nobody_listens_on_is_warned_of(tmp_path: Path) -> None:
    own = RunningServer(tmp_path / "data")
    assert own.start().stop() == 0
    assert "forwards" not in own.log.read_text()
    own.url = "http://127.0.0.1"
    assert own.start().stop() == 0
    assert "--listen :80\n" in own.log.read_text()


def test_help_teaches_with_examples() -> None:
    answer = warren_server("--help")
    assert answer.returncode == 0
    assert "WARREN_LISTEN" in answer.stdout
    assert "warren server --data" in answer.stdout


def test_a_taken_port_is_refused_and_nothing_keeps_running(server: RunningServer, tmp_path: Path) -> None:
    listen = f"127.0.0.1:{server.port}"
    answer = warren_server("--data", str(tmp_path / "d"), "--url", server.url, "--listen", listen)
    assert answer.returncode == 1
    assert Code.LISTEN_FAILED in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "d" / "admin.sock").exists()


def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    answer = warren_server("--data", str(tmp_path / "d"), "--url", "https://127.0.0.1:1", "--tls", f"{wrong},{wrong}")
    assert answer.returncode == 1
    assert Code.INVALID_CONFIG in answer.stderr
    assert "Traceback" not in answer.stderr


def test_plain_http_off_loopback_is_warned_of_and_metrics_have_their_own_port(tmp_path: Path) -> None:
    metrics = free_port()
    own = RunningServer(tmp_path / "data", "--metrics-listen", f"127.0.0.1:{metrics}")
    own.url = f"http://vpn.example.org:{own.port}"
    own.start()
    try:
        assert "warning" in own.log.read_text()
        assert own.printed[-1] == f"ready {own.url}"
        with urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=60) as answer:
            assert b"warren_sessions" in answer.read()
        assert own.rest.get("networks", kind=Networks).networks[0].name == "default"
    finally:
        assert own.stop() == 0


def _written(data: Path) -> tuple[set[str], set[str], list[bytes]]:
    """Of a server's database: its tables, those with anything in them, and the digests of first links."""
    with contextlib.closing(sqlite3.connect(f"file:{data / 'warren.db'}?mode=ro", uri=True)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        filled = {name for name in tables if database.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()}  # noqa: S608
        return tables, filled, [digest for (digest,) in database.execute("SELECT digest FROM first_links")]


def test_the_first_start_makes_nobody_who_may_come_in(tmp_path: Path) -> None:
    """No default user, role, token or key (rule 17), and the link for the first user is another one at each start."""
    running = RunningServer(tmp_path / "data").start()
    try:
        tables, filled, links = _written(running.data)
        running.restart()
        later = _written(running.data)[2]
    finally:
        running.stop()
    assert {"users", "network_roles", "tokens", "sessions", "passkeys", "join_keys", "members"} <= tables
    assert filled <= OPENS_NOTHING | {"first_links"}
    assert len(links) == len(later) == 1
    assert links != later


def test_a_server_that_runs_has_set_aside_what_it_began_with(secure: RunningServer) -> None:
    def told() -> list[dict[str, str]]:
        whole, _, _ = secure.log.read_text().rpartition("\n")
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "holds"]

    before = len(told())
    os.kill(secure.pid, signal.SIGUSR1)
    wait_until(lambda: len(told()) > before)
    assert int(told()[-1]["set_aside"]) > 50_000, "refused requests leave garbage, which is looked for among few others"
