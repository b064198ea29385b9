"""What a command costs before it does anything: `warren status` has 200 ms of CPU in all, and imports nothing idle."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.cli.local_daemon import daemon
from tests.unit.cli.test_status_text import NOW, peer, status

from warren.node.api.http import Reply, Request
from warren.protocol.local.rights import STATUS
from warren.protocol.local.status import Path as PeerPath

MOST_CPU_S = 0.2
HEAVY = (
    "asyncio",
    "cryptography",
    "cyclopts",
    "email",
    "http.client",
    "litestar",
    "rich",
    "ssl",
    "subprocess",
    "warren.node",
)


async def answer(_request: Request, reply: Reply) -> None:
    peers = [peer(f"peer{number}", path=PeerPath(kind="direct", endpoint="192.0.2.1:1")) for number in range(100)]
    await reply.result(status(*peers, health=()))


def cpu_s(words: list[str]) -> float:
    """CPU seconds of user and kernel that a program took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(done.stdout.splitlines()) == 102, NOW
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_status_of_a_hundred_peers_takes_less_cpu_than_its_budget(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {("GET", STATUS): answer}):
        words = [sys.executable, "-m", "warren", "status", "--socket", str(tmp_path / "s")]
        took = sorted(cpu_s(words) for _ in range(5))
    assert took[2] < MOST_CPU_S, took


@pytest.mark.parametrize("words", [["status"], ["ping", "b"]])
def test_the_quick_commands_import_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    program = [sys.executable, "-X", "importtime", "-m", "warren", *words, "--socket", str(tmp_path / "none")]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "warren.cli.main" in imported
    assert imported.isdisjoint(HEAVY)
