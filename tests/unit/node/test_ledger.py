"""What a node holds of a network's documents, over restarts and damage."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.errors import Code, WarrenError
from warren.node.ledger import DOCUMENTS_FILE, FLOORS_FILE, GENESIS_FILE, Ledger, open_ledger
from warren.node.storage import Store
from warren.policy.language import DEFAULT_TEXT
from warren.trust.documents import Kind
from warren.trust.floors import Floors

NOW = float(DATE + 50)
NOTHING = b'{"version":1,"rules":[]}'


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def store(tmp_path: Path, network: Network) -> Store:
    store = Store(tmp_path, lambda _: None)
    store.write(GENESIS_FILE, network.genesis_bytes)
    return store


@contextlib.contextmanager
def full_disk(store: Store) -> Iterator[None]:
    def write(name: str, content: bytes) -> None:
        raise WarrenError(Code.STORE_UNAVAILABLE, f"cannot write {name}, {len(content)} bytes")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "write", write)
        yield


def base(network: Network) -> list[bytes]:
    documents = [one for one in network.base() if one.kind not in {Kind.POLICY, Kind.GENESIS}]
    return [one.raw for one in (*documents, network.policy(DEFAULT_TEXT), network.member("me"))]


async def filled(store: Store, network: Network) -> Ledger:
    ledger = open_ledger(store)
    await ledger.take(base(network), NOW)
    return ledger


async def test_what_was_taken_is_in_force_again_after_a_restart(store: Store, network: Network) -> None:
    await filled(store, network)
    again = open_ledger(store)
    again.load(NOW + 10)
    assert again.held is not None
    assert network.identity("me") in again.held.view.members
    assert again.held.as_of == NOW


async def test_an_older_document_is_refused_after_a_restart_too(store: Store, network: Network) -> None:
    old = network.member("me", hostname="old")
    ledger = await filled(store, network)
    assert (await ledger.take([network.member("me", hostname="new").raw], NOW)).view.members
    again = open_ledger(store)
    again.load(NOW)
    held = await again.take([old.raw], NOW)
    assert held.view.members[network.identity("me")].hostname == "new"


async def test_a_change_of_the_root_outlives_a_restart_lost_documents_and_a_server_that_shows_the_world_before_it(
    store: Store, network: Network
) -> None:
    ledger = await filled(store, network)
    assert ledger.held is not None
    kept = [one for one in ledger.held.view.documents if one.signer == network.identity("root")]
    change = network.root_change("next", kept=[one for one in kept if one.kind != Kind.GENESIS])
    assert (await ledger.take([change.raw], NOW)).view.root == network.identity("next")
    store.remove(DOCUMENTS_FILE)
    again = open_ledger(store)
    again.load(NOW)
    thief = network.member("evil", by="root")
    held = await again.take([*base(network), thief.raw], NOW)  # what a hostile server has
    assert held.view.root == network.identity("next")
    assert network.identity("evil") not in held.view.members
    assert "root-change-missing" in {note.code for note in held.view.health}
    healed = await again.take([*(one.raw for one in ledger.held.view.documents), change.raw], NOW)
    assert healed.view.members.keys() == {network.identity("me")}


async def test_floors_are_on_disk_before_documents_are_used(
    store: Store, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await filled(store, network)
    written: list[str] = []
    write = store.write

    def note(name: str, content: bytes) -> None:
        written.append(name)
        write(name, content)

    monkeypatch.setattr(store, "write", note)
    await ledger.take([network.member("db").raw], NOW)
    assert written == [DOCUMENTS_FILE, FLOORS_FILE]
    written.clear()
    await ledger.take([network.member("db").raw], NOW)  # a newer one, so that the one before gives way
    assert written == [DOCUMENTS_FILE, FLOORS_FILE, DOCUMENTS_FILE]


class _PowerCut(BaseException):
    """Nothing that anybody catches."""


@pytest.mark.parametrize("writes", [0, 1, 2])
@pytest.mark.parametrize("what", ["policy", "membership", "settings", "removal"])
async def test_a_power_cut_between_the_writes_leaves_a_network_that_works_without_its_server(
    store: Store, network: Network, monkeypatch: pytest.MonkeyPatch, what: str, writes: int
) -> None:
    """Found by a reviewer: floors were there without the documents that they ask for."""
    ledger = await filled(store, network)
    await ledger.take([network.policy(DEFAULT_TEXT).raw, network.member("db").raw], NOW)
    match what:
        case "policy":
            newer = network.policy(DEFAULT_TEXT)
        case "membership":
            newer = network.member("me")
        case "settings":
            newer = network.settings()
        case _:
            newer = network.removal("db")
    left, write = writes, store.write

    def cut(name: str, content: bytes) -> None:
        nonlocal left
        if not left:
            raise _PowerCut
        left -= 1
        write(name, content)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", cut)
        with pytest.raises(_PowerCut):
            ledger._take([newer.raw], NOW)
    again = open_ledger(store)
    again.load(NOW)
    assert again.held is not None
    view = again.held.view
    assert view.policy is not None
    assert view.settings is not None
    assert network.identity("me") in view.members
    came = newer.raw in {one.raw for one in view.documents}
    assert came == (writes > 0)
    assert (network.identity("db") in view.members) == (what != "removal" or not came)
    assert store.read(FLOORS_FILE, Floors.decode) == view.floors, "they are on disk again"


async def test_floors_that_a_full_disk_refuses_after_a_power_cut_are_written_when_it_takes_them(
    store: Store, network: Network
) -> None:
    ledger = await filled(store, network)
    await ledger.take([network.policy(DEFAULT_TEXT).raw], NOW)
    store.write(FLOORS_FILE, Floors().encode())
    again = open_ledger(store)
    with full_disk(store):
        again.load(NOW)
    assert again.held is not None
    was_behind = again.is_behind
    held = await again.take((), NOW)
    assert (was_behind, again.is_behind) == (True, False)
    assert store.read(FLOORS_FILE, Floors.decode) == held.view.floors


async def test_the_documents_before_the_damaged_ones_are_not_behind_the_floors(store: Store, network: Network) -> None:
    ledger = await filled(store, network)
    await ledger.take([network.policy(DEFAULT_TEXT).raw], NOW)
    held = await ledger.take([network.policy(DEFAULT_TEXT).raw, network.member("me").raw], NOW)
    (store.folder / DOCUMENTS_FILE).unlink()
    (store.folder / DOCUMENTS_FILE).write_bytes(b"damaged")
    again = open_ledger(store)
    again.load(NOW)
    assert again.held is not None
    assert {one.raw for one in again.held.view.documents} == {one.raw for one in held.view.documents}


async def test_what_a_disk_refuses_does_not_begin_and_is_taken_again_by_itself(store: Store, network: Network) -> None:
    ledger = await filled(store, network)
    before = ledger.held
    with full_disk(store), pytest.raises(WarrenError):
        await ledger.take([network.member("db").raw], NOW)
    assert before is not None
    assert ledger.held is not None
    assert ledger.held.view.members == before.view.members
    assert ledger.is_behind
    held = await ledger.take([], NOW)
    assert network.identity("db") in held.view.members
    assert not ledger.is_behind


async def test_what_ends_ends_at_once_also_where_the_disk_refuses_it(store: Store, network: Network) -> None:
    """Found by a reviewer: a kicked machine that can fill a disk stayed in."""
    ledger = await filled(store, network)
    await ledger.take([network.member("db").raw, network.member("web").raw], NOW)
    await ledger.take([network.member("web", tags=("prod", "web"), groups=("ops",)).raw], NOW)
    less, nothing = network.member("web", tags=("web", "new")).raw, network.policy(NOTHING).raw
    with full_disk(store), pytest.raises(WarrenError):
        await ledger.take([network.removal("db").raw, less, nothing, network.member("new").raw], NOW)
    assert ledger.held is not None
    view = ledger.held.view
    assert {network.identity(who) for who in ("me", "web")} <= view.members.keys()
    assert not {network.identity(who) for who in ("db", "new")} & view.members.keys()
    web = view.members[network.identity("web")].membership
    assert (web.tags, web.groups) == (("web",), ())
    assert view.policy is not None
    assert view.policy.text == NOTHING
    again = open_ledger(store)
    again.load(NOW)
    assert again.held is not None
    assert network.identity("db") in again.held.view.members, "what was not written is not known after a restart"
    held = await ledger.take([], NOW)
    assert network.identity("new") in held.view.members
    assert network.identity("db") not in held.view.members


async def test_a_batch_that_is_refused_whole_takes_back_no_removal_that_waits_for_the_disk(
    store: Store, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by a reviewer: a server that sent too much brought whom it had kicked back in."""
    ledger = await filled(store, network)
    await ledger.take([network.member("db").raw], NOW)
    with full_disk(store), pytest.raises(WarrenError):
        await ledger.take([network.removal("db").raw], NOW)
    with monkeypatch.context() as patch:
        patch.setattr("warren.limits.DOCUMENTS_MAX", 1)
        with pytest.raises(WarrenError):
            await ledger.take([network.member("web").raw], NOW)
    held = await ledger.take([], NOW)
    assert network.identity("db") not in held.view.members


