"""A real server process on loopback with a real data folder, started and killed by its own pid."""

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
STOP_S = 15.0


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody had a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], patience_s: float = 15.0) -> None:
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
