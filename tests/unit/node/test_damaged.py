"""Networks that cannot be started: the alarm ends when its own advice was followed."""

from pathlib import Path

import pytest

from warren.errors import Code, WarrenError
from warren.limits import TROUBLE_SHOWN_S
from warren.node.damaged import Damaged
from warren.node.health import Health
from warren.node.storage import Damage

NAME = "1b55003e57171bf0"
NOW = 1000.0
ERROR = WarrenError(Code.STATE_DAMAGED, "keys.json cannot be read", "it is kept as keys.json.bad-1")


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def damaged(tmp_path: Path, health: Health) -> Damaged:
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "keys.json.bad-1").write_text("{")
    one = Damaged(tmp_path, health)
    one.note_file(NAME, Damage("keys.json", "its content is malformed", "keys.json.bad-1", recovered=False), NOW)
    one.note(NAME, ERROR, NOW)
    return one


def codes(health: Health, now: float = NOW) -> list[str]:
    return [one.code for one in health.entries(now)]


def test_it_is_told_with_a_way_out_as_long_as_it_is_there(damaged: Damaged, health: Health) -> None:
    assert damaged.refusal() is ERROR
    assert codes(health) == [Code.STATE_DAMAGED, Code.STATE_DAMAGED]
    assert codes(health, NOW + TROUBLE_SHOWN_S) == [Code.STATE_DAMAGED]
    (stays,) = health.entries(NOW + TROUBLE_SHOWN_S)
    assert stays.fix.endswith("warren leave 1b55003e57")


def test_a_folder_that_a_person_deleted_is_no_trouble_any_more(
    damaged: Damaged, health: Health, tmp_path: Path
) -> None:
    (tmp_path / NAME / "keys.json.bad-1").unlink()
    (tmp_path / NAME).rmdir()
    assert damaged.refusal() is None
    assert codes(health) == []


def test_leaving_it_by_its_id_puts_it_aside_whole(damaged: Damaged, health: Health, tmp_path: Path) -> None:
    assert damaged.none_runs().fix == "`warren leave 1b55003e57` puts it aside"
    assert damaged.find("1b55") is None, "too short for an id"
    assert damaged.find(None) is None
    for text in ("1B5500", NAME, NAME + 48 * "0"):
        assert damaged.find(text) == NAME
    aside = damaged.put_aside(NAME)
    assert aside == tmp_path / f"{NAME}.aside"
    assert [path.name for path in aside.iterdir()] == ["keys.json.bad-1"]
    assert [path.name for path in tmp_path.iterdir()] == [aside.name]
    assert (codes(health), damaged.refusal(), damaged.find(NAME)) == ([], None, None)
    assert damaged.none_runs().text == "this machine is in no network"


def test_what_only_the_moment_keeps_from_starting_is_not_put_aside(damaged: Damaged, tmp_path: Path) -> None:
    damaged.note(NAME, WarrenError(Code.STORE_UNAVAILABLE, "too many open files"), NOW)
    with pytest.raises(WarrenError) as caught:
        damaged.put_aside(NAME)
    assert caught.value.code is Code.STORE_UNAVAILABLE
    assert (tmp_path / NAME).is_dir()
