"""Which of several paths is used, and why."""

from tests.unit.node.paths.links import endpoint

from warren.node.paths.ranking import Sample, choose

NEAR, FAR = endpoint("192.0.2.1"), endpoint("192.0.2.2")


def test_nothing_answers_nothing_is_chosen() -> None:
    assert choose(NEAR, []) is None


def test_without_a_path_in_use_the_shortest_wins() -> None:
    choice = choose(None, [Sample(FAR, 0.050), Sample(NEAR, 0.010)])
    assert choice is not None
    assert choice.sample.endpoint == NEAR
    assert choice.reason


def test_a_little_better_is_not_better() -> None:
    for far_s, near_s in ((0.050, 0.040), (0.0020, 0.0005)):
        choice = choose(FAR, [Sample(FAR, far_s), Sample(NEAR, near_s)])
        assert choice is not None
        assert choice.sample.endpoint == FAR


def test_clearly_better_is_taken_and_says_by_how_much() -> None:
    choice = choose(FAR, [Sample(FAR, 0.050), Sample(NEAR, 0.010)])
    assert choice is not None
    assert choice.sample.endpoint == NEAR
    assert "10.0 ms" in choice.reason


def test_a_path_in_use_that_does_not_answer_is_left() -> None:
    choice = choose(FAR, [Sample(NEAR, 0.500)])
    assert choice is not None
    assert choice.sample.endpoint == NEAR
