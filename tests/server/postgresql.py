"""A real PostgreSQL of Debian's on a unix socket in a folder of its own, ended by its own pid; a database a test.

`initdb` refuses root, so where we are root everything of it runs as nobody. Durability is off: what is tried is what
concurrent transactions do to each other, not PostgreSQL's disk.
"""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

PROGRAMS = Path("/usr/lib/postgresql")
NOBODY = 65534
START_S = 90.0
_numbers = itertools.count(1)


class PostgreSQL:
    """One server process. Skips the test that wants it where Debian's package is missing."""

    def __init__(self) -> None:
        found = sorted(PROGRAMS.glob("*/bin/initdb"))
        if not found:
            pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
        self._bin = found[-1].parent
        self._as = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
        self.folder = Path(tempfile.mkdtemp(prefix=f"wpg{os.getpid()}-"))
        if self._as:
            os.chown(self.folder, NOBODY, NOBODY)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        data = self.folder / "data"
        self._run("initdb", "--pgdata", str(data), "--username", "warren", "--auth", "trust", "--no-sync")
        options = ["-k", str(self.folder), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"]
        self._process = subprocess.Popen(
            [*self._as, str(self._bin / "postgres"), "-D", str(data), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        deadline = time.monotonic() + START_S
        while self._ask("SELECT 1").returncode != 0:
            assert self._process.poll() is None, "PostgreSQL ended at once"
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.05)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # at once, without waiting for connections
            self._process.wait(START_S)
        shutil.rmtree(self.folder)

    def database(self) -> str:
        """The URL of a fresh, empty database."""
        name = f"t{next(_numbers)}"
        made = self._ask(f"CREATE DATABASE {name}")
        assert made.returncode == 0, made.stderr
        return f"postgresql://warren@/{name}?host={self.folder}"

    def _ask(self, statement: str) -> subprocess.CompletedProcess[bytes]:
        words = ["psql", "-h", str(self.folder), "-U", "warren", "-d", "postgres", "-qAtc", statement]
        return subprocess.run(words, capture_output=True, check=False, timeout=START_S)

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [*self._as, str(self._bin / program), *words], capture_output=True, check=False, cwd="/", timeout=START_S
        )
        assert done.returncode == 0, done.stderr.decode()
