"""One server a module: starting one takes a second."""

from collections.abc import Iterator

import pytest
from tests.server.postgresql import PostgreSQL
from tests.server.running import RunningServer

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL for as long as the tests run."""
    with PostgreSQL() as running:
        yield running


@pytest.fixture(scope="module", params=DATABASES)
def on_each_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A fresh server on SQLite, then one on PostgreSQL; take it as `server` where stores and races matter."""
    running = RunningServer(tmp_path_factory.mktemp("server") / "data")
    if request.param == "postgresql":
        running.env = {"DATABASE_URL": request.getfixturevalue("postgresql").database()}
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A fresh server over plain HTTP."""
    running = RunningServer(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    running.stop()
