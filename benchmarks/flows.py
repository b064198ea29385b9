"""TCP flows that begin at one signal and are counted in one window: what all of them carried together, by the clock."""

import sys
import time
from dataclasses import dataclass

from tests.netlab.host import Host

from benchmarks import pump

FIRST_PORT = 5201
LEAD_S = 0.1  # from the signal to the beginning
WARM_UP_S = 0.5  # all flow, nothing counts yet
COOL_DOWN_S = 0.3  # nothing counts any more, all still flow
PATIENCE_S = 30.0  # for what stands in queues when a source has ended


@dataclass(frozen=True, slots=True)
class Line:
    """Where one flow comes from, where it goes, and the address that leads there."""

    source: Host
    sink: Host
    address: str


class Flows:
    """One a line; once made, all are connected, and none has sent a byte."""

    def __init__(self, *lines: Line) -> None:
        folder = lines[0].source.folder
        self._window = folder / f"flows-{len(list(folder.glob('flows-*')))}"
        self._from_s = self._until_s = 0.0
        program = [sys.executable, str(pump.__file__)]
        pairs = [(line, [line.address, str(port), str(self._window)]) for port, line in enumerate(lines, FIRST_PORT)]
        self._sinks = [line.sink.start([*program, "sink", *place]) for line, place in pairs]
        for one in self._sinks:
            one.wait_for("listens")
        self._sources = [line.source.start([*program, "source", *place]) for line, place in pairs]
        for one in self._sources:
            one.wait_for("connected")

    def begin(self, seconds: float) -> None:
        """Let all of them flow; returns when so many seconds begin in which bytes count."""
        begin_s = time.monotonic() + LEAD_S
        self._from_s = begin_s + WARM_UP_S
        self._until_s = self._from_s + seconds
        written = self._window.with_suffix(".part")
        written.write_text(f"{begin_s} {self._from_s} {self._until_s} {self._until_s + COOL_DOWN_S}", "ascii")
        written.rename(self._window)
        time.sleep(max(0.0, self._from_s - time.monotonic()))

    def left_s(self) -> float:
        """Of the time in which bytes count."""
        return max(0.0, self._until_s - time.monotonic())

    def bytes_s(self) -> float:
        """What arrived a second, of all flows together, when they have ended."""
        for one in self._sources:
            one.wait(self.left_s() + COOL_DOWN_S + PATIENCE_S)
        arrived = [int(one.wait_for("arrived", PATIENCE_S).split()[1]) for one in self._sinks]
        return sum(arrived) / (self._until_s - self._from_s)

    def run(self, seconds: float) -> float:
        """Bytes a second, from the signal to the end."""
        self.begin(seconds)
        return self.bytes_s()
