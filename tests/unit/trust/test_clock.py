"""Now never goes back behind what was signed."""

from warren.trust.clock import SignedClock


def test_the_wall_clock_counts_until_it_goes_back_behind_what_was_signed() -> None:
    wall, monotonic = [1000.0], [5.0]
    clock = SignedClock(lambda: wall[0], lambda: monotonic[0])
    assert clock() == 1000.0
    clock.see(1000.0)
    wall[0], monotonic[0] = 10.0, 7.0
    assert clock() == 1002.0
    assert clock.behind_s == 992.0


def test_a_clock_that_was_ahead_for_a_moment_is_forgotten_where_nothing_was_signed() -> None:
    wall = [1000.0]
    clock = SignedClock(lambda: wall[0], lambda: 0.0)
    clock.see(900.0)
    wall[0] = 1e9
    assert clock() == 1e9
    wall[0] = 1001.0
    assert (clock(), clock.behind_s) == (1001.0, 0.0)


def test_an_older_date_changes_nothing() -> None:
    clock = SignedClock(lambda: 0.0, lambda: 0.0)
    clock.see(100.0)
    clock.see(50.0)
    assert clock() == 100.0
