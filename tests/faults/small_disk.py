"""A disk that a case can fill: a small tmpfs, mounted for the length of a `with` block. Needs root."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = "4m"
BLOCK_BYTES = 4096


class SmallDisk:
    """Mounted at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"

    def fill(self) -> None:
        """Until no further block fits."""
        with self._filling.open("ab", buffering=0) as file:
            try:
                while file.write(bytes(BLOCK_BYTES)):
                    pass
            except OSError:
                return

    def free(self) -> None:
        """There is room again."""
        self._filling.unlink()


@contextmanager
def mounted(folder: Path) -> Iterator[SmallDisk]:
    """A small disk at `folder`, which is made."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder.mkdir(mode=0o700)
    words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "warren-test", str(folder)]
    subprocess.run(words, check=True, timeout=10)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)
