"""Fixtures of the lab: skipped with a reason where a machine has no namespaces, failed in CI."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netlab.lab import Lab, LabUnavailable


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """An empty lab; its logs and captures are under the test's tmp_path."""
    folder = tmp_path / "lab"
    folder.mkdir()
    try:
        lab = Lab(folder)
    except LabUnavailable as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to run the lab: {reason}")
        pytest.skip(str(reason))
    with lab:
        yield lab
