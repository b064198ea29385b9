"""The journal knows after a crash what a daemon may have left, and nothing of other boots or namespaces."""

import stat
from ipaddress import ip_interface, ip_network
from pathlib import Path

import pytest

from warren.errors import Code, WarrenError
from warren.node import journal as journals
from warren.node.host.facts import HostAddress, HostRoute
from warren.node.journal import FILE, Journal
from warren.node.plan import blackhole
from warren.node.storage import Damage, Store

V4 = blackhole(ip_network("100.96.0.0/16"))
V6 = blackhole(ip_network("fd77::/64"))
ADDRESS = HostAddress("warren0", ip_interface("100.96.0.2/32"))
ROUTE = HostRoute(ip_network("100.96.0.0/16"), link="warren0", metric=1)


def store(folder: Path, damages: list[Damage] | None = None) -> Store:
    return Store(folder, (damages if damages is not None else []).append)


def test_what_outlives_the_process_is_known_to_the_next_one(tmp_path: Path) -> None:
    Journal(store(tmp_path), "boot 1").intend([V4, V6, ADDRESS, ROUTE])
    assert Journal(store(tmp_path), "boot 1").items == {V4, V6}
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_within_the_process_everything_is_known(tmp_path: Path) -> None:
    journal = Journal(store(tmp_path), "boot 1")
    journal.intend([V4, ADDRESS])
    journal.intend([ROUTE])
    journal.forget([V4])
    assert journal.items == {ADDRESS, ROUTE}
    assert Journal(store(tmp_path), "boot 1").items == frozenset()


def test_after_a_reboot_or_in_another_namespace_nothing_is_ours(tmp_path: Path) -> None:
    Journal(store(tmp_path), "boot 1").intend([V4])
    assert Journal(store(tmp_path), "boot 2").items == frozenset()


def test_a_damaged_journal_is_set_aside_and_reported(tmp_path: Path) -> None:
    Journal(store(tmp_path), "boot 1").intend([V4])
    (tmp_path / FILE).write_bytes(b"\0" * 100)
    damages: list[Damage] = []
    assert Journal(store(tmp_path, damages), "boot 1").items == frozenset()
    assert [damage.name for damage in damages] == [FILE]


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    journal = Journal(store(tmp_path), "boot 1")
    journal.intend([V4])
    before = (tmp_path / FILE).stat().st_mtime_ns, (tmp_path / FILE).stat().st_ino
    journal.intend([V4, ADDRESS])
    journal.forget([ADDRESS, ROUTE])
    assert before == ((tmp_path / FILE).stat().st_mtime_ns, (tmp_path / FILE).stat().st_ino)


def test_a_journal_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "JOURNAL_MAX_ENTRIES", 1)
    journal = Journal(store(tmp_path), "boot 1")
    with pytest.raises(WarrenError) as refused:
        journal.intend([V4, V6])
    assert refused.value.code is Code.TOO_LARGE
    assert journal.items == frozenset()
