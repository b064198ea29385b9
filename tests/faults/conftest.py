"""After every case the invariants of `invariants.AFTER_EACH` are looked at; here are the fields of the cases too."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import figures, holding, invariants
from tests.faults.clock import Clock, build
from tests.faults.invariants import broken_lines, open_files, shown_keys
from tests.faults.lying import Field, HostilePlace
from tests.netlab.conftest import made
from tests.netlab.lab import Lab
from tests.server.running import RunningServer


@pytest.fixture
def allowed() -> list[str]:
    """Texts of log lines that this case provokes; it appends them."""
    return []


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, allowed: list[str]) -> Iterator[frozenset[int]]:
    with invariants.watched(tmp_path, allowed) as numbers:
        yield numbers


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """An empty lab of this case's own; I8 of the daemons and servers in it is looked at before they end with it."""
    with made(tmp_path, user_namespace=None) as lab:
        yield lab
        assert holding.leaks(tmp_path, {}) == []


@pytest.fixture
def server(tmp_path: Path, _nothing_is_left: frozenset[int]) -> Iterator[RunningServer]:
    """A server of this case's own on loopback, not started."""
    running = RunningServer(tmp_path / "data")
    yield running
    try:
        assert holding.leaks(tmp_path, {}) == []
    finally:
        running.kill()


@pytest.fixture(scope="module")
def field(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Two machines and a hostile server, honest so far; one field for all cases of a file. Of a locked network where
    the file says so (`LOCKED`)."""
    folder = tmp_path_factory.mktemp("field")
    with made(folder, user_namespace=None) as lab:
        field = Field(lab, locked=getattr(request.module, "LOCKED", False))
        field.lie()
        yield field
        field.silence()
        assert field.untouched.left() == []
    assert open_files(folder) + shown_keys(folder) == []
    assert broken_lines(folder) == []


@pytest.fixture
def liar(field: Field) -> HostilePlace:
    """The hostile server, with a session to both machines."""
    assert field.hostile is not None
    field.wait_for_both()
    return field.hostile


@pytest.fixture(scope="session")
def clock_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that moves a program's clock, compiled once."""
    return build(tmp_path_factory.mktemp("clock"))


@pytest.fixture
def clock(clock_library: Path, tmp_path: Path) -> Clock:
    """A clock that programs of this case may be given."""
    return Clock(clock_library, tmp_path / "clock-offset")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of the cases that ran."""
    if figures.lines:
        terminalreporter.section(f"faults (WARREN_FAULTS_SEED={figures.SEED})")
        for line in figures.lines:
            terminalreporter.write_line(line)
