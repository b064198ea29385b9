"""A wall clock that a case can move, for real programs: a preloaded library adds an offset to what the kernel says."""

import os
import struct
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
HOUR_S = 3600
DAY_S = 86_400
YEAR_S = 365 * DAY_S


def build(folder: Path) -> Path:
    """Compile the library into `folder` with the C compiler that Rust links with."""
    library = folder / "clock.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(SOURCE)],
        check=True,
        timeout=60,
    )
    return library


class Clock:
    """One wall clock, shared by the programs that are started with `env`."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        self.env: Mapping[str, str] = {"LD_PRELOAD": str(library), "WARREN_TEST_CLOCK": str(file)}
        file.write_bytes(bytes(8))

    def move(self, offset_s: int) -> None:
        """The clock is off by so much from here on, at once for programs that run."""
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, struct.pack("=q", offset_s), 0)
        finally:
            os.close(descriptor)

    def show_1970(self) -> None:
        """As on a board without a battery: an hour after the beginning of Unix time."""
        self.move(HOUR_S - int(time.time()))
