"""The real programs on hosts of a lab: a server, and machines that join it, driven as a user drives them.

Daemon, state and socket of every machine are named, because all hosts of a lab share one disk.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.netlab.host import Host
from tests.netlab.process import Process
from tests.netlab.until import until

from warren.client.local import LocalClient
from warren.protocol.local.rights import STATUS
from warren.protocol.local.status import Path as PeerPath
from warren.protocol.local.status import Status

WARREN = Path(sys.executable).with_name("warren")
LOOK_S = 20.0  # for an answer of a daemon that lives
READY_S = 60.0  # for a server's first start on a machine that builds and tests other things meanwhile


class Server:
    """`warren server` on a host; start it again after a kill as often as you like."""

    def __init__(self, host: Host, folder: Path, port: int = 8443, *, family: int = 4) -> None:
        """`family`: whether nodes are told its IPv4 or its IPv6 address."""
        self.host = host
        self.data = folder / host.name
        self.url = f"http://{host.ip}:{port}" if family == 4 else f"http://[{host.ip6}]:{port}"
        self._listen = f":{port}"
        self.env: Mapping[str, str] = {}  # beside what every program here gets
        self.flags: tuple[str, ...] = ()  # beside data, URL and listener
        self.process: Process | None = None

    def start(self) -> None:
        """Start it and wait until it serves."""
        argv: list[str | Path] = [WARREN, "server", "--data", self.data, "--url", self.url, "--listen", self._listen]
        argv += self.flags
        self.process = self.host.start(argv, env={**os.environ, **self.env})
        self.process.wait_for("ready", READY_S)

    def key(self, *flags: str) -> str:
        """A new pre-auth key."""
        return self.host.run([WARREN, "key", "create", "--server", self.data, *flags]).stdout.strip()


class Machine:
    """A host with a daemon of its own."""

    def __init__(self, host: Host, folder: Path, name: str = "") -> None:
        """Its state and socket are in `folder`; it joins as `name`, by default its host's."""
        self.host = host
        self.name = name or host.name
        self.state = folder / self.name / "state"
        self.socket = folder / self.name / "warren.sock"
        self.env: Mapping[str, str] = {}  # beside what every program here gets

    def run(self, *words: str, check: bool = True) -> CompletedProcess[str]:
        """`warren WORDS` here, with this machine's socket (and state, for `up`)."""
        return self.host.run(self._argv(words), check=check, env={**os.environ, **self.env})

    def start(self, *words: str) -> Process:
        """The same, not waited for."""
        return self.host.start(self._argv(words), env={**os.environ, **self.env})

    def _argv(self, words: tuple[str, ...]) -> list[str | Path]:
        own = ["--state", str(self.state)] if words[0] == "up" else []
        return [WARREN, *words, *own, "--socket", str(self.socket)]

    def up(self, server: Server, key: str) -> None:
        """Join under the host's name."""
        self.run("up", "--server", server.url, "--auth-key", key, "--hostname", self.name)

    def status(self) -> dict[str, Any]:
        """`warren status --json`."""
        answer: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return answer

    def look(self) -> Status:
        """The same, asked from outside the host without a program's start: cheap enough to ask often."""
        return LocalClient(self.socket, LOOK_S).get(STATUS, Status)

    def path_to(self, name: str) -> PeerPath:
        """How packets reach a peer; of kind `none` too where this machine does not know it (yet)."""
        return next((peer.path for peer in self.look().peers if peer.name == name), PeerPath(kind="none"))

    def daemon_pid(self) -> int | None:
        """Of this machine's daemon, if one runs."""
        for pid in self.host.pids():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            if b"daemon" in words and str(self.socket).encode() in words:
                return pid
        return None

    def kill_daemon(self) -> None:
        """SIGKILL to the daemon, which runs; returns when all that it held is let go."""
        pid = self.daemon_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: has_ended(pid), "the killed daemon is gone, and its sockets with it")


def stands_still(pid: int) -> bool:
    """Whether SIGSTOP has taken hold: a thread that ran when it was sent goes on for a moment."""
    return all("State:\tT" in (one / "status").read_text() for one in Path(f"/proc/{pid}/task").iterdir())


def has_ended(pid: int) -> bool:
    """Whether all that a process held is closed: a dying one has no command line any more, but its threads still hold
    its sockets, its lock and its link."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return len(threads) <= 1 and state in {"Z", "X"}
