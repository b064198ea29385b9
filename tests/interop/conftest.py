"""What every interop test starts from: a lab, the other program, and how much to move."""

import os
from pathlib import Path

import pytest
from tests.interop import wireguard_go as stock
from tests.netlab.conftest import lab

__all__ = ["lab"]

QUICK_BYTES = 64 << 20
FULL_BYTES = 1 << 30


@pytest.fixture(scope="session")
def wireguard_go() -> Path:
    """The program; skipped where it cannot be built."""
    try:
        return stock.build()
    except RuntimeError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def amount() -> int:
    """Bytes each way: WARREN_INTEROP_BYTES, else 1 GiB with WARREN_INTEROP=full (`make interop`), else 64 MiB."""
    default = FULL_BYTES if os.environ.get("WARREN_INTEROP") == "full" else QUICK_BYTES
    return int(os.environ.get("WARREN_INTEROP_BYTES", default))


@pytest.fixture
def long_run() -> None:
    """Skips what takes minutes unless `make interop` asks for it."""
    if os.environ.get("WARREN_INTEROP") != "full":
        pytest.skip("takes minutes: run by `make interop`")
