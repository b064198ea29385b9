"""A program that runs on a host of the lab: its pid, its log, its end.

Programs are killed by their own pid only. Standard output and error go to one file, so that a chatty program never
blocks on a pipe that nobody reads.
"""

import contextlib
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

POLL_S = 0.01  # between looks at a log; a log has no event that all systems offer
PATIENCE_S = 30.0  # for a line: a program's start on a machine at six times its load takes seconds
END_S = 30.0  # between SIGTERM and SIGKILL, where the end itself is waited for


class Process:
    """A started program."""

    def __init__(
        self, argv: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, title: str = ""
    ) -> None:
        self.title = title or argv[0]
        self.log = log
        with log.open("wb") as out:
            self._child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env
            )

    @property
    def pid(self) -> int:
        """Of the program itself, as seen from outside the lab and inside it."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._child.poll() is None

    def output(self) -> str:
        """All it has printed so far."""
        return self.log.read_text(errors="replace")

    def wait(self, timeout_s: float) -> int:
        """The exit status (negative: the signal), once it has ended; TimeoutError with the log when it has not."""
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.title} still runs after {timeout_s} s; its log:\n{self.output()}") from None

    def wait_for(self, text: str, timeout_s: float = PATIENCE_S, *, times: int = 1) -> str:
        """The first whole line of the log that contains `text` (or the one with which there are so many of them).

        TimeoutError or, if the program has ended, RuntimeError, with the log, if it does not come.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            ended = not self.running
            said = self.output()
            whole = said if ended else said[: said.rfind("\n") + 1]  # the rest of a line may be on its way
            found = [line for line in whole.splitlines() if text in line]
            if len(found) >= times:
                return found[times - 1]
            if ended:
                raise RuntimeError(f"{self.title} ended ({self._child.returncode}) without {text!r}:\n{self.output()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.title} did not print {text!r} in {timeout_s} s:\n{self.output()}")
            time.sleep(POLL_S)

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and reap."""
        self.signal(signal.SIGKILL)
        self.wait(END_S)

    def stop(self, within_s: float = END_S) -> int:
        """SIGTERM, SIGKILL after so many seconds; the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(within_s)
        except TimeoutError:
            self.kill()
            return self.wait(END_S)
