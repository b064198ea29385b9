"""Two machines, each behind a router, that have joined one network: how tests of paths begin.

pair = Pair(World.start(lab, 4), "home", "home")
pair.until("direct")
pair.cut()          # UDP between the two routers is dropped; the server and its relay are reached as before
pair.until("relay")
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.netlab import obstacles
from tests.netlab.datagrams import RATE_HZ, Stream
from tests.netlab.machines import Machine
from tests.netlab.matrix import World
from tests.netlab.site import Site
from tests.netlab.until import until
from tests.netlab.wire import Wire

DIRECT_S = 45.0  # more than any bound on it: what is measured is measured beside it
RELAY_S = 45.0
LINK, QUEUE_PACKETS = "warren0", 20_000


class Pair:
    """`a` behind the left site, `b` behind the right one."""

    def __init__(self, world: World, left: str, right: str, *, wire: Wire | None = None) -> None:
        """Both join; `wire` is the cable of `a`."""
        self.world = world
        self.wire = wire
        self.left, a_host = world.place(left, "l", wire)
        self.right, b_host = world.place(right, "r")
        self.a: Machine = world.join(a_host, "a")
        self.b: Machine = world.join(b_host, "b")
        self.a_address = self.a.look().networks[0].me.addresses[0]
        self.b_address = self.b.look().networks[0].me.addresses[0]
        self._obstacle = ""
        for host in (a_host, b_host):  # a daemon that gets no core for a while is late, and loses nothing by that
            host.ip_batch(f"link set {LINK} txqueuelen {QUEUE_PACKETS}")

    def kinds(self) -> tuple[str, str]:
        """How each end sends to the other."""
        return self.a.path_to("b").kind, self.b.path_to("a").kind

    def until(self, kind: str, within_s: float = DIRECT_S) -> float:
        """How many seconds it took until both ends send so."""
        began = time.monotonic()
        until(lambda: set(self.kinds()) == {kind}, f"both send by {kind}, not {self.kinds()}", within_s)
        return time.monotonic() - began

    def until_relay_is_not(self, relay: str | None, within_s: float) -> None:
        """Wait until both send by a relay that is another one."""

        def has_moved() -> bool:
            paths = (self.a.path_to("b"), self.b.path_to("a"))
            return all(path.kind == "relay" and path.relay != relay for path in paths)

        until(has_moved, f"both use another relay than {relay}", within_s)

    def answered(self) -> None:
        """Both have a live session: a ping inside it has come back each way."""
        self.a.run("ping", "b", "-c", "1", "--timeout", "30s")
        self.b.run("ping", "a", "-c", "1", "--timeout", "30s")

    def stream(self, *, back: bool = False, rate_hz: float = RATE_HZ) -> Stream:
        """So many packets a second from `a` to `b`, or back."""
        if back:
            return Stream(self.b.host, self.a.host, self.a_address, port=7101, rate_hz=rate_hz)
        return Stream(self.a.host, self.b.host, self.b_address, rate_hz=rate_hz)

    def cut(self) -> None:
        """No UDP passes between the two sites any more; to all others it does."""
        assert not self._obstacle
        far = (str(self.right.router.outside), str(self.right.router.ip6), str(self.b.host.ip6))
        self._obstacle = obstacles.no_udp_between(*far)
        self.left.router.put(self._obstacle)

    def mend(self) -> None:
        """It passes again."""
        self.left.router.remove(self._obstacle)
        self._obstacle = ""

    def poke(self) -> None:
        """Let both notice a change of their addresses, after which they look for paths at once."""
        for machine in (self.a, self.b):
            machine.host.ip_batch("addr add 192.168.77.77/32 dev eth0")
            machine.host.ip_batch("addr del 192.168.77.77/32 dev eth0")

    @contextmanager
    def cut_for(self) -> Iterator[None]:
        """Cut, and mend at the end of the block."""
        self.cut()
        try:
            yield
        finally:
            self.mend()

    @property
    def sites(self) -> tuple[Site, Site]:
        """Both."""
        return self.left, self.right
