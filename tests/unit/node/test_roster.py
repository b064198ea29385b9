"""Which network a word means."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from warren.errors import Code, WarrenError
from warren.model.ids import NetworkId
from warren.node.control.joining import Entry
from warren.node.control.place import ServerPlace
from warren.node.health import Health
from warren.node.network import Network
from warren.node.roster import Life, Roster
from warren.trust.admission_key import AdmissionKey


def network(name: str, first: int) -> Network:
    membership = SimpleNamespace(server=f"https://{first}.example", joined_at=0.0)
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


class Told:
    """The server's side of leaving."""

    def __init__(self) -> None:
        self.times = 0

    async def leave(self, _within_s: float, _removal: bytes) -> None:
        self.times += 1


@pytest.fixture
def leaving(tmp_path: Path) -> tuple[Roster, Network, Told]:
    """A roster whose one network is on disk, and who hears that it is left."""

    async def stop(_network: Network) -> None:
        return

    roster = Roster(
        tmp_path, Health(), lambda: None, Life(lambda _network, _first: None, stop, lambda work: work.close())
    )
    folder = tmp_path / "networks" / ("aa" * 8)
    folder.mkdir(parents=True)
    told = Told()
    one = network("default", 0xAA)
    one.link = told  # type: ignore[assignment]
    one.own_removal = lambda: b""  # type: ignore[method-assign]
    one.parts.store = SimpleNamespace(folder=folder)  # type: ignore[misc, assignment]
    roster._running[one.id] = one
    return roster, one, told


async def test_who_leaves_is_gone_from_disk_and_the_server_knows(leaving: tuple[Roster, Network, Told]) -> None:
    roster, one, told = leaving
    assert await roster.leave(one)
    assert (told.times, list(one.parts.store.folder.parent.iterdir())) == (1, [])
    assert roster.networks == ()


async def test_a_tunnel_for_a_network_just_left_is_refused(leaving: tuple[Roster, Network, Told]) -> None:
    """Found in CI: `down` ended the networks between the run's look at the host and its tunnel; StopIteration."""
    roster, one, _ = leaving
    spec = object()
    one.tunnel_spec = lambda: spec  # type: ignore[method-assign, assignment, return-value]
    assert roster.tunnel_spec(one.id) is spec
    await roster.leave(one)
    with pytest.raises(WarrenError) as caught:
        roster.tunnel_spec(one.id)
    assert caught.value.code is Code.NETWORK_UNKNOWN


async def test_a_folder_that_cannot_be_deleted_refuses_before_the_server_is_told(
    leaving: tuple[Roster, Network, Told],
) -> None:
    """Found on a disk that takes no writes: the membership ended, the folder stayed, and nobody could get out."""
    roster, one, told = leaving
    folder = one.parts.store.folder
    (folder.with_suffix(".former") / "in the way").mkdir(parents=True)
    with pytest.raises(WarrenError) as caught:
        await roster.leave(one)
    assert caught.value.code is Code.STORE_UNAVAILABLE
    assert "try again" in caught.value.fix
    assert (told.times, roster.networks, folder.is_dir()) == (0, (one,), True)


async def test_after_the_daemon_began_to_end_no_network_begins(tmp_path: Path) -> None:
    """Found by a reviewer: a join that came in between kept a daemon alive without socket or tunnel, for ever."""
    roster = Roster(tmp_path, Health(), lambda: None, cast("Life", None))
    (tmp_path / "networks" / ("ab" * 8)).mkdir(parents=True)
    await roster.stop_all()
    await roster.load()
    assert roster.refusal() is None, "nothing was even tried"
    for begin in (
        roster.join(cast("ServerPlace", None), cast("AdmissionKey", None), cast("Entry", None), None),
        roster.reidentify(network("lab", 0xCC), cast("AdmissionKey", None), cast("Entry", None)),
    ):
        with pytest.raises(WarrenError) as caught:
            await begin
        assert caught.value.code is Code.NOT_UP


async def test_what_is_half_there_is_not_started_beside_the_call_that_joins_or_leaves_it(tmp_path: Path) -> None:
    """Found by a reviewer's chaos: `up` started a folder that a join had just made, so that one network ran twice, and
    one of the two for ever."""
    roster = Roster(tmp_path, Health(), lambda: None, cast("Life", None))
    (tmp_path / "networks" / ("ab" * 8)).mkdir(parents=True)
    async with roster._one_change:  # as every call holds it that changes a folder
        loading = asyncio.create_task(roster.load())
        for _ in range(5):
            await asyncio.sleep(0)
        assert (loading.done(), roster.refusal()) == (False, None)
    await loading
    assert roster.refusal() is not None, "its turn came, and it was looked at"
