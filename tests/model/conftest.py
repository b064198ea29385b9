"""A server's data folder for each run."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.model.template import server_folder

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is such a place: SQLite syncs each commit."""
    place = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield server_folder(place)
    shutil.rmtree(place)
