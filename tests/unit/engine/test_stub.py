"""The stub says what the binary has: names, signatures, kinds."""

import subprocess
import sys


def test_the_stub_is_true_of_the_built_engine() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "warren.engine._native"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