async def test_what_the_disk_refused_is_not_kept_beside_what_came_instead(store: Store, network: Network) -> None:
    ledger = await filled(store, network)
    with full_disk(store):
        for number in range(1, 4):
            with pytest.raises(WarrenError):
                await ledger.take([network.member("db", counter=number).raw, b"nonsense"], NOW)
    assert len(ledger._unwritten) == 1, "the newest alone, and nothing that no node would believe"


async def test_no_date_of_a_server_counts_that_the_clock_does_not_bear_out(store: Store, network: Network) -> None:
    ledger = await filled(store, network)
    told = network.head("registrar", date=DATE + 1000).raw
    for latest, now in ((DATE + 999, int(NOW)), (DATE + 1000, DATE + 1000)):
        assert (await ledger.take([told], NOW, float(latest))).view.effective_now == now
        again = open_ledger(store)
        again.load(NOW, float(latest))
        assert again.held is not None
        assert again.held.view.effective_now == now


async def test_forged_documents_are_named_with_their_reason(store: Store, network: Network) -> None:
    ledger = await filled(store, network)
    held = await ledger.take([b"nonsense", network.member("db", by="stranger").raw], NOW)
    assert {refused.code for refused in held.refused} >= {Code.MALFORMED}
    assert len(held.refused) == 2
    assert network.identity("db") not in held.view.members


