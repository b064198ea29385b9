"""What the soak calls growth."""

from dataclasses import replace

import pytest
from tools.soaking.usage import MOST_CREEP, MOST_CREEP_KIB, PARTED_KIB, Usage, middle, pooled

from warren.running import POOLS

FIRST = Usage(memory_kib=30_000, descriptors=16, threads=5, tasks=27)


def test_a_peak_that_passes_is_no_growth() -> None:
    peak = Usage(memory_kib=90_000, descriptors=500, threads=50, tasks=500)
    assert middle([FIRST, peak, FIRST]) == FIRST
    assert not FIRST.crept(FIRST)


@pytest.mark.parametrize(
    ("figure", "most"),
    [
        ("memory_kib", MOST_CREEP_KIB),
        ("descriptors", MOST_CREEP),
        ("threads", MOST_CREEP),
        ("tasks", MOST_CREEP),
    ],
)
def test_each_figure_that_stays_higher_is_growth(figure: str, most: int) -> None:
    before = getattr(FIRST, figure)
    assert not replace(FIRST, **{figure: before + most}).crept(FIRST)
    assert replace(FIRST, **{figure: before + most + 1}).crept(FIRST)


def test_what_is_kept_of_those_who_left_is_no_growth() -> None:
    more = MOST_CREEP_KIB + 3 * PARTED_KIB
    assert not replace(FIRST, memory_kib=FIRST.memory_kib + more, parted=3).crept(FIRST)
    assert replace(FIRST, memory_kib=FIRST.memory_kib + more + 1, parted=3).crept(FIRST)
    assert replace(FIRST, memory_kib=FIRST.memory_kib + more, parted=2).crept(FIRST)


@pytest.mark.parametrize("pool", POOLS)
def test_workers_of_a_pool_are_told_apart_up_to_its_bound_only(pool: str) -> None:
    most = POOLS[pool]
    assert [pooled({"threads": 99, pool: count}) for count in (0, 1, most)] == [0, 1, most]
    assert pooled({pool: most + 700}) == most, "the others are threads like any, so that a pool without end is growth"


def test_every_pool_of_a_program_counts() -> None:
    assert pooled(POOLS) == sum(POOLS.values())
