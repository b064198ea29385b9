"""Clocks that a case can move, for real programs: a preloaded library adds offsets to what the kernel says."""

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
    """The clocks shared by the programs that are started with `env`."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        self.env: Mapping[str, str] = {"LD_PRELOAD": str(library), "WARREN_TEST_CLOCK": str(file)}
        file.write_bytes(bytes(24))

    def move(self, offset_s: int) -> None:
        """The wall clock is off by so much from here on, at once for programs that run."""
        self._write(offset_s)

    def sleep(self, slept_s: int) -> None:
        """The machine slept for so long: wall and boot clock went on, the monotonic one did not."""
        self._write(slept_s, 0, slept_s)

    def live(self, lived_s: int) -> None:
        """So much time went by, by every clock, while this machine was awake."""
        self._write(lived_s, lived_s, lived_s)

    def _write(self, *offsets_s: int) -> None:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, struct.pack(f"={len(offsets_s)}q", *offsets_s), 0)
        finally:
            os.close(descriptor)

    def show_1970(self) -> None:
        """As on a board without a battery: an hour after the beginning of Unix time."""
        self.move(HOUR_S - int(time.time()))
