"""A steady stream from one host to another, and what became of it: lost, doubled, the longest silence.

with Stream(a.host, b.host, address_of_b) as stream:
    ...
assert stream.end.lost == 0
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.netlab import datagram_end
from tests.netlab.host import Host

RATE_HZ = 1_000.0
PORT = 7100


@dataclass(frozen=True, slots=True)
class End:
    """What the receiver saw; `lost` are numbers below the highest that never came, `cut_off` those above it."""

    sent: int
    refused: int
    received: int
    doubled: int
    highest: int
    lost: int
    missing: list[int]
    longest_s: float
    longest_at: int

    @property
    def cut_off(self) -> int:
        """How many at the end of the stream never came."""
        return self.sent - 1 - self.highest


class Stream:
    """Use as a context manager; `end` is there after it."""

    def __init__(self, source: Host, target: Host, address: str, *, rate_hz: float = RATE_HZ, port: int = PORT) -> None:
        program = [sys.executable, "-I", "-S", str(Path(datagram_end.__file__))]
        self._receiver = target.start([*program, "receive", address, str(port)])
        self._receiver.wait_for("ready")
        self._sender = source.start([*program, "send", address, str(port), str(rate_hz)])
        self._sender.wait_for("ready")
        self.end: End | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> End:
        """End it, the sender first; the same answer when asked again."""
        if self.end is None:
            said: dict[str, Any] = {}
            for process in (self._sender, self._receiver):
                process.stop()
                said |= json.loads(process.output().splitlines()[-1])
            self.end = End(**said)
        return self.end
