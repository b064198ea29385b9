"""The data folder where the system does not let us: refused with a code, never a traceback."""

import os
from pathlib import Path

import pytest

from warren.errors import Code, WarrenError
from warren.server import files, keys
from warren.server.serving import bind_unix


def test_a_full_disk_refuses_a_private_file_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WarrenError) as refused:
        keys.load_or_make(tmp_path / "server.key")
    assert refused.value.code is Code.STORE_UNAVAILABLE
    assert "No space left" in refused.value.text
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_cannot_be_read_is_never_made_anew(tmp_path: Path) -> None:
    (tmp_path / "server.key").mkdir()
    for take in (keys.load, keys.load_or_make):
        with pytest.raises(WarrenError) as refused:
            take(tmp_path / "server.key")
        assert refused.value.code is Code.STATE_DAMAGED


def test_a_lock_that_cannot_be_opened_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "server.lock").mkdir()
    with pytest.raises(WarrenError) as refused, files.locked(tmp_path / "server.lock", "me"):
        pass
    assert refused.value.code is Code.INVALID_CONFIG


def test_a_lock_holds_on_a_full_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    path = tmp_path / "server.lock"
    with files.locked(path, "me"), pytest.raises(WarrenError) as refused, files.locked(path, "another"):
        pass
    assert refused.value.code is Code.ALREADY_RUNNING


def test_a_socket_path_that_is_too_long_names_the_reason(tmp_path: Path) -> None:
    with pytest.raises(WarrenError) as refused:
        bind_unix(tmp_path / ("x" * 120))
    assert refused.value.code is Code.LISTEN_FAILED
    assert "too long" in refused.value.text
