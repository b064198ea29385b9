"""Which network a word means."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from warren.errors import Code, WarrenError
from warren.model.ids import NetworkId
from warren.node.health import Health
from warren.node.network import Network
from warren.node.roster import Life, Roster


def network(name: str, first: int) -> Network:
    membership = SimpleNamespace(server=f"https://{first}.example")
    named = SimpleNamespace(name=name, id=NetworkId(bytes([first]) * 32), parts=SimpleNamespace(membership=membership))
    return cast("Network", named)


@pytest.fixture
def roster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Roster:
    networks = (network("default", 0xAA), network("default", 0xBB), network("lab", 0xCC), network("cccccc", 0xDD))
    monkeypatch.setattr(Roster, "networks", networks)
    return Roster(tmp_path, Health(), lambda: None, cast("Life", None))


def test_a_name_that_several_networks_have_means_none_of_them(roster: Roster) -> None:
    """Found by joining two servers: `warren leave default` left whichever was joined first, for good."""
    with pytest.raises(WarrenError) as caught:
        roster.find("default")
    assert caught.value.code is Code.CONFLICT
    assert "aaaaaaaaaa by https://170.example, bbbbbbbbbb by https://187.example" in caught.value.text


def test_a_network_is_named_by_its_name_first_then_by_the_start_of_its_id(roster: Roster) -> None:
    assert roster.find("BBBBBB").id == NetworkId(b"\xbb" * 32)
    assert roster.find("lab").id == NetworkId(b"\xcc" * 32)
    assert roster.find("cccccc").id == NetworkId(b"\xdd" * 32)


@pytest.mark.parametrize("text", [None, "", "bbbbb", "other"])
def test_what_names_no_network_is_refused(roster: Roster, text: str | None) -> None:
    with pytest.raises(WarrenError) as caught:
        roster.find(text)
    assert caught.value.code is Code.NETWORK_UNKNOWN
