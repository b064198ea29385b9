"""Cells of the matrix: two machines, each behind a router of some kind, join afresh and find their way to each other.

A world has a server and, for each kind that is asked for, two sites that stay; a cell is two new members with state of
their own, watched until they are direct or have had time enough to become it. What a cell found is a value; what it
should have found stands in `grid.txt`.
"""

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults import figures
from tests.netlab import site
from tests.netlab.grid import Class, Grid
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.recording import Recording
from tests.netlab.site import Site
from tests.netlab.wire import Wire

FIRST_PING_MAX_S = 1.0  # from the second `up`'s return (issue 5, shows 1)
DIRECT_MEDIAN_MAX_S, DIRECT_95_MAX_S = 2.0, 5.0
DIRECT_GIVE_UP_S = 12.0  # where a direct path can be; twice what the slowest may take, more beside others
SETTLED_S = 10.0
RELAYED_WATCH_S = 6.0  # where none can be: it is looked for so long
LOOK_EVERY_S = 0.05
_FIRST_PING = ("-c", "1", "--timeout", "10s")


@dataclass(frozen=True, slots=True)
class Cell:
    """What happened: seconds are from the second `up`'s return; `direct_s` is None where it stayed on the relay."""

    first_ping_s: float
    first_words: str
    direct_s: float | None
    kinds_at_end: tuple[str, str]

    @property
    def is_relayed(self) -> bool:
        """Whether both ends say that a relay carries it, all the time that they were watched."""
        return self.direct_s is None and set(self.kinds_at_end) <= {"relay", "peer-relay"}

    def __str__(self) -> str:
        """For the table: `D0.8` direct after so many seconds, `R` relayed, `-` neither."""
        if self.direct_s is not None:
            return f"D{self.direct_s:.1f}"
        return "R" if self.is_relayed else "-"


@dataclass(slots=True)
class World:
    """A server on an internet, and sites that are built when a cell first needs them."""

    lab: Lab
    family: int
    server: Server
    key: str
    recordings: list[Recording]
    places: dict[tuple[str, str], tuple[Site, Host]] = field(default_factory=dict)
    cells_run: int = 0

    @classmethod
    def start(cls, lab: Lab, family: int, *, liars: Sequence[str] = (), recorded: bool = True) -> "World":
        """The server serves IPv4 or IPv6 machines (4 or 6).

        Beside its own relay there is an honest one of `recording.py`, a second place for STUN; where there are `liars`
        they are the only relays. Not `recorded`: the server's relay is alone, for loads that the other, a program in
        Python, does not carry.
        """
        outside = site.internet(lab)
        server = Server(lab.host("server", outside), lab.folder, family=family)
        kinds = liars or (("honest",) if recorded else ())
        relays = [Recording(lab, outside, how, family, f"relay{number}") for number, how in enumerate(kinds)]
        if relays:
            server.flags = Recording.flags(lab, *relays, only=bool(liars))
        server.start()
        return cls(lab, family, server, server.key("--reusable"), relays)

    def place(self, kind: str, side: str, wire: Wire | None = None) -> tuple[Site, Host]:
        """The site of that kind on that side, with a host (behind `wire`, if it is new) that has one family only."""
        if (kind, side) not in self.places:
            name = f"{side}{len(self.places)}"
            outside = self.server.host.interfaces["eth0"].switch
            built = site.build(self.lab, name, kind, outside)
            host = self.lab.host(f"{name}-host", built.lan, wire=wire)
            if self.family == 4:
                host.sysctl("net/ipv6/conf/eth0/disable_ipv6", "1")
            else:
                host.ip_batch("addr flush dev eth0 to 0.0.0.0/0")
            self.places[kind, side] = built, host
        return self.places[kind, side]

    def join(self, host: Host, name: str) -> Machine:
        """A new member on that host."""
        machine = Machine(host, self.lab.folder, name)
        machine.up(self.server, self.key)
        return machine

    def run(self, left: str, right: str, expected: Class) -> Cell:
        """One cell, from two joins to the end of both."""
        self.cells_run += 1
        (left_site, left_host), (right_site, right_host) = self.place(left, "l"), self.place(right, "r")
        for router in (*left_site.routers, *right_site.routers):
            router.forget()
        a, b = self.join(left_host, f"a{self.cells_run}"), self.join(right_host, f"b{self.cells_run}")
        began = time.monotonic()
        try:
            first = b.run("ping", a.name, *_FIRST_PING, check=False)
            first_ping_s = time.monotonic() - began if first.returncode == 0 else float("inf")
            more = figures.beside_others() if expected is Class.DIRECT else 1.0
            watch_s = RELAYED_WATCH_S if expected is Class.RELAYED else DIRECT_GIVE_UP_S * more
            direct_s = _direct(a, b, began, watch_s)
            ends = _settled(a, b)
            return Cell(first_ping_s, (first.stdout or first.stderr).strip(), direct_s, ends)
        finally:
            leaving = [machine.start("leave", "--yes") for machine in (a, b)]
            for one in leaving:
                one.wait(60.0)


