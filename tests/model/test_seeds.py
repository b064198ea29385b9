"""Whole networks under everything that goes wrong, against the naive reference.

`WARREN_MODEL_SEEDS=START:COUNT` and `WARREN_MODEL_STEPS=N` choose what is run; `make model` runs a thousand seeds of a
hundred steps. A seed that fails prints its story. What one finds becomes a case in `test_cases.py`: a seed means
another story as soon as a kind of step is added.
"""

import os
import shutil
from pathlib import Path

import pytest
from tests.model.steps import run_seed
from tests.model.template import server_folder

START, COUNT = (int(part) for part in os.environ.get("WARREN_MODEL_SEEDS", "1000:20").split(":"))
STEPS = int(os.environ.get("WARREN_MODEL_STEPS", "50"))

# What a killed process would not have run, Python complains about: its connections, its last wishes.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]


@pytest.mark.parametrize("seed", range(START, START + COUNT))
def test_maps_converge_to_the_reference_and_no_gate_opens_that_it_forbids(seed: int, folder: Path) -> None:
    assert run_seed(seed, STEPS, folder)


def test_a_seed_tells_the_same_story_every_time(folder: Path) -> None:
    story = run_seed(7, 40, folder)
    shutil.rmtree(folder)
    folder.mkdir()
    assert run_seed(7, 40, server_folder(folder)) == story
