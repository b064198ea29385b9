"""A tunnel of our engine on a host of the lab, driven over the pipes of `engine_program.py`."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from ipaddress import IPv4Interface, IPv6Interface
from types import TracebackType
from typing import Any, Self

from tests.netlab.host import Host
from tests.netlab.tun import need_tun

EVENT_S = 30.0
END_S = 30.0


class EngineRefusal(Exception):  # noqa: N818 - carries an exception of the other process by name
    """What the engine raised: the exception's name, its errno if any, its text."""

    def __init__(self, name: str, errno: int | None, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.errno = errno


class Engine:
    """One tunnel, of most tests with one peer. `link`, `port` and `workers` are what it got."""

    def __init__(
        self, host: Host, link: str, private_key: bytes, *, port: int = 0, mtu: int | None = None,
        offloads: int | None = None, env: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Open the tunnel, with more in its environment; EngineRefusal as the engine says."""
        need_tun()
        self._host = host
        self._events: list[list[Any]] = []
        self._child = subprocess.Popen(
            [
                *host.enter(),
                "env",
                *(f"{name}={value}" for name, value in (env or {}).items()),
                sys.executable,
                "-m",
                "tests.interop.engine_program",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            named = {name: value for name, value in (("mtu", mtu), ("offloads", offloads)) if value is not None}
            about = self.ask("open", link, private_key.hex(), port, named)
        except EngineRefusal:
            self.end()
            raise
        self.link: str = about["link"]
        self.port: int = about["port"]
        self.workers: int = about["workers"]

    def ask(self, method: str, *arguments: Any) -> Any:
        """The answer of a method of `engine_program.Program`; named arguments come last as a dict."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the engine's process ended with {self._child.wait(END_S)}")
        verdict, *answer = json.loads(line)
        if verdict == "error":
            raise EngineRefusal(*answer)
        return answer[0]

    def set_peer(
        self, public_key: bytes, allowed: str, *, preshared_key: bytes = b"", endpoint: str = "", mode: str = "MANAGED",
        transport: str = "wireguard", number: int = 1,
    ) -> None:  # fmt: skip
        """Add the peer and open its gate."""
        self.ask("set_peer", public_key.hex(), allowed, preshared_key.hex(), endpoint, mode, transport, number)

    def up(self, *addresses: IPv4Interface | IPv6Interface) -> None:
        """Give the link its addresses and raise it."""
        words = [f"addr add {ip} dev {self.link}{' nodad' if ip.version == 6 else ''}" for ip in addresses]
        self._host.ip_batch(*words, f"link set {self.link} up")

    def wait_for(self, kind: str, within_s: float = EVENT_S) -> list[Any]:
        """The fields of the next event of this kind; events of other kinds before it are kept."""
        deadline = time.monotonic() + within_s
        while True:
            for place, (name, *fields) in enumerate(self._events):
                if name == kind:
                    del self._events[place]
                    return fields
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no {kind} within {within_s} s; there were {self._events}; {self.ask('counters')}")
            self._events += self.ask("events", left)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    def end(self) -> None:
        """End the process by the end of its input, and wait."""
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                stream.close()
        try:
            self._child.wait(END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(END_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()
