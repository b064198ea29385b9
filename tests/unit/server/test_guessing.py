"""Who may try a name and password, and whom a guesser keeps out: nobody but themselves."""

import pytest

from warren.server.signon.guessing import FAILURES_OF_STRANGERS_MAX, Guessing, Try
from warren.server.signon.rules import FAILURES_AN_ACCOUNT_MAX, FAILURES_AN_ADDRESS_MAX
from warren.server.throttle import FAILURES_WITHIN_S, THROTTLED_MAX


@pytest.fixture(name="guessing")
def _guessing() -> Guessing:
    return Guessing()


def fail(guessing: Guessing, one: Try, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        assert guessing.wait_s(one, now) == 0
        guessing.begin(one, now)


def test_a_name_is_shut_where_it_was_guessed_and_nowhere_else(guessing: Guessing) -> None:
    fail(guessing, Try("alice", "6.6.6.6"), FAILURES_AN_ACCOUNT_MAX)
    assert guessing.wait_s(Try("alice", "6.6.6.6"), 1.0) == pytest.approx(FAILURES_WITHIN_S - 1)
    assert guessing.wait_s(Try("alice", "1.1.1.1"), 1.0) == 0
    assert guessing.wait_s(Try("bob", "6.6.6.6"), 1.0) == 0
    assert guessing.wait_s(Try("alice", "6.6.6.6"), FAILURES_WITHIN_S + 1) == 0


def test_an_address_tries_so_many_names_and_a_known_browser_behind_it_goes_on(guessing: Guessing) -> None:
    for number in range(FAILURES_AN_ADDRESS_MAX):
        fail(guessing, Try(f"name{number}", "6.6.6.6"), 1)
    assert guessing.wait_s(Try("alice", "6.6.6.6"), 1.0) > 0
    assert guessing.wait_s(Try("alice", "6.6.6.6", "browser"), 1.0) == 0


def test_many_addresses_are_slowed_at_one_name_but_not_where_its_person_was_before(guessing: Guessing) -> None:
    home = Try("alice", "1.1.1.1")
    guessing.begin(home, 0.0)
    guessing.was_right(home)
    for number in range(FAILURES_OF_STRANGERS_MAX):
        fail(guessing, Try("alice", f"6.6.{number}.6"), 1)
    assert guessing.wait_s(Try("alice", "6.7.8.9"), 1.0) > 0
    assert guessing.wait_s(home, 1.0) == 0
    assert guessing.wait_s(Try("alice", "6.7.8.9", "browser"), 1.0) == 0
    assert guessing.wait_s(Try("bob", "6.7.8.9"), 1.0) == 0


def test_a_mark_that_was_stolen_guesses_no_more_than_anybody(guessing: Guessing) -> None:
    stolen = Try("alice", "6.6.6.6", "browser")
    fail(guessing, stolen, FAILURES_AN_ACCOUNT_MAX)
    assert guessing.wait_s(Try("alice", "7.7.7.7", "browser"), 1.0) > 0
    assert guessing.wait_s(Try("alice", "7.7.7.7", "another"), 1.0) == 0


def test_right_tries_are_no_failures(guessing: Guessing) -> None:
    for number in range(FAILURES_OF_STRANGERS_MAX * 2):
        one = Try(f"name{number}", "1.1.1.1")
        assert guessing.wait_s(one, 0.0) == 0
        guessing.begin(one, 0.0)
        guessing.was_right(one)


def test_what_is_remembered_is_bounded(guessing: Guessing) -> None:
    for number in range(THROTTLED_MAX + 1):
        guessing.was_right(Try("alice", str(number)))
    assert len(guessing._known) == THROTTLED_MAX
