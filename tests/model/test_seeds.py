"""Whole networks under everything that goes wrong, against the naive reference: seeds, and those that found something.

`WARREN_MODEL_SEEDS=START:COUNT` and `WARREN_MODEL_STEPS=N` choose what is run; `make model` runs a thousand seeds of a
hundred steps. A seed that fails prints its story.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.model.steps import run_seed
from tests.model.template import server_folder

MEMORY = Path("/dev/shm")
START, COUNT = (int(part) for part in os.environ.get("WARREN_MODEL_SEEDS", "1000:24").split(":"))
STEPS = int(os.environ.get("WARREN_MODEL_STEPS", "60"))

# What a killed process would not have run, Python complains about: its connections, its last wishes.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A server's data folder, in memory where there is such a place: SQLite syncs each commit."""
    place = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield server_folder(place)
    shutil.rmtree(place)


FOUND = {
    "a leave that was killed half-way left a part of its folder, and no join was possible any more": (3, 100),
    "an ephemeral member that came back to a server whose clock had jumped waited for the next round": (10, 60),
    "a node whose clock was ahead and right again went on without those that it had refused": (115, 100),
    "a node whose clock had been ahead had forgotten memberships that nobody sent again": (181, 100),
}
"""What seeds found, by words; the product's own tests say it exactly, these keep the whole together."""


@pytest.mark.parametrize("found", FOUND)
def test_seeds_that_found_something_find_nothing(found: str, folder: Path) -> None:
    seed, steps = FOUND[found]
    assert run_seed(seed, steps, folder)


@pytest.mark.parametrize("seed", range(START, START + COUNT))
def test_maps_converge_to_the_reference_and_no_gate_opens_that_it_forbids(seed: int, folder: Path) -> None:
    assert run_seed(seed, STEPS, folder)


def test_a_seed_tells_the_same_story_every_time(folder: Path) -> None:
    story = run_seed(7, 40, folder)
    shutil.rmtree(folder)
    folder.mkdir()
    assert run_seed(7, 40, server_folder(folder)) == story
