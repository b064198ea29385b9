"""The path agent on simulated links: finding, keeping, leaving and finding again."""

from tests.unit.node.paths.links import PathLost, Simulation, UsePath, counting, endpoint

from warren.limits import CANDIDATES_MAX, PROBE_WINDOW_S, PROBES_PEER_MAX, PROBES_UNANSWERED_MAX
from warren.node.paths.agent import KEEPALIVE_S, PathAgent
from warren.node.paths.budget import ProbeBudget
from warren.node.paths.events import SendCandidates

A4, A6 = endpoint("192.0.2.1"), endpoint("2001:db8::1")
B4, B6 = endpoint("192.0.2.2"), endpoint("2001:db8::2")


def connected() -> Simulation:
    simulation = Simulation((A4,), (B4,))
    simulation.start(simulation.a)
    simulation.start(simulation.b)
    simulation.until_both_have_a_path(1.0)
    return simulation


def test_two_peers_that_come_online_find_each_other_at_once() -> None:
    simulation = Simulation((A4,), (B4,))
    simulation.start(simulation.a)
    simulation.start(simulation.b)
    assert simulation.until_both_have_a_path(0.1) < 0.05
    assert (simulation.a.path, simulation.b.path) == (B4, A4)


def test_a_peer_that_comes_later_is_found_as_quickly() -> None:
    simulation = Simulation((A4,), (B4,))
    simulation.b.is_running = False
    simulation.start(simulation.a, online=False)
    simulation.run(20)
    simulation.b.is_running = True
    simulation.start(simulation.b)
    simulation.online(simulation.a, online=True)
    assert simulation.until_both_have_a_path(0.1) < 0.05


def test_the_last_good_endpoints_are_enough_without_any_signal() -> None:
    simulation = Simulation((A4,), (B4,))
    simulation.a.signalling = False
    simulation.start(simulation.a, B4, online=False)
    simulation.run(0.4)
    simulation.start(simulation.b, A4, online=False)
    assert simulation.until_both_have_a_path(1.0) < 0.5


def test_who_restarts_late_is_found_although_the_other_gave_up_probing() -> None:
    simulation = Simulation((A4,), (B4,))
    simulation.a.signalling = False
    simulation.b.is_running = False
    simulation.start(simulation.a, B4, online=False)
    simulation.run(30)
    assert len(simulation.a.sent) == PROBES_UNANSWERED_MAX
    simulation.b.is_running = True
    simulation.start(simulation.b, A4, online=False)
    assert simulation.until_both_have_a_path(1.0) < 0.1


def test_an_address_that_never_answers_gets_few_probes_a_window_whatever_is_signalled() -> None:
    simulation = Simulation((A4,), (B4,))
    victim = endpoint("198.51.100.9")
    simulation.start(simulation.a, online=False)
    for generation in range(1, 200):
        simulation.a.agent.handle_candidates([victim], generation, simulation.now)
        simulation.drain(simulation.a)
        simulation.run((PROBE_WINDOW_S - 1) / 200)
    assert [to for _, to in simulation.a.sent] == [victim] * PROBES_UNANSWERED_MAX


def test_a_list_of_a_hundred_thousand_victims_is_bounded() -> None:
    agent = PathAgent(ProbeBudget(), counting("a"))
    victims = [endpoint("198.51.100.9", 1 + number % 65535) for number in range(100_000)]
    agent.start([], 0.0)
    agent.handle_candidates(victims, 1, 0.0)
    probes = 0
    for tick in range(100):
        agent.handle_timeout(tick * 0.1)
        while agent.poll_transmit() is not None:
            probes += 1
    assert len(agent.candidates) <= CANDIDATES_MAX
    assert probes <= 25


def test_a_path_of_a_family_that_this_machine_has_no_more_is_left_at_once() -> None:
    simulation = Simulation((A4, A6), (B4, B6))
    simulation.start(simulation.a)
    simulation.start(simulation.b)
    simulation.run(3.0)
    agent = simulation.a.agent
    used = agent.state.endpoint
    assert used in {B4, B6}
    left = {4, 6} - {used.address.version}
    agent.handle_network_change(simulation.now, left)
    assert agent.state.endpoint in {B4, B6} - {used}
    assert "other addresses" in agent.state.reason


