"""Which relays are held, where channels are asked for, and how soon another hop takes over."""

from tests.unit.node.paths.relay_lines import Lines

from warren.limits import RELAY_SPARE_PEERS_MAX, RELAY_SUSPECT_S, RELAYS_HELD_MAX
from warren.model.addresses import RelayHop
from warren.model.ids import Identity
from warren.node.paths.relay_agent import MEASURE_FOR_S, SEARCH_AFTER_S

A, B = Identity(b"a" * 32), Identity(b"b" * 32)
NEAR, MIDDLE, FAR = 1, 2, 3


def lines(members: dict[Identity, set[int]], home: int = 0) -> Lines:
    made = Lines({NEAR: 0.01, MIDDLE: 0.03, FAR: 0.09}, members, home)
    made.agent.set_relays((NEAR, MIDDLE, FAR), made.now)
    return made


def test_all_relays_are_measured_then_home_and_a_standby_are_kept() -> None:
    here = lines({})
    here.run()
    assert here.held == {NEAR, MIDDLE, FAR}
    here.run(MEASURE_FOR_S + 0.1)
    assert here.held == {NEAR, MIDDLE}
    assert (here.homes, here.agent.home) == ([NEAR], NEAR)


def test_a_peer_is_reached_at_its_home_at_once() -> None:
    here = lines({A: {FAR}})
    here.agent.want(A, FAR, here.now)
    here.run()
    assert here.hops[A] == Lines.hop(FAR, A)
    here.run(MEASURE_FOR_S + 0.1)
    assert FAR in here.held, "it stays held as long as the peer is wanted"
    here.agent.unwant(A, here.now)
    here.run()
    assert (here.hops[A], here.held) == (None, {NEAR, MIDDLE})


def test_a_channel_that_the_peer_opened_is_used() -> None:
    here = lines({})
    here.agent.want(A, 0, here.now)
    here.run()
    here.agent.handle_channel(A, RelayHop(NEAR, 7), here.now)
    here.run()
    assert here.hops[A] == RelayHop(NEAR, 7)


def test_where_home_and_standby_have_the_peer_a_death_costs_nothing_but_noticing_it() -> None:
    here = lines({A: {NEAR, MIDDLE}})
    here.agent.want(A, NEAR, here.now)
    here.run(MEASURE_FOR_S + 0.1)
    assert here.hops[A] == Lines.hop(NEAR, A)
    here.kill(NEAR)
    assert here.hops[A] == Lines.hop(MIDDLE, A), "in the same moment"
    assert here.reasons[-1] == "the relay before is lost"
    here.run(1.5)
    assert here.agent.home == MIDDLE


def test_a_peer_whose_home_died_is_looked_for_at_every_relay() -> None:
    here = lines({A: {FAR}})
    here.run(MEASURE_FOR_S + 0.1)
    here.agent.want(A, MIDDLE, here.now)  # that is what was told, but it is at another one
    here.run(SEARCH_AFTER_S + 0.1)
    assert here.hops[A] == Lines.hop(FAR, A)


def test_a_home_that_comes_back_is_preferred_again() -> None:
    here = lines({A: {NEAR, MIDDLE}})
    here.agent.want(A, NEAR, here.now)
    here.run(MEASURE_FOR_S + 0.1)
    here.kill(NEAR)
    here.rtts[NEAR] = 0.01
    here.agent.handle_connected(NEAR, 0.01, here.now)
    here.connected.add(NEAR)
    here.run()
    assert here.hops[A] == Lines.hop(NEAR, A)


def test_the_only_relay_that_dies_takes_its_hops_with_it_and_gives_them_back() -> None:
    here = Lines({NEAR: 0.01}, {A: {NEAR}})
    here.agent.set_relays((NEAR,), here.now)
    here.agent.want(A, NEAR, here.now)
    here.run()
    here.kill(NEAR)
    assert here.hops[A] is None
    here.run(60.0)
    assert NEAR in here.held, "the engine goes on trying"
    here.rtts[NEAR] = 0.01
    here.run()
    assert here.hops[A] == Lines.hop(NEAR, A)


def test_a_silent_channel_is_the_last_choice_for_a_while() -> None:
    here = lines({A: {NEAR, MIDDLE}})
    here.agent.want(A, NEAR, here.now)
    here.run(MEASURE_FOR_S + 0.1)
    here.agent.handle_silent(A, Lines.hop(NEAR, A), here.now)
    here.run()
    assert here.hops[A] == Lines.hop(MIDDLE, A)
    here.run(RELAY_SUSPECT_S)
    here.agent.handle_timeout(here.now)
    here.run()
    assert here.hops[A] == Lines.hop(NEAR, A)


def test_a_peer_that_left_the_relay_has_no_hop_there() -> None:
    here = lines({A: {NEAR}})
    here.agent.want(A, NEAR, here.now)
    here.run(MEASURE_FOR_S + 0.1)
    here.members[A] = set()
    here.agent.handle_channel_gone(A, RelayHop(NEAR, 5), here.now)
    here.run()
    assert here.hops[A] == Lines.hop(NEAR, A), "of an older channel"
    here.agent.handle_channel_gone(A, Lines.hop(NEAR, A), here.now)
    here.run()
    assert (here.hops[A], here.reasons[-1]) == (None, "the peer left the relay")


def test_relays_held_are_bounded_and_homes_of_peers_come_first() -> None:
    many = {number: 0.001 * number for number in range(1, 33)}
    here = Lines(many, {})
    here.agent.set_relays(tuple(many), here.now)
    here.agent.want(A, 30, here.now)
    here.run()
    assert len(here.held) == RELAYS_HELD_MAX
    assert 30 in here.held


def test_in_a_large_network_no_second_channels_are_asked_for() -> None:
    here = lines({})
    here.run(MEASURE_FOR_S + 0.1)
    peers = [Identity(number.to_bytes(32, "big")) for number in range(1, RELAY_SPARE_PEERS_MAX + 2)]
    here.members = {peer: {FAR} for peer in peers}
    for peer in peers:
        here.agent.want(peer, FAR, here.now)
    here.run()
    assert {relay for relay, _ in here.asked} >= {FAR}
    assert sum(relay == FAR for relay, _ in here.asked) == len(peers)
    here.run(30.0)
    assert len(here.asked) <= len(peers) + 2 * RELAY_SPARE_PEERS_MAX


def test_relays_that_are_not_told_any_more_are_let_go() -> None:
    here = lines({A: {NEAR}})
    here.agent.want(A, NEAR, here.now)
    here.run(MEASURE_FOR_S + 0.1)
    here.agent.set_relays((MIDDLE,), here.now)
    here.run()
    assert here.held == {MIDDLE}
    assert here.hops[A] is None
