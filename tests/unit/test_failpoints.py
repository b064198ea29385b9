"""Failpoints: a release has none, a test build those that are named."""

import subprocess
import sys

import pytest

from warren.failpoints import armed_by

REACHES = "from warren.failpoints import reach\nfor _ in range(3): reach('here'); print('alive', flush=True)"


def ended(**environment: str) -> tuple[int, int]:
    """How a program that reaches `here` three times ended, and how often it got further."""
    done = subprocess.run(
        [sys.executable, "-c", REACHES], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout.count("alive")


def test_without_the_switch_nothing_is_armed() -> None:
    assert ended(WARREN_FAIL="here:kill") == (0, 3)
    assert armed_by({"WARREN_FAIL": "here:kill", "WARREN_FAIL_TESTING": "1"}) == {}


def test_a_process_dies_where_and_when_it_was_told() -> None:
    assert ended(WARREN_FAIL="here:kill", WARREN_FAIL_TESTING="yes") == (-9, 0)
    assert ended(WARREN_FAIL="there:kill,here:kill@3", WARREN_FAIL_TESTING="yes") == (-9, 2)


def test_a_full_disk_is_met_once() -> None:
    status, lived = ended(WARREN_FAIL="here:full@2", WARREN_FAIL_TESTING="yes")
    assert (status, lived) == (1, 1)


@pytest.mark.parametrize("text", ["here", "here:", "here:sleep", "here:kill@soon"])
def test_what_is_no_failpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"name:action|invalid literal"):
        armed_by({"WARREN_FAIL": text, "WARREN_FAIL_TESTING": "yes"})
