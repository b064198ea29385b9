"""A steady stream of echo requests through a tunnel, whose answers show for how long nothing came through."""

import itertools
import re
import time

from tests.netlab.host import Host
from tests.netlab.until import until

INTERVAL_S = 0.05
STEADY_S = 1.0  # answers for so long mean that it flows
QUIET_S = 2.0  # after a change: what was under way does not count, nor what flows until the change is noticed
_ANSWER = re.compile(r"^\[(\d+\.\d+)\].*icmp_seq=(\d+)", re.MULTILINE)
_ANSWERED = re.compile(r"bytes from .*icmp_seq=(\d+)")


def unanswered(output: str) -> int:
    """How many requests of a `ping` that prints every answer have none, of those before the last that has one.

    What was on its way when it was ended is neither lost nor answered: `ping` itself counts it as lost.
    """
    numbers = {int(number) for number in _ANSWERED.findall(output)}
    return max(numbers, default=0) - len(numbers)


class Stream:
    """Runs until the lab ends. Times are Unix seconds."""

    def __init__(self, host: Host, address: str) -> None:
        self._process = host.start(["ping", "-n", "-D", "-O", "-i", str(INTERVAL_S), "-s", "200", address])

    def answered(self) -> list[float]:
        """When each answer came."""
        lines = [line for line in self._process.output().splitlines() if "bytes from" in line]
        return [float(found[1]) for line in lines if (found := _ANSWER.search(line)) is not None]

    def flows(self, within_s: float = 15.0) -> None:
        """Wait until answers come."""
        count = len(self.answered())
        until(lambda: len(self.answered()) > count + 5, "answers come", within_s)

    def resumed_s(self, since: float, within_s: float = 30.0) -> float:
        """For how long nothing came after `since` (Unix seconds): the longest gap, once answers flow for a second."""
        until(lambda: self._is_steady(since), "the stream flows again", within_s)
        return self.longest_gap_s(since)

    def _is_steady(self, since: float) -> bool:
        late = [at for at in self.answered() if at > since]
        needed = int(STEADY_S / INTERVAL_S) - 2
        return len(late) > needed and late[-1] - late[-needed] < STEADY_S and late[-1] > since + QUIET_S

    def longest_gap_s(self, since: float) -> float:
        """The longest time without an answer after `since`, up to the newest one."""
        times = [since, *(at for at in self.answered() if at > since)]
        return max((after - before for before, after in itertools.pairwise(times)), default=time.time() - since)
