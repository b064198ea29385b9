"""F9 and F10: lines that lose, delay, turn and double packets, that are slow behind a large buffer, that swallow long
packets. Tunnels stay, paths do not flap, files arrive whole.

Goodput is compared with plain TCP over the same wire at the same time of the test. Where a third is lost each way, TCP
doubles its time-out after half of its rounds, so that one short flow takes a hundred times as long as another, with and
without a tunnel: there what arrives of many packets is compared, and of files only that they arrive. The short count
leaves out the lines on which what is compared is the speed of the processor.
"""

import sys
import time
from ipaddress import ip_address

import pytest
from tests.faults.figures import FULL, note, tell, times
from tests.interop.flow import Flow
from tests.netlab import obstacles, offloads
from tests.netlab.host import Host
from tests.netlab.impairment import PERFECT, Impairment
from tests.netlab.lab import Lab
from tests.netlab.matrix import World
from tests.netlab.pair import Pair
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

CHANGES_MAX = 1  # of the path, in 30 s
WATCH_S = float(times(6, 30))
OF_PLAIN_TCP_MIN = 0.8
PATIENCE_S = 120.0  # without a byte that is new
BACKED_OFF_S = 600.0  # the same where TCP waits for two minutes after seven rounds that were lost (RFC 6298, 5.5)
STALL_MAX_S = 5.0
HOLE_BYTES = 1280
HOLE_FILE_BYTES = 10_000_000
LOOK_EVERY_S = 0.1
PINGS = 1500  # of 0.49 that are answered, +- 0.013 by chance: a fifth less is none
PING_EVERY_S = times(4, 20) / 1000

LOSSY_FILE_BYTES = times(20_000, 100_000)
LOSS = Impairment(loss=0.3, delay_ms=10)
JITTER = Impairment(jitter_ms=300)
DISORDER = Impairment(delay_ms=10, reorder=0.25, reorder_ms=20, duplicate=0.1)
SLOW = Impairment(rate_bit_s=1e6, buffer_ms=2000, delay_ms=5)
LINES = {
    "300 ms jitter": (JITTER, 100_000),
    "25 % reordered, 10 % doubled": (DISORDER, 1_000_000),
    "1 Mbit/s with a 2 s buffer": (SLOW, 400_000),
}
HOLES = [(where, back) for back in (False, True) for where in ("on the direct path", "on every path")]


@pytest.mark.timeout(1800 if FULL else 400)
@pytest.mark.parametrize("name", LINES if FULL else ["1 Mbit/s with a 2 s buffer"])
def test_a_bad_line_costs_no_session_no_flapping_and_no_byte(lab: Lab, name: str) -> None:
    line, file_bytes = LINES[name]
    pair = Pair(World.start(lab, 4), "home", "home", wire=lab.wire("dsl"))
    pair.until("direct")
    pair.answered()
    assert pair.wire is not None
    handshakes = [machine.status()["peers"][0]["last_handshake"] for machine in (pair.a, pair.b)]
    assert all(handshakes)
    server = pair.world.server.host
    pair.wire.set(line)
    plain = Flow(pair.a.host, server, server.ip, file_bytes, patience_s=PATIENCE_S).finish()
    flow = Flow(pair.a.host, pair.b.host, ip_address(pair.b_address), file_bytes, patience_s=PATIENCE_S)
    note(f"F9, {name}: path changes in {WATCH_S:.0f} s", changes(pair, WATCH_S), CHANGES_MAX, "")
    ratio = flow.finish() / plain
    tell(f"F9, {name}: {ratio:.2f} of plain TCP ({plain / 1e3:.0f} kB/s), longest stall {flow.stall_s:.1f} s")
    assert ratio >= OF_PLAIN_TCP_MIN
    assert [machine.status()["peers"][0]["last_handshake"] for machine in (pair.a, pair.b)] == handshakes, "torn down"
    pair.wire.set(PERFECT)
    pair.answered()


