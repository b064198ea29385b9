"""`warren daemon install`: the unit of `deploy/systemd`, started by this very interpreter."""

import shlex
from pathlib import Path

import pytest

from warren.cli import daemon
from warren.cli.main import main
from warren.client.process import UNIT

DEPLOYED = Path(__file__).resolve().parents[3] / "deploy" / "systemd" / "warren-daemon.service"


def test_the_unit_in_the_package_is_the_one_that_is_deployed() -> None:
    assert Path(daemon.__file__).with_name(UNIT).read_text() == DEPLOYED.read_text()


def test_the_unit_starts_the_daemon_by_the_interpreter_that_installed_it() -> None:
    text = daemon.unit_text("/opt/my warren/bin/python")
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    words = shlex.split(start.removeprefix("ExecStart="))
    assert words[:5] == ["/opt/my warren/bin/python", "-I", "-m", "warren", "daemon"]
    assert words[5:] == ["--state", "/var/lib/warren", "--socket", "/run/warren/warren.sock"]


def test_an_interpreter_in_a_home_folder_stays_readable_and_home_is_hidden_else() -> None:
    assert "ProtectHome=read-only" in daemon.unit_text("/home/alice/.venv/bin/python")


def test_installing_writes_the_unit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(daemon, "UNIT_FILE", tmp_path / "system" / UNIT)
    monkeypatch.setattr(daemon, "enable_unit", lambda: False)
    assert main(["daemon", "install"]) == 0
    assert "ExecStart=" in (tmp_path / "system" / UNIT).read_text()
    assert "systemd does not run here" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(daemon, "UNIT_FILE", tmp_path / "file" / UNIT)
    assert main(["daemon", "install"]) == 1
    assert "E_FORBIDDEN" in capsys.readouterr().err
