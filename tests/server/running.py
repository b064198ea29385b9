"""A real server process on loopback with a real data folder, started and killed by its own pid."""

import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from warren.client.rest import RestClient
from warren.protocol.rest.keys import KeyCreate, KeyCreated
from warren.protocol.rest.members import Member, Members

START_S = 90.0  # on a machine that builds and tests other things meanwhile
STOP_S = 60.0
FIRST_PORT, PORTS_A_WORKER, WORKERS_MAX = 12_000, 2_500, 8  # up to 32,000: the kernel gives away those from 32,768 on
_ports = itertools.count(os.getpid())  # two runs at once begin elsewhere


def free_port() -> int:
    """A port that nobody has, TCP and UDP, and that nobody is given before it is used: below those that the kernel
    hands out by itself, and of a part that belongs to this worker of the test run."""
    while True:
        port = FIRST_PORT + next(_ports) % PORTS_A_WORKER + PORTS_A_WORKER * (_worker() % WORKERS_MAX)
        if _is_free(port):
            return port


def _worker() -> int:
    """The number of this process among those of a run (pytest-xdist names them gw0, gw1 and so on)."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what merely lingers is no obstacle
            try:
                probe.bind(("0.0.0.0", port))  # noqa: S104 - whoever has it on any address
            except OSError:
                return False
    return True


def wait_until(condition: Callable[[], object], patience_s: float = 60.0) -> None:
    """Ask again and again until it holds."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class RunningServer:
    """`warren server`, as a user starts it."""

    def __init__(self, data: Path, *extra: str, scheme: str = "http") -> None:
        self.data = data
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None
        self.printed: list[str] = []
        self.env: Mapping[str, str] = {}  # beside what this process has
        self.log = data.parent / f"{data.name}.log"

    @property
    def node_url(self) -> str:
        """Where nodes connect."""
        return self.url.replace("http", "ws", 1) + "/node/v1"

    @property
    def pid(self) -> int:
        """The process of the web part."""
        assert self._process is not None
        return self._process.pid

    @property
    def rest(self) -> RestClient:
        """The admin's API, over the folder's socket."""
        return RestClient(str(self.data))

    def start(self) -> "RunningServer":
        """Start and wait for `ready`."""
        self.printed = []
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "warren",
                    "server",
                    "--data",
                    str(self.data),
                    "--url",
                    self.url,
                    "--listen",
                    f"127.0.0.1:{self.port}",
                    *self._extra,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.env},
            )
        assert self._process.stdout is not None
        self._wait_until_ready(self._process.stdout)
        return self

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """End it in order; returns the exit code."""
        return self._end(by)

    def wait(self) -> int:
        """The exit code of a server that ends by itself (negative: the signal)."""
        process, self._process = self._process, None
        assert process is not None
        with process:
            return process.wait(STOP_S)

    def restart(self) -> None:
        """Stop in order and start on the same folder and port."""
        assert self.stop() == 0
        self.start()

    def create_key(self, network: str = "default", **fields: object) -> str:
        """A fresh pre-auth key's whole line."""
        body = KeyCreate(**fields)  # type: ignore[arg-type]
        return self.rest.post("networks", network, "keys", body=body, kind=KeyCreated).secret

    def members(self, network: str = "default") -> dict[str, Member]:
        """The members by name."""
        pages = self.rest.pages("networks", network, "members", kind=Members)
        return {member.name: member for page in pages for member in page.members}

    def _wait_until_ready(self, stdout: IO[bytes]) -> None:
        deadline = time.monotonic() + START_S
        said = b""
        while time.monotonic() < deadline:
            readable, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(stdout.fileno(), 65536) if readable else b""
            said += more
            self.printed = said.decode().splitlines()
            if said.endswith(b"\n") and self.printed[-1].startswith("ready "):
                return
            if not more:
                break
        self.kill()
        raise AssertionError(f"the server did not get ready: {self.log.read_text()}")

    def _end(self, number: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        self._process = None
        with process:
            if process.poll() is None:
                os.kill(process.pid, number)
            return process.wait(STOP_S)
