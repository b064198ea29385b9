"""Which version is spoken: the highest that both know, none where they share none."""

import pytest

from warren.protocol import version
from warren.protocol.version import ADDED, NEWEST, OLDEST_SERVED, choose


@pytest.mark.parametrize(
    ("served", "offered", "chosen"),
    [
        ((1, 1), (1, 1), 1),
        ((2, 5), (1, 3), 3),
        ((2, 5), (4, 9), 5),
        ((2, 5), (5, 5), 5),
        ((2, 5), (0, 1), None),
        ((2, 5), (6, 9), None),
        ((2, 5), (4, 3), None),
    ],
)
def test_the_highest_that_both_speak_is_chosen(
    monkeypatch: pytest.MonkeyPatch, served: tuple[int, int], offered: tuple[int, int], chosen: int | None
) -> None:
    monkeypatch.setattr(version, "OLDEST_SERVED", served[0])
    monkeypatch.setattr(version, "NEWEST", served[1])
    assert choose(offered) == chosen


def test_every_version_that_is_served_says_what_it_added() -> None:
    assert set(range(OLDEST_SERVED, NEWEST + 1)) <= set(ADDED)
    assert all(ADDED.values())
