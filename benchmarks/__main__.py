"""`make bench`: every claim in turn, each with its must beside the figure; 1, and which, where one is missed."""

import subprocess
import sys

SCRIPTS = (
    ("tunnel", "--rivals"),
    ("packets", "--rivals"),
    ("peers",),
    ("strangers",),
    ("handshakes",),
    ("relay",),
)


def main() -> int:
    """One after the other, whatever the one before said."""
    missed = []
    for name, *words in SCRIPTS:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *words], check=False).returncode:
            missed.append(name)
    print(f"missed or failed: {', '.join(missed)}" if missed else "every must is kept")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