def test_a_peer_that_names_ever_new_victims_leaves_others_their_share() -> None:
    budget = ProbeBudget()
    hostile, honest = PathAgent(budget, counting("a")), PathAgent(budget, counting("b"))
    hostile.start([], 0.0)
    honest.start([], 0.0)
    probes = 0
    for generation in range(1, 300):
        named = [endpoint(f"198.{generation // 100}.{generation % 100}.{number}", 9) for number in range(1, 33)]
        hostile.handle_candidates(named, generation, generation * 0.1)
        while hostile.poll_transmit() is not None:
            probes += 1
    assert probes == PROBES_PEER_MAX
    honest.handle_candidates([B4], 1, 30.0)
    assert honest.poll_transmit() is not None


def test_the_shorter_of_two_paths_is_used() -> None:
    simulation = Simulation((A4, A6), (B4, B6))
    simulation.slow = {B4: 0.040, A4: 0.040, B6: 0.003, A6: 0.003}
    simulation.start(simulation.a)
    simulation.start(simulation.b)
    simulation.run(2.0)
    assert (simulation.a.path, simulation.b.path) == (B6, A6)


def test_two_equal_paths_do_not_make_it_change_its_mind() -> None:
    simulation = Simulation((A4, A6), (B4, B6))
    simulation.start(simulation.a)
    simulation.start(simulation.b)
    simulation.run(600)
    assert len(simulation.a.said(UsePath)) == 1


def test_a_path_that_died_is_left_for_another_within_seconds() -> None:
    simulation = Simulation((A4, A6), (B4, B6))
    simulation.slow = {B4: 0.002, A4: 0.002, B6: 0.030, A6: 0.030}
    simulation.start(simulation.a)
    simulation.start(simulation.b)
    simulation.run(5)
    assert simulation.a.path == B4
    simulation.dead = {A4, B4}
    simulation.a.agent.handle_doubt(simulation.now)
    simulation.run(3.0)
    assert simulation.a.path == B6


def test_an_idle_path_that_died_is_noticed_after_one_keepalive() -> None:
    simulation = connected()
    simulation.dead = {A4, B4}
    simulation.run(KEEPALIVE_S * 1.1 + 3.0)
    assert simulation.a.path is None
    assert simulation.a.said(PathLost)


def test_a_path_that_came_back_is_found_again() -> None:
    simulation = connected()
    simulation.dead = {A4, B4}
    simulation.run(60)
    assert (simulation.a.path, simulation.b.path) == (None, None)
    simulation.dead = set()
    assert simulation.until_both_have_a_path(125.0) < 125.0


def test_a_peer_that_moved_is_followed_when_it_signals() -> None:
    simulation = connected()
    moved = endpoint("203.0.113.7")
    simulation.run(10)
    simulation.b.endpoints = (moved,)
    simulation.b.agent.handle_network_change(simulation.now)
    simulation.drain(simulation.b)
    simulation.run(3.0)
    assert simulation.a.path == moved


def test_a_peer_that_speaks_from_elsewhere_right_after_an_answer_has_its_old_path_verified_at_once() -> None:
    agent = PathAgent(ProbeBudget(), counting("b"))
    agent.start([A4], 0.0)
    ping = agent.poll_transmit()
    assert ping is not None
    agent.handle_pong(A4, ping.transaction, 0.01)
    while agent.poll_transmit() is not None:
        pass
    agent.handle_ping(A6, 1, 0.05)
    pinged = []
    while (ping := agent.poll_transmit()) is not None:
        pinged.append(ping.endpoint)
    assert A4 in pinged


