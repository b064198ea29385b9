"""Durations and amounts as people read them."""

import time

import pytest

from warren.cli.moments import show_clock, show_moment
from warren.cli.units import show_bytes, show_duration, show_latency, show_round_trip


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.2, "1 second"),
        (40, "40 seconds"),
        (60, "1 minute"),
        (7199, "1 hour"),
        (86400, "1 day"),
        (9 * 86400, "9 days"),
    ],
)
def test_a_duration_has_one_unit(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (812, "812 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (12 << 20, "12 MiB"),
        (1 << 30, "1 GiB"),
        (1 << 62, "4096 PiB"),
    ],
)
def test_bytes_have_the_largest_unit_that_fits(count: int, shown: str) -> None:
    assert show_bytes(count) == shown


@pytest.mark.parametrize("at", [1e300, 9e18, -1e300, float("inf"), float("nan")])
def test_a_moment_that_no_calendar_has_is_unknown(at: float) -> None:
    assert show_moment(at, "%Y-%m-%d") == "unknown"
    assert show_clock(at, 1_790_000_000.0) == "unknown"


def test_a_moment_of_another_day_has_its_day() -> None:
    now = time.mktime((2026, 11, 22, 10, 30, 0, 0, 0, -1))
    assert (show_clock(now - 60.0, now), show_clock(now - 86400.0, now)) == ("10:29", "2026-11-21 10:30")


def test_latencies_have_a_digit_where_it_says_something() -> None:
    assert [show_latency(one) for one in (0.42, 3.14, 41.4)] == ["0.4 ms", "3.1 ms", "41 ms"]
    assert [show_round_trip(one) for one in (0.042, 0.43, 3.4, 41.4)] == ["0.042 ms", "0.43 ms", "3 ms", "41 ms"]
