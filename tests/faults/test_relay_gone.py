"""F8: a relay dies, or takes packets and passes nothing on: direct paths do not notice, the others move to another.

The relays are those of `tests/netlab/recording_relay.py`, of which there may be as many as one likes.
"""

import signal

import pytest
from tests.faults.figures import note
from tests.netlab.datagrams import Stream
from tests.netlab.lab import Lab
from tests.netlab.matrix import World
from tests.netlab.pair import Pair
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

KILLED_MAX_S, DEAF_MAX_S = 5.0, 10.0
RATE_HZ = 100.0
MOVED_S = 60.0


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("how", "bound_s"), [("killed", KILLED_MAX_S), ("deaf", DEAF_MAX_S)])
def test_a_relay_that_fails_moves_its_users_to_another_in_time(lab: Lab, how: str, bound_s: float) -> None:
    world = World.start(lab, 4, liars=["honest", "honest"])
    pair = Pair(world, "symmetric random", "symmetric random")
    pair.until("relay")
    pair.answered()
    before = pair.a.path_to("b").relay
    (used,) = [one for one in world.recordings if before in {one.name, str(one.number)}]
    with Stream(pair.a.host, pair.b.host, pair.b_address, rate_hz=RATE_HZ) as stream:
        pair.answered()
        used.process.signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        pair.until_relay_is_not(before, MOVED_S)
        pair.answered()
    if how == "deaf":
        used.process.signal(signal.SIGCONT)
    note(f"F8, relay {how}: silence until another carries", stream.stop().longest_s, bound_s)


def test_direct_paths_lose_nothing_when_every_relay_dies(lab: Lab) -> None:
    world = World.start(lab, 4, liars=["honest"])
    pair = Pair(world, "home", "home")
    pair.until("direct")
    pair.answered()
    with pair.stream() as there, pair.stream(back=True) as back:
        pair.answered()
        world.recordings[0].process.kill()
        logs = [machine.state / "daemon.log" for machine in (pair.a, pair.b)]
        until(lambda: any("no session with a relay" in log.read_text() for log in logs), "it is noticed", 60.0)
        pair.answered()
    assert [one.lost + one.cut_off for one in (there.stop(), back.stop())] == [0, 0]
    until(lambda: pair.kinds() == ("direct", "direct"), "both send directly, as before")
