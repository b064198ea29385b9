"""The window of handshake stamps: above everything used before, whatever the clock does."""

from pathlib import Path

from warren.limits import STAMPS_AHEAD_S
from warren.node.stamps import STAMPS_FILE, reserve
from warren.node.storage import Store


def store(folder: Path) -> Store:
    return Store(folder, lambda _: None)


def test_a_window_ends_some_seconds_ahead_and_is_on_disk(tmp_path: Path) -> None:
    window = reserve(store(tmp_path), 1000.5)
    assert (window.floor_s, window.ceiling_s) == (0, 1000 + STAMPS_AHEAD_S)
    assert (tmp_path / STAMPS_FILE).exists()


def test_the_next_window_begins_above_the_one_before(tmp_path: Path) -> None:
    first = reserve(store(tmp_path), 1000)
    second = reserve(store(tmp_path), 1001)
    assert second.floor_s > first.ceiling_s
    assert second.ceiling_s > second.floor_s


def test_a_clock_that_went_back_to_1970_does_not_take_the_window_back(tmp_path: Path) -> None:
    first = reserve(store(tmp_path), 2_000_000_000)
    second = reserve(store(tmp_path), 5)
    assert first.ceiling_s < second.floor_s < second.ceiling_s


def test_a_damaged_file_leaves_it_to_the_clock(tmp_path: Path) -> None:
    reserve(store(tmp_path), 1000)
    (tmp_path / STAMPS_FILE).write_bytes(b"")
    assert reserve(store(tmp_path), 5000).ceiling_s == 5000 + STAMPS_AHEAD_S
