"""One server a module: starting one takes a second."""

from collections.abc import Iterator

import pytest
from tests.server.running import RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A fresh server over plain HTTP."""
    running = RunningServer(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    running.stop()