def _direct(a: Machine, b: Machine, began: float, watch_s: float) -> float | None:
    """When both send directly, in seconds after `began`."""
    while time.monotonic() - began < watch_s:
        if a.path_to(b.name).kind == b.path_to(a.name).kind == "direct":
            return time.monotonic() - began
        time.sleep(LOOK_EVERY_S)
    return None


def _settled(a: Machine, b: Machine) -> tuple[str, str]:
    """How both send, once they do so alike: a cell that moves just when its time is over is neither."""
    end_at = time.monotonic() + SETTLED_S
    while True:
        kinds = a.path_to(b.name).kind, b.path_to(a.name).kind
        if len({kinds[0].removeprefix("peer-"), kinds[1].removeprefix("peer-")}) == 1 or time.monotonic() > end_at:
            return kinds
        time.sleep(LOOK_EVERY_S)


def wrong(cells: dict[tuple[str, str], Cell], table: Grid) -> list[str]:
    """What is not as the file says, a line each."""
    found = []
    for pair, cell in cells.items():
        expected = table[pair]
        is_late = expected is Class.OFTEN and set(cell.kinds_at_end) == {"direct"}
        if cell.direct_s is None and not cell.is_relayed and not is_late:
            found.append(f"{pair}: no path at all, but {cell.kinds_at_end}")
        elif expected is not Class.OFTEN and (cell.direct_s is not None) != (expected is Class.DIRECT):
            found.append(f"{pair}: {cell}, but {expected.name.lower()} is expected")
        if cell.first_ping_s > FIRST_PING_MAX_S * figures.beside_others():
            found.append(f"{pair}: the first ping took {cell.first_ping_s:.2f} s: {cell.first_words}")
    return found + slow([c.direct_s for p, c in cells.items() if table[p] is Class.DIRECT and c.direct_s is not None])


def slow(direct_s: Iterable[float]) -> list[str]:
    """Which of the two bounds on times to a direct path does not hold."""
    times = sorted(direct_s)
    if not times:
        return ["no cell became direct"]
    median, late = statistics.median(times), times[max(-(-len(times) * 95 // 100) - 1, 0)]
    more = figures.beside_others()
    found = [f"median to direct is {median:.2f} s"] if median > DIRECT_MEDIAN_MAX_S * more else []
    return found + ([f"95 % are direct only after {late:.2f} s"] if late > DIRECT_95_MAX_S * more else [])


def report(cells: dict[tuple[str, str], Cell], table: Grid) -> str:
    """The table for people, and the figures beside their bounds."""
    direct = sorted(cell.direct_s for cell in cells.values() if cell.direct_s is not None)
    first = sorted(cell.first_ping_s for cell in cells.values())
    lines = [table.show({pair: str(cell) for pair, cell in cells.items()})]
    lines.append(f"first answered ping: median {statistics.median(first):.2f} s, slowest {first[-1]:.2f} s")
    if direct:
        lines.append(f"direct: median {statistics.median(direct):.2f} s, slowest {direct[-1]:.2f} s, of {len(direct)}")
    often = [cell for pair, cell in cells.items() if table[pair] is Class.OFTEN]
    if often:
        lines.append(f"by luck or prediction direct: {sum(c.direct_s is not None for c in often)} of {len(often)}")
    return "\n".join(lines)
