"""Whether this machine lets a test open the TUN device."""

import os
from pathlib import Path

import pytest

_TUN = Path("/dev/net/tun")


def need_tun() -> None:
    """Skip the test unless we may open it."""
    if not os.access(_TUN, os.R_OK | os.W_OK):
        pytest.skip(f"{_TUN} is not there or not for us")
