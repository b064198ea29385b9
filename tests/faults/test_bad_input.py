"""F19: malformed input on every port and socket there is. Nothing crashes or grows, traffic goes on."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.faults.figures import SEED, note, tell, times
from tests.faults.invariants import broken_lines, open_files
from tests.faults.lying import memory_kib
from tests.netlab.conftest import made
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.process import Process

pytestmark = pytest.mark.netlab

SECONDS = times(4, 75)  # a port; four of them, so 5 minutes in full
RATE = 10_000  # bad datagrams a second
FLOW = 500  # good packets a second, of which so many have to arrive
ARRIVE = 0.95
LINES_A_MINUTE = 10.0
MEMORY_MIB = 40.0

FLOW_SEND = """
import socket, sys, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
began, sent, rate, seconds = time.monotonic(), 0, int(sys.argv[2]), float(sys.argv[3])
while (passed := time.monotonic() - began) < seconds:
    while sent < passed * rate:
        out.sendto(bytes(800), (sys.argv[1], 5002))
        sent += 1
    time.sleep(0.002)  # the rate of a load generator, no wait for anything
print(sent)
"""
FLOW_COUNT = """
import socket
into = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
into.bind(("", 5002))
print("counting", flush=True)
count = 0
into.settimeout(float(__import__("sys").argv[1]))
try:
    while into.recv(2048):
        count += 1
except TimeoutError:
    print("counted", count, flush=True)
"""


class Field:
    """A server, two machines that talk, and a host that makes noise."""

    def __init__(self, lab: Lab) -> None:
        lan = lab.switch("lan")
        self.server = Server(lab.host("server", lan), lab.folder)
        self.a, self.b = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b"))
        self.noise: Host = lab.host("noise", lan)
        self.server.start()
        key = self.server.key("--reusable")
        self.a.up(self.server, key)
        self.b.up(self.server, key)
        self.b.run("ping", "a", "-c", "1", "--timeout", "10s")
        assert self.server.process is not None
        self.logs = [self.server.process.log, self.a.state / "daemon.log"]

    def start(self, where: Host, *words: str) -> Process:
        """Start the noise."""
        return where.start([sys.executable, "-m", "tests.faults.noise", *words])

    def flow(self) -> float:
        """The part of a flow from `b` to `a` that arrives, as long as the noise lasts (less a second)."""
        counting = self.a.host.start([sys.executable, "-c", FLOW_COUNT, "2"])
        counting.wait_for("counting")
        target = self.a.status()["self"]["addresses"][0]
        words = [sys.executable, "-c", FLOW_SEND, target, str(FLOW), str(SECONDS - 1)]
        sent = int(self.b.host.run(words, timeout_s=SECONDS + 20).stdout)
        arrived = int(counting.wait_for("counted", SECONDS + 20).split()[1])
        counting.wait(SECONDS)
        return arrived / sent


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("noise")
    with made(folder, user_namespace=None) as lab:
        yield Field(lab)
    assert open_files(folder) == []
    assert broken_lines(folder) == []


@contextmanager
def flat(field: Field, pid: int | None, what: str) -> Iterator[None]:
    """Around the noise: the process stays, and neither its memory nor any log grows."""
    assert pid is not None
    before, lines = memory_kib(pid), sum(map(_lines, field.logs))
    yield
    note(f"memory after bad input on {what}", max(memory_kib(pid) - before, 0) / 1024, MEMORY_MIB, "MiB")
    written = sum(map(_lines, field.logs)) - lines
    note(f"log lines for bad input on {what}", written, LINES_A_MINUTE * max(SECONDS / 60, 1.0), "lines")
    assert field.a.status()["networks"][0]["server"]["state"] == "connected"


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def test_ten_thousand_bad_datagrams_a_second_leave_the_tunnel_its_traffic(field: Field) -> None:
    (endpoints,) = field.a.state.glob("networks/*/endpoints.json")
    port = endpoints.read_text().split('"port":')[1].split(",")[0]
    with flat(field, field.a.daemon_pid(), "the tunnel's port"):
        sending = field.start(field.noise, "udp", str(field.a.host.ip), port, str(SECONDS), str(RATE), str(SEED))
        arrived = field.flow()
        sending.wait(SECONDS + 30.0)
    sent = int(sending.output().split()[-1])
    note("lost of a flow beside bad datagrams", 1 - arrived, 1 - ARRIVE, "of all")
    tell(f"bad datagrams a second: {sent / SECONDS:.0f}")
    assert sent >= RATE * SECONDS * 0.5, "this machine is too busy to make the noise"


def test_bad_connections_to_the_daemons_socket_change_nothing(field: Field) -> None:
    before = field.a.status()["self"]
    with flat(field, field.a.daemon_pid(), "the daemon's socket"):
        sending = field.start(field.a.host, "stream", "unix", str(field.a.socket), str(SECONDS), str(SEED))
        sending.wait(SECONDS + 30.0)
    tell(f"bad calls to the daemon: {sending.output().strip()}")
    assert field.a.status()["self"] == before
    assert field.a.daemon_pid() is not None


@pytest.mark.parametrize("which", ["the public port", "the admin's socket"])
def test_bad_connections_to_the_server_change_nothing(field: Field, which: str) -> None:
    process = field.server.process
    assert process is not None
    words = (str(field.server.host.ip), "8443") if which == "the public port" else (
        "unix", str(field.server.data / "admin.sock"),
    )  # fmt: skip
    where = field.noise if which == "the public port" else field.server.host
    with flat(field, process.pid, which):
        sending = field.start(where, "stream", *words, str(SECONDS), str(SEED))
        sending.wait(SECONDS + 30.0)
    tell(f"bad connections to {which}: {sending.output().strip()}")
    key = field.server.key()
    assert key.startswith("wk."), "the server still makes keys"
    began = time.monotonic()
    assert field.b.run("ping", "a", "-c", "1").returncode == 0
    assert time.monotonic() - began < 10.0
