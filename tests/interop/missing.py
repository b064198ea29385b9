"""What to do where this machine lacks what a test needs: skip with the reason, but fail in CI, which has to have it."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

_TUN = Path("/dev/net/tun")


def give_up(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI has to run this: {reason}")
    pytest.skip(reason)


def need_tun() -> None:
    """Give up unless we may open the TUN device."""
    if not os.access(_TUN, os.R_OK | os.W_OK):
        give_up(f"{_TUN} is not there or not for us")
