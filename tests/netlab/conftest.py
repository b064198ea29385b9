"""Fixtures of the lab: skipped with a reason where a machine has no namespaces."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.netlab.lab import Lab, LabUnavailable


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """An empty lab; its logs and captures are under the test's tmp_path."""
    with made(tmp_path, user_namespace=None) as lab:
        yield lab


@pytest.fixture
def rootless_lab(tmp_path: Path) -> Iterator[Lab]:
    """The same as users without root get it."""
    with made(tmp_path, user_namespace=True) as lab:
        yield lab


Tell = Callable[[str], None]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Prints a figure or a table that people are to see, whether the test passes or not."""

    def show(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{text}\n")

    return show


def made(tmp_path: Path, *, user_namespace: bool | None) -> Lab:
    """A lab with its folder under `tmp_path`, for fixtures of any scope."""
    folder = tmp_path / "lab"
    folder.mkdir()
    try:
        return Lab(folder, user_namespace=user_namespace)
    except LabUnavailable as reason:
        pytest.skip(str(reason))
