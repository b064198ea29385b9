"""Kernels that refuse an offload, for real programs: a preloaded library fails the system call that it stands on."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def build(folder: Path) -> Path:
    """Compile the library into `folder` with the C compiler that Rust links with."""
    library = folder / "refusing.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"],
        check=True,
        timeout=60,
    )
    return library


def refuse(library: Path, what: str) -> dict[str, str]:
    """The environment of a program whose kernel refuses this."""
    return {"LD_PRELOAD": str(library), "WARREN_TEST_REFUSE": what}
