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


def test_what_was_told_counts_a_day_ahead_of_the_wall_clock_and_no_further() -> None:
    wall = [1e6]
    clock = SignedClock(lambda: wall[0], lambda: 0.0)
    clock.see(1e6 + 50_000, sure=9e5)
    assert clock() == 1e6 + 50_000
    clock.see(1e6 + 100_000, sure=9e5)
    assert clock() == 1e6
    assert clock.latest == 1e6 + 86_400, "told dates do not make room for later ones"


def test_what_was_told_counts_where_the_wall_clock_witnesses_nothing_until_it_is_set() -> None:
    wall, monotonic = [0.0], [5.0]
    clock = SignedClock(lambda: wall[0], lambda: monotonic[0])
    clock.see(2.0**40, sure=1e9)
    monotonic[0] = 7.0
    assert clock() == 2.0**40 + 2
    wall[0] = 1.1e9
    assert (clock(), clock.behind_s) == (1.1e9, 0.0)
    clock.see(1e9 + 7, sure=1e9)
    wall[0] = 0.0
    assert clock() == 1e9 + 7


def test_what_was_told_and_the_wall_clock_reached_stays_when_that_goes_back() -> None:
    wall, monotonic = [1e9 + 30 * 86_400], [0.0]
    clock = SignedClock(lambda: wall[0], lambda: monotonic[0])
    clock.see(1e9 + 29 * 86_400, sure=1e9)
    wall[0], monotonic[0] = 1e9 + 10 * 86_400, 60.0
    assert clock() == 1e9 + 29 * 86_400 + 60
