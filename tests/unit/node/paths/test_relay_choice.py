"""Which relay is home: by round trip, with hysteresis, and left at once where it is gone."""

from warren.node.paths.relay_choice import BETTER_FOR_S, GONE_AFTER_S, Home, HomeChoice, standby


def test_the_nearest_relay_that_answers_is_home_at_once() -> None:
    choice = HomeChoice()
    assert choice.choose({}, 0.0) is None
    assert choice.choose({1: 0.030, 2: 0.010}, 0.1) == Home(2, "the nearest that answers, 10 ms")
    assert choice.choose({1: 0.030, 2: 0.010}, 0.2) is None


def test_the_home_of_the_last_run_is_kept_if_it_answers() -> None:
    choice = HomeChoice(1)
    assert choice.choose({1: 0.030, 2: 0.029}, 0.0) is None
    assert choice.home == 1


def test_a_relay_that_is_clearly_nearer_for_long_becomes_home() -> None:
    choice = HomeChoice(1)
    answering = {1: 0.030, 2: 0.010}
    assert choice.choose(answering, 0.0) is None
    assert choice.due(answering) == BETTER_FOR_S
    assert choice.choose({1: 0.030, 2: 0.029}, 60.0) is None, "for a moment it was not"
    assert choice.choose(answering, 61.0) is None
    assert choice.choose(answering, 61.0 + BETTER_FOR_S - 1.0) is None
    assert choice.choose(answering, 61.0 + BETTER_FOR_S) == Home(2, "10 ms instead of 30 ms")


def test_less_than_a_few_milliseconds_move_nobody() -> None:
    choice = HomeChoice(1)
    for now in (0.0, BETTER_FOR_S, 9 * BETTER_FOR_S):
        assert choice.choose({1: 0.006, 2: 0.002}, now) is None


def test_a_home_that_is_gone_is_left_after_a_moment_and_a_blip_moves_nobody() -> None:
    choice = HomeChoice(1)
    choice.choose({1: 0.01, 2: 0.02}, 0.0)
    assert choice.choose({2: 0.02}, 10.0) is None
    assert choice.due({2: 0.02}) == 10.0 + GONE_AFTER_S
    assert choice.choose({1: 0.01, 2: 0.02}, 10.5) is None
    assert choice.choose({2: 0.02}, 20.0) is None
    assert choice.choose({2: 0.02}, 20.0 + GONE_AFTER_S) == Home(2, "the one before does not answer")


def test_where_no_relay_answers_the_home_stays_what_it_was() -> None:
    choice = HomeChoice(1)
    assert choice.choose({}, 0.0) is None
    assert choice.choose({}, 100.0) is None
    assert choice.home == 1
    assert choice.choose({2: 0.02}, 100.5) == Home(2, "the one before does not answer"), "it was gone long enough"


def test_the_standby_is_the_nearest_other_one() -> None:
    assert standby(1, {1: 0.01, 2: 0.03, 3: 0.02}) == 3
    assert standby(1, {1: 0.01}) == 0
    assert standby(0, {}) == 0
