"""A capture on a host's interface: runs the sniffer there, then gives the packets.

    with a.capture("eth0") as capture:
        a.run(["ping", "-c1", str(b.ip)])
    assert all(packet.protocol == ICMP for packet in capture.packets)

Every packet between entering and leaving the block is there; if the kernel had to drop one, leaving it raises.
"""

import select
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.netlab import sniffer
from tests.netlab.packet import Packet, parse_pcap

ANSWER_S = 30.0  # the sniffer starts in 20 ms and stops within 2 s, where it gets a core


class Capture:
    """Use as a context manager; `packets` and `file` are complete after it."""

    def __init__(self, enter: Sequence[str], interface: str, file: Path) -> None:
        self.file = file
        self._argv = [*enter, sys.executable, "-I", "-S", str(sniffer.__file__), interface, str(file)]
        self._child: subprocess.Popen[str] | None = None

    @cached_property
    def packets(self) -> tuple[Packet, ...]:
        """What was captured, oldest first."""
        assert self._child is None, "stop the capture before reading it"
        return tuple(parse_pcap(self.file.read_bytes()))

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._answer("ready")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.close()
        try:
            kept, dropped = self._answer("done").split()[1:]
        finally:
            self._end()
        if kind is None and int(dropped):
            raise RuntimeError(f"the capture kept {kept} packets, but the kernel dropped {dropped}")

    def _answer(self, word: str) -> str:
        assert self._child is not None
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        readable, _, _ = select.select([self._child.stdout], [], [], ANSWER_S)
        line = self._child.stdout.readline() if readable else ""
        if not line.startswith(word):
            self._child.kill()
            reason = self._child.stderr.read()
            self._end()
            raise RuntimeError(f"the sniffer said {line!r} where {word!r} was due: {reason}")
        return line

    def _end(self) -> None:
        if self._child is None:
            return
        self._child.wait(ANSWER_S)
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            if stream is not None:
                stream.close()
        self._child = None
