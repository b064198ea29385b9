"""Waiting before the next attempt: growing, jittered, never in step with others."""

from warren.node.control.backoff import FIRST_S, LONGEST_S, STEADY_AFTER_S, Backoff


def test_waits_grow_to_their_longest_and_stay_there() -> None:
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.next_wait_s() for _ in range(40)]
    assert waits[0] == FIRST_S
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S


def test_a_thousand_nodes_do_not_come_back_in_one_moment() -> None:
    waits = [Backoff(lambda: number / 1000).next_wait_s() for number in range(1000)]  # noqa: B023 - called at once
    fullest = max(sum(low <= wait < low + 0.05 for wait in waits) for low in (0.05 * step for step in range(20)))
    assert fullest < 200
    assert min(waits) > 0


def test_the_servers_wish_is_a_floor() -> None:
    assert Backoff(lambda: 0.0).next_wait_s(retry_after_s=30.0) >= 30.0


def test_a_steady_session_begins_anew_and_a_flapping_one_does_not() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(10):
        backoff.next_wait_s()
    backoff.note_session(lasted_s=1.0)
    assert backoff.next_wait_s() > FIRST_S
    backoff.note_session(lasted_s=STEADY_AFTER_S)
    assert backoff.next_wait_s() == FIRST_S