async def test_what_gave_way_to_a_removal_or_a_newer_document_is_no_trouble(store: Store, network: Network) -> None:
    """Found by leaving: every other machine's status said `refused a membership ...` until the next change."""
    ledger = await filled(store, network)
    await ledger.take([network.member("db").raw, network.record("db").raw, network.head("registrar").raw], NOW)
    held = await ledger.take([network.removal("db").raw, network.head("registrar").raw], NOW)
    assert network.identity("db") not in held.view.members
    assert held.refused == ()
    again = await ledger.take([network.member("db", counter=1).raw], NOW)
    assert [one.kind for one in again.refused] == [Kind.MEMBERSHIP], "what comes again after its removal is trouble"


async def test_damaged_documents_are_fetched_anew_but_nothing_old_comes_back(store: Store, network: Network) -> None:
    old = network.member("me", hostname="old")
    await filled(store, network)
    for name in (DOCUMENTS_FILE, f"{DOCUMENTS_FILE}.prev"):
        (store.folder / name).unlink(missing_ok=True)
        (store.folder / name).write_bytes(b"damaged")
    again = open_ledger(store)
    again.load(NOW)
    assert again.held is None
    held = await again.take([old.raw, *base(network)[:2]], NOW)
    assert network.identity("me") not in held.view.members


async def test_lost_floors_stop_the_network(store: Store, network: Network) -> None:
    await filled(store, network)
    for name in (FLOORS_FILE, f"{FLOORS_FILE}.prev"):
        (store.folder / name).unlink(missing_ok=True)
        (store.folder / name).write_bytes(b"{}")
    with pytest.raises(WarrenError) as refused:
        open_ledger(store).load(NOW)
    assert refused.value.code is Code.STATE_DAMAGED


def test_a_folder_without_genesis_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(WarrenError) as refused:
        open_ledger(Store(tmp_path, lambda _: None))
    assert refused.value.code is Code.STATE_DAMAGED
