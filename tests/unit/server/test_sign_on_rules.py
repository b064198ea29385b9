"""Codes that people type, and when guessing is stopped."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.server.signon import rules
from warren.server.signon.rules import CODE_LETTERS, make_code, parse_code
from warren.server.throttle import FAILURES_WITHIN_S, THROTTLED_MAX, Throttle


@given(st.binary(min_size=CODE_LETTERS, max_size=CODE_LETTERS))
def test_a_code_is_read_back_however_it_is_typed(random: bytes) -> None:
    code = make_code(random)
    assert parse_code(code) == parse_code(code.lower()) == parse_code(f" {code.replace('-', ' ')} ") == code


@pytest.mark.parametrize("text", ["", "BCDF", "BCDF-GHJ", "BCDF-GHJKL", "AEIO-UAEI", "BCDF-GHJK" * 100])
def test_what_cannot_be_a_code_is_none(text: str) -> None:
    assert parse_code(text) == ""


def test_codes_spread_over_all_letters() -> None:
    letters = {char for _ in range(200) for char in make_code(os.urandom(CODE_LETTERS))}
    assert letters == {*rules.LETTERS, "-"}


def test_guessing_is_stopped_and_forgiven_with_time_or_by_a_right_try() -> None:
    throttle = Throttle(3)
    for at in (0.0, 10.0, 20.0):
        assert throttle.wait_s("alice", at) == 0
        throttle.fail("alice", at)
    assert throttle.wait_s("alice", 21.0) == pytest.approx(FAILURES_WITHIN_S - 21.0)
    assert throttle.wait_s("bob", 21.0) == 0
    assert throttle.wait_s("alice", FAILURES_WITHIN_S + 0.1) == 0
    throttle.fail("alice", FAILURES_WITHIN_S + 0.1)
    assert throttle.wait_s("alice", FAILURES_WITHIN_S + 0.2) > 0
    throttle.forgive("alice")
    assert throttle.wait_s("alice", FAILURES_WITHIN_S + 0.2) == 0


def test_the_table_of_guessers_is_bounded_and_forgets_the_oldest() -> None:
    throttle = Throttle(1)
    for number in range(THROTTLED_MAX + 1):
        throttle.fail(str(number), 1.0)
    assert throttle.wait_s("0", 2.0) == 0
    assert throttle.wait_s(str(THROTTLED_MAX), 2.0) > 0