def test_who_is_looked_for_speaks_on_its_own_direct_path_so_that_its_router_lets_the_seeker_in() -> None:
    simulation = connected()
    simulation.run(5.0)
    before = len(simulation.b.sent)
    simulation.b.agent.handle_candidates([], 10**15, simulation.now, is_call=False)
    simulation.drain(simulation.b)
    assert len(simulation.b.sent) == before, "who only tells its endpoints is not looked for"
    simulation.b.agent.handle_candidates([], 10**15, simulation.now, is_call=True)
    simulation.drain(simulation.b)
    assert len(simulation.b.sent) == before + 2, "a small one, and one that shows whether full packets still pass"


def test_a_quiet_path_costs_few_probes() -> None:
    simulation = connected()
    before = len(simulation.a.sent)
    simulation.run(150)
    assert len(simulation.a.sent) - before <= 12


def test_two_sides_that_prefer_different_paths_do_not_check_each_other_all_the_time() -> None:
    simulation = Simulation((A4, A6), (B4, B6))
    simulation.start(simulation.a)
    simulation.start(simulation.b)
    simulation.run(2)
    for node, wanted in ((simulation.a, B4), (simulation.b, A6)):
        node.agent._current = wanted  # each keeps to its own: they are equally long
    before = len(simulation.a.sent)
    simulation.run(150)
    assert (simulation.a.path, simulation.b.path) == (B4, A6)
    assert len(simulation.a.sent) - before <= 40


def test_a_restarted_peer_keeps_its_path() -> None:
    simulation = connected()
    simulation.b.is_running = False
    simulation.run(1.0)
    simulation.restart(simulation.b)
    simulation.start(simulation.b, A4)
    assert simulation.until_both_have_a_path(0.1) < 0.1
    assert simulation.a.said(PathLost) == []


def test_a_pong_that_nobody_asked_for_makes_no_path() -> None:
    agent = PathAgent(ProbeBudget(), counting("a"))
    agent.start([B4], 0.0)
    ping = agent.poll_transmit()
    assert ping is not None
    agent.handle_pong(B4, b"12345678", 0.1)
    agent.handle_pong(endpoint("198.51.100.1"), ping.transaction, 0.1)
    assert agent.state.endpoint is None
    agent.handle_pong(B4, ping.transaction, 0.1)
    assert agent.state.endpoint == B4


def test_a_replayed_ping_from_elsewhere_teaches_nothing() -> None:
    agent = PathAgent(ProbeBudget(), counting("a"))
    agent.start([], 0.0)
    agent.handle_ping(B4, 10, 0.0)
    agent.handle_ping(endpoint("198.51.100.1"), 10, 0.1)
    agent.handle_ping(endpoint("198.51.100.2"), 9, 0.1)
    assert agent.candidates == (B4,)


def test_candidates_of_an_older_generation_are_dropped() -> None:
    agent = PathAgent(ProbeBudget(), counting("a"))
    agent.start([], 0.0)
    agent.handle_candidates([B4], 5, 0.0)
    agent.handle_candidates([B6], 4, 0.0)
    assert agent.candidates == (B4,)


def test_after_the_peer_came_anew_its_first_generation_counts_whatever_it_is() -> None:
    agent = PathAgent(ProbeBudget(), counting("a"))
    agent.start([], 0.0)
    agent.handle_online(0.0, online=True)
    agent.handle_candidates([B4], 5000, 0.0)
    agent.handle_online(1.0, online=False)
    agent.handle_online(2.0, online=True)
    agent.handle_candidates([B6], 3, 2.0)
    assert B6 in agent.candidates


def test_candidates_are_exchanged_at_once_when_a_peer_comes_online() -> None:
    agent = PathAgent(ProbeBudget(), counting("a"))
    agent.start([], 0.0)
    assert agent.poll_event() is None
    agent.handle_online(5.0, online=True)
    assert agent.poll_event() == SendCandidates(reply_wanted=True)


def test_the_state_says_what_is_being_done() -> None:
    agent = PathAgent(ProbeBudget(), counting("a"))
    agent.start([], 0.0)
    assert agent.state.note == "no address of the peer is known"
    agent.handle_candidates([B4], 1, 0.0)
    assert agent.state.note == "trying direct"
    assert (agent.poll_timeout() or (0, ""))[1] in {"a probe", "the next round"}
