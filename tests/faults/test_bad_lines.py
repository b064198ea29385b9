"""F9 and F10: lines that lose, delay, turn and double packets, that are slow behind a large buffer, that swallow long
packets. Tunnels stay, paths do not flap, files arrive whole.
"""

import time
from ipaddress import ip_address

import pytest
from tests.faults.figures import note, tell, times
from tests.interop.flow import Flow
from tests.netlab import obstacles
from tests.netlab.impairment import PERFECT, Impairment
from tests.netlab.lab import Lab
from tests.netlab.matrix import World
from tests.netlab.pair import Pair

pytestmark = pytest.mark.netlab

CHANGES_MAX = 1  # of the path, in 30 s
WATCH_S = float(times(8, 30))
OF_PLAIN_TCP_MIN = 0.8
PATIENCE_S = 90.0  # TCP itself goes back to some kB/s where a third is lost
STALL_MAX_S = 5.0
HOLE_BYTES = 1280
HOLE_FILE_BYTES = 10_000_000
LOOK_EVERY_S = 0.1

LOSS = Impairment(loss=0.3, delay_ms=10)
JITTER = Impairment(jitter_ms=300)
DISORDER = Impairment(delay_ms=10, reorder=0.25, reorder_ms=20, duplicate=0.1)
SLOW = Impairment(rate_bit_s=1e6, buffer_ms=2000, delay_ms=5)


@pytest.fixture
def pair(lab: Lab) -> Pair:
    made = Pair(World.start(lab, 4), "home", "home", wire=lab.wire("dsl"))
    made.until("direct")
    made.answered()
    return made


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "line", "file_bytes"),
    [
        ("30 % loss", LOSS, 20_000),
        ("300 ms jitter", JITTER, 200_000),
        ("25 % reordered, 10 % doubled", DISORDER, 400_000),
        ("1 Mbit/s with a 2 s buffer", SLOW, 400_000),
    ],
)
def test_a_bad_line_costs_no_session_no_flapping_and_no_byte(
    pair: Pair, name: str, line: Impairment, file_bytes: int
) -> None:
    assert pair.wire is not None
    server = pair.world.server.host
    pair.wire.set(line)
    plain = Flow(pair.a.host, server, server.ip, file_bytes, patience_s=PATIENCE_S).finish()
    flow = Flow(pair.a.host, pair.b.host, ip_address(pair.b_address), file_bytes, patience_s=PATIENCE_S)
    note(f"F9, {name}: path changes in {WATCH_S:.0f} s", changes(pair, WATCH_S), CHANGES_MAX, "")
    ratio = flow.finish() / plain
    tell(f"F9, {name}: {ratio:.2f} of plain TCP ({plain / 1e3:.0f} kB/s), longest stall {flow.stall_s:.1f} s")
    if line is SLOW:  # where chance decides nothing
        assert ratio >= OF_PLAIN_TCP_MIN
    pair.wire.set(PERFECT)
    pair.answered()


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


@pytest.mark.timeout(180)
@pytest.mark.parametrize("when", ["from the beginning", "in mid-flow"])
def test_through_an_mtu_hole_10_mb_pass_without_a_long_stall(lab: Lab, when: str) -> None:
    world = World.start(lab, 4)
    hole = obstacles.mtu_hole(HOLE_BYTES)
    if when == "from the beginning":
        world.place("home", "l")[0].router.put(hole)
    pair = Pair(world, "home", "home")
    pair.answered()
    if when == "in mid-flow":
        pair.until("direct")
    flow = Flow(pair.a.host, pair.b.host, ip_address(pair.b_address), HOLE_FILE_BYTES, patience_s=PATIENCE_S)
    if when == "in mid-flow":
        pair.left.router.put(hole)
    speed = flow.finish()
    tell(f"F10, {when}: {speed / 1e6:.1f} MB/s, then {pair.kinds()}")
    note(f"F10, {when}: longest stall", flow.stall_s, STALL_MAX_S)
