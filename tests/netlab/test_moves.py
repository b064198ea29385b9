"""Moves between paths under load: nothing is lost on the way to a better one, and a dead one is left in time."""

import os
from ipaddress import ip_address

import pytest
from tests.faults import figures
from tests.interop.flow import Flow
from tests.netlab.conftest import Tell
from tests.netlab.lab import Lab
from tests.netlab.matrix import World
from tests.netlab.pair import Pair

pytestmark = pytest.mark.netlab

FULL = os.environ.get("WARREN_MATRIX") == "full"
MOVES = 20 if FULL else 2
MOVES_BYTES, MOVES_BYTES_PER_S = 100_000_000, 100_000.0  # more than any run takes: the test says when it is enough
CUT_MAX_S = 3.0  # from the cut to goodput over the relay (issue 5, shows 2)
BACK_MAX_S = 30.0  # from the end of the cut to a direct path again
MOVE_S = 60.0  # for one move where something asks for it


@pytest.fixture
def pair(lab: Lab) -> Pair:
    made = Pair(World.start(lab, 4, recorded=False), "home", "home")
    made.until("direct")
    made.answered()
    return made


@pytest.mark.timeout(280 + 60 * MOVES)
def test_no_packet_is_lost_and_no_connection_reset_in_moves_from_relay_to_direct(pair: Pair, tell: Tell) -> None:
    flow = Flow(pair.a.host, pair.b.host, ip_address(pair.b_address), MOVES_BYTES, MOVES_BYTES_PER_S)
    ends, took_s = [], []
    for _ in range(MOVES):
        assert flow.running, "every move is under load"
        with pair.cut_for():
            pair.until("relay")
            pair.answered()
            there, back = pair.stream(), pair.stream(back=True)
        pair.poke()
        took_s.append(pair.until("direct", MOVE_S))
        pair.answered()
        ends += [there.stop(), back.stop()]
    assert flow.running
    tell(f"{MOVES} moves, {max(took_s):.1f} s at most; lost {[one.lost + one.cut_off for one in ends]}")
    assert [(one.lost, one.cut_off, one.refused, one.missing) for one in ends if one.lost + one.cut_off] == []
    assert min(one.received for one in ends) > 100
    flow.enough()
    flow.finish()  # every byte as it was sent, over one connection


@pytest.mark.timeout(400)
def test_a_direct_path_that_is_cut_gives_way_to_the_relay_within_3_s_and_comes_back(pair: Pair, tell: Tell) -> None:
    flow = Flow(pair.a.host, pair.b.host, ip_address(pair.b_address), 1_000_000, 100_000.0)
    with pair.stream() as there, pair.stream(back=True) as back, pair.cut_for():
        pair.until("relay")
        pair.answered()
    back_s = pair.until("direct", BACK_MAX_S * figures.beside_others())
    silences = (there.stop().longest_s, back.stop().longest_s)
    tell(f"cut: silent for {silences[0]:.2f} s and {silences[1]:.2f} s; direct again after {back_s:.1f} s")
    figures.note("issue 5, shows 2: silence when a direct path is cut", max(silences), CUT_MAX_S)
    flow.finish()
