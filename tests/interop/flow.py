"""A transfer between two hosts of the lab: started, waited for, judged."""

import json
import signal
import sys
from ipaddress import IPv4Address, IPv6Address

from tests.interop import transfer
from tests.netlab.host import Host
from tests.netlab.process import Process

SLOWEST_BYTES_PER_S = 5e6  # slower than this on an idle machine is a failure, not a slow machine


class Flow:
    """`count` bytes from `source` to `target` at its `address`, at `bytes_per_s` (0: as fast as it goes)."""

    def __init__(
        self, source: Host, target: Host, address: IPv4Address | IPv6Address, count: int, bytes_per_s: float = 0,
        *, patience_s: float = 90.0,
    ) -> None:  # fmt: skip
        """Start it; both ends are connected, or soon will be. `patience_s`: beside the time that it takes by itself."""
        self._count = count
        self._is_cut_short = False
        self.stall_s = 0.0
        """The longest time in which nothing arrived; known once it is finished."""
        self._patience_s = patience_s + count / (bytes_per_s or SLOWEST_BYTES_PER_S)
        program, place = [sys.executable, str(transfer.__file__)], [str(address), str(transfer.PORT)]
        self._receiver = target.start([*program, "receive", *place])
        self._receiver.wait_for("ready")
        self._sender = source.start([*program, "send", *place, str(count), str(bytes_per_s)])

    @property
    def running(self) -> bool:
        """Whether the sender still has something to do."""
        return self._sender.running

    def enough(self) -> None:
        """Let the sender end here, before all is sent."""
        self._is_cut_short = True
        self._sender.signal(signal.SIGUSR1)

    def finish(self) -> float:
        """Wait for the end; AssertionError unless every byte arrived as it was sent. The speed in bytes a second."""
        sent, received = self._result(self._sender), self._result(self._receiver)
        assert (received.count, received.sha256) == (sent.count, sent.sha256)
        assert sent.count == self._count or self._is_cut_short
        self.stall_s = received.stall_s
        return sent.count / sent.seconds

    def _result(self, process: Process) -> transfer.End:
        status = process.wait(self._patience_s)
        assert status == 0, process.output()
        return transfer.End(**json.loads(process.output().splitlines()[-1]))
