"""What holds for every test: chance is the same each time where a run decides about landing, new elsewhere; what this
machine lacks skips a test, but fails it in CI, which has to have everything; and no test meets another run's links.
"""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

IS_CI = os.environ.get("CI") == "true"
A_RUN_OF_ITS_OWN = "run by `make"
"""In the reason of a test that is skipped in CI too: it names the command that runs it."""

# `deadline=None`: how long an example takes says more about the machine than about the code.
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.register_profile("developer", deadline=None)
settings.load_profile("ci" if IS_CI else "developer")


@pytest.fixture(scope="session", autouse=True)
def links_of_these_tests(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Daemons within the tests put their links' control sockets where no other program of this machine looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warren.node.control_socket.FOLDER", tmp_path_factory.mktemp("wireguard"))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip is a failure with the skip's reason."""
    report = yield
    if IS_CI and report.skipped and not hasattr(report, "wasxfail") and A_RUN_OF_ITS_OWN not in str(report.longrepr):
        report.outcome = "failed"
        reason = call.excinfo.value if call.excinfo else ""
        report.longrepr = f"{item.nodeid} was skipped, and CI has to run it: {reason}"
    return report