@pytest.mark.timeout(1800 if FULL else 400)
def test_of_a_line_that_loses_a_third_as_much_arrives_as_without_a_tunnel(lab: Lab) -> None:
    pair = Pair(World.start(lab, 4), "home", "home", wire=lab.wire("dsl"))
    pair.until("direct")
    pair.answered()
    assert pair.wire is not None
    pair.wire.set(LOSS)
    plain = answered(pair.a.host, str(pair.world.server.host.ip))
    flow = Flow(pair.a.host, pair.b.host, ip_address(pair.b_address), LOSSY_FILE_BYTES, patience_s=BACKED_OFF_S)
    through = answered(pair.a.host, pair.b_address)
    tell(f"F9, 30 % loss each way: {through} of {PINGS} pings answered through the tunnel, {plain} without")
    assert plain < 0.7 * PINGS, "the line loses nothing"
    assert through >= OF_PLAIN_TCP_MIN * plain
    note(f"F9, 30 % loss: path changes in {WATCH_S:.0f} s", changes(pair, WATCH_S), CHANGES_MAX, "")
    flow.finish()
    tell(f"F9, 30 % loss: a file of {LOSSY_FILE_BYTES} bytes is whole, longest stall {flow.stall_s:.1f} s")
    pair.wire.set(PERFECT)
    pair.answered()


def answered(host: Host, address: str) -> int:
    """How many of PINGS come back."""
    said = host.run(
        ["ping", "-n", "-q", "-i", str(PING_EVERY_S), "-c", str(PINGS), "-W", "1", address],
        check=False,
        timeout_s=PATIENCE_S,
    ).stdout
    return int(said.partition(" received")[0].rsplit(" ", 1)[-1])


def changes(pair: Pair, for_s: float) -> int:
    """How often an end changed the path it sends by, the worse of both; AssertionError where one had none."""
    seen: list[list[tuple[str | None, ...]]] = [[], []]
    end_at = time.monotonic() + for_s
    while time.monotonic() < end_at:
        for paths, machine, peer in zip(seen, (pair.a, pair.b), ("b", "a"), strict=True):
            path = machine.path_to(peer)
            assert path.kind != "none", f"{machine.name} has no path after {paths}"
            shown = (path.kind, path.endpoint, path.relay)
            if not paths or paths[-1] != shown:
                paths.append(shown)
        time.sleep(LOOK_EVERY_S)
    return max(len(paths) for paths in seen) - 1


def as_on_a_cable(*hosts: Host) -> None:
    """Every packet by itself: a virtual cable hands on many in one, which the hole would take for a long one."""
    for host in hosts:
        host.run([sys.executable, "-I", "-S", str(offloads.__file__), "eth0"])


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("where", "back"), HOLES if FULL else HOLES[1:3])
def test_an_mtu_hole_that_opens_under_a_flow_stops_it_shortly(lab: Lab, where: str, *, back: bool) -> None:
    pair = Pair(World.start(lab, 4), "home", "home")
    pair.until("direct")
    pair.answered()
    ends = (pair.b.host, pair.a.host, pair.a_address) if back else (pair.a.host, pair.b.host, pair.b_address)
    towards = str(pair.right.router.outside) if where == "on the direct path" else ""
    as_on_a_cable(pair.a.host, pair.b.host, pair.world.server.host)
    flow = Flow(ends[0], ends[1], ip_address(ends[2]), HOLE_FILE_BYTES, HOLE_FILE_BYTES / 6, patience_s=PATIENCE_S)
    pair.left.router.put(obstacles.mtu_hole(HOLE_BYTES, towards=towards))
    assert flow.running
    speed = flow.finish()
    tell(f"F10, {where}: {speed / 1e6:.1f} MB/s in all, then by {pair.kinds()}")
    note(f"F10, {where}, {'in' if back else 'out'}: longest stall", flow.stall_s, STALL_MAX_S)
    sender, peer = (pair.b, "a") if back else (pair.a, "b")
    if where == "on the direct path":
        until(lambda: sender.path_to(peer).kind == "relay", "it is sent by the relay")


@pytest.mark.timeout(400)
def test_who_joins_behind_an_mtu_hole_is_reached_and_gets_its_files(lab: Lab) -> None:
    world = World.start(lab, 4)
    site, host = world.place("home", "l")
    as_on_a_cable(host, world.place("home", "r")[1], world.server.host)
    site.router.put(obstacles.mtu_hole(HOLE_BYTES))
    pair = Pair(world, "home", "home")
    pair.answered()
    flow = Flow(pair.a.host, pair.b.host, ip_address(pair.b_address), HOLE_FILE_BYTES, patience_s=PATIENCE_S)
    flow.finish()
    note("F10, from the beginning: longest stall", flow.stall_s, STALL_MAX_S)
