"""A real `warren server` on loopback with TURN, and credentials for it, for clients that others wrote."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.server.running import RunningServer, free_port
from tests.server.test_rest import AdminConnection, call

from warren.model.keys import Secret
from warren.relay.turn import Credential, credential

SECRET = "a secret that is long enough for anybody"
PROGRAM_S = 60.0


@dataclass(frozen=True, slots=True)
class TurnServer:
    """Where it listens: UDP, TCP and TLS at one number, on every address of this machine."""

    running: RunningServer
    port: int

    def credential(self, user: str = "alice", lifetime_s: int = 600) -> Credential:
        """As the server's web part would make it."""
        return credential(Secret(SECRET.encode()), user, now_s=time.time(), lifetime_s=lifetime_s)

    def counters(self) -> dict[str, int]:
        """What the datagram port counted, from /metrics."""
        _, _, content = call(AdminConnection(self.running), "GET", "/metrics")
        text = content.decode()
        found = re.findall(r"^warren_front_turn_(\w+) ([\d.e+]+)$", text, re.MULTILINE)
        return {name: int(float(value)) for name, value in found}


@contextmanager
def serving(folder: Path, *extra: str) -> Iterator[TurnServer]:
    """A server whose clients may reach loopback, since that is all there is here."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "turn-secret"
    secret.write_text(SECRET + "\n")
    port = free_port()
    words = ("--relay-listen", f":{port}", "--turn-secret", f"file:{secret}", *extra)
    running = RunningServer(folder / "data", *words, scheme="https").start()
    try:
        yield TurnServer(running, port)
    finally:
        running.stop()


@contextmanager
def program(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program for as long as the block runs."""
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def output(*argv: str) -> str:
    """What a program prints until it ends, which it does within PROGRAM_S."""
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PROGRAM_S, check=False, text=True
    )
    return done.stdout
