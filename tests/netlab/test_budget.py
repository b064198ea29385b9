"""Two symmetric NATs: whatever is tried, no router holds more mappings for a machine than a few.

That the budget ends the trying where more is named is shown on the virtual clock (`unit/node/paths/test_moves.py`).
"""

import time

import pytest
from tests.netlab.conftest import Tell
from tests.netlab.lab import Lab
from tests.netlab.matrix import World
from tests.netlab.pair import Pair

from warren.limits import MAPPINGS_OPEN_MAX

pytestmark = pytest.mark.netlab

MOST = 24  # STUN at two places, the relay, a gateway, and what one peer names: four times what was seen here
WATCH_S = 7.0  # three rounds, at 0, 2 and 6 s
LOOK_EVERY_S = 0.5


@pytest.mark.parametrize(
    ("left", "right"), [("symmetric random", "symmetric random"), ("symmetric sequential", "port not kept")]
)
def test_symmetric_nats_hold_no_more_mappings_than_the_budget(lab: Lab, left: str, right: str, tell: Tell) -> None:
    pair = Pair(World.start(lab, 4), left, right)
    most = 0
    end_at = time.monotonic() + WATCH_S
    while time.monotonic() < end_at:
        held = [
            len(one.router.mappings(str(machine.host.ip)))
            for one, machine in zip(pair.sites, (pair.a, pair.b), strict=True)
        ]
        most = max(most, *held)
        time.sleep(LOOK_EVERY_S)
    pair.answered()
    tell(f"{left} x {right}: {most} mappings at most, expected at most {MOST}, the budget is {MAPPINGS_OPEN_MAX}")
    assert most <= MOST
