"""State files through every kind of damage, and the lock that keeps a second daemon out."""

import errno
import os
import resource
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from warren.errors import Code, WarrenError
from warren.limits import STATE_BAD_FILES_MAX
from warren.node import keys as node_keys
from warren.node import storage
from warren.node.storage import Damage, FolderLock, Store, delete_folder


@pytest.fixture
def damages() -> list[Damage]:
    return []


@pytest.fixture
def store(tmp_path: Path, damages: list[Damage]) -> Store:
    return Store(tmp_path / "state", damages.append)


def text(content: bytes) -> str:
    return content.decode("utf-8")


def refuse(content: bytes) -> str:
    raise ValueError(content)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", ["things.json", "things.bin"])
def test_what_was_written_is_read(store: Store, name: str) -> None:
    store.write(name, b'{"one":1}')
    assert store.read(name, text) == '{"one":1}'


def test_a_file_that_never_was_is_none_and_no_damage(store: Store, damages: list[Damage]) -> None:
    assert store.read("things.json", text) is None
    assert damages == []


def test_files_and_folder_are_private_and_a_json_file_is_json(store: Store) -> None:
    store.write("things.json", b"[1,2]")
    assert (mode(store.folder), mode(store.folder / "things.json")) == (0o700, 0o600)
    assert (store.folder / "things.json").read_text().endswith('"content":[1,2]}\n')


def test_a_folder_and_file_that_others_may_read_become_private(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    store = Store(folder, lambda _: None)
    store.write("things.json", b"1")
    (folder / "things.json").chmod(0o644)
    assert store.read("things.json", text) == "1"
    assert (mode(folder), mode(folder / "things.json")) == (0o700, 0o600)


def test_the_generation_before_is_kept_and_used_when_the_newest_is_damaged(store: Store, damages: list[Damage]) -> None:
    store.write("things.json", b"1")
    store.write("things.json", b"2")
    (store.folder / "things.json").write_bytes(b"")
    assert store.read("things.json", text) == "1"
    assert [(one.name, one.recovered) for one in damages] == [("things.json", True)]
    assert (store.folder / damages[0].kept_as).read_bytes() == b""
    assert damages[0].kept_as.startswith("things.json.bad-")
    assert (store.folder / "things.json").read_bytes() == (store.folder / "things.json.prev").read_bytes()
    assert store.read("things.json", text) == "1"
    assert len(damages) == 1


def test_content_that_the_caller_refuses_counts_as_damage(store: Store, damages: list[Damage]) -> None:
    store.write("things.json", b"1")
    with pytest.raises(WarrenError) as refused:
        store.read("things.json", refuse)
    assert refused.value.code is Code.STATE_DAMAGED
    assert [one.recovered for one in damages] == [False]


def test_after_all_generations_were_damaged_the_file_is_not_begun_anew(store: Store) -> None:
    store.write("keys.json", b"1")
    (store.folder / "keys.json").write_bytes(b"x")
    for _ in range(2):  # a second start finds no file of the name, and is no wiser
        with pytest.raises(WarrenError) as refused:
            store.read("keys.json", text)
        assert refused.value.code is Code.STATE_DAMAGED
    assert list(store.folder.glob("keys.json.bad-*"))


def test_a_missing_newest_generation_is_made_good_by_the_one_before(store: Store, damages: list[Damage]) -> None:
    store.write("things.bin", b"1")
    store.write("things.bin", b"2")
    (store.folder / "things.bin").unlink()
    assert store.read("things.bin", text) == "1"
    assert damages[0].recovered


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EACCES, errno.ESTALE])
def test_what_is_the_systems_fault_throws_no_good_file_away(
    store: Store, damages: list[Damage], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    for content in (b"one", b"two"):
        store.write("keys.json", b'"%s"' % content)
    files = {path: path.read_bytes() for path in store.folder.iterdir()}

    def fail(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr("os.open", fail)
        with pytest.raises(WarrenError) as refused:
            store.read("keys.json", text)
    assert refused.value.code is Code.STORE_UNAVAILABLE
    assert os.strerror(code) in refused.value.text
    assert {path: path.read_bytes() for path in store.folder.iterdir()} == files
    assert (store.read("keys.json", text), damages) == ('"two"', [])


def test_no_descriptors_left_throw_no_good_file_away(store: Store) -> None:
    store.write("keys.json", b"1")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        with pytest.raises(WarrenError) as refused:
            store.read("keys.json", text)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert refused.value.code is Code.STORE_UNAVAILABLE
    assert store.read("keys.json", text) == "1"


def test_two_who_write_one_file_at_once_each_write_it_whole(store: Store) -> None:
    def write(number: int) -> None:
        Store(store.folder, lambda _damage: None).write("things.json", b"%d" % (number % 10) * 20_000)
        assert len(set(store.read("things.json", text) or "")) == 1

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(write, range(200))) == [None] * 200
    assert {path.name for path in store.folder.iterdir()} == {"things.json", "things.json.prev"}


def test_a_symlink_is_never_followed(store: Store, tmp_path: Path) -> None:
    store.write("things.json", b"1")
    target = tmp_path / "target"
    target.write_bytes((store.folder / "things.json").read_bytes())
    (store.folder / "things.json").unlink()
    (store.folder / "things.json").symlink_to(target)
    with pytest.raises(WarrenError):
        store.read("things.json", text)
    assert target.exists()


def test_a_folder_in_a_files_place_is_damage_and_holds_no_descriptor(store: Store, damages: list[Damage]) -> None:
    (store.folder / "things.json").mkdir()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - only how many
    with pytest.raises(WarrenError):
        store.read("things.json", text)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208 - only how many
    assert [one.recovered for one in damages] == [False]


@pytest.mark.parametrize("suffix", ["", ".prev", ".new", ".prev.new"])
def test_a_folder_where_a_file_is_to_be_written_is_kept_aside(store: Store, suffix: str) -> None:
    store.write("wanted.json", b'"old"')
    place = store.folder / f"wanted.json{suffix}"
    place.unlink(missing_ok=True)
    place.mkdir()
    store.write("wanted.json", b'"new"')
    assert store.read("wanted.json", bytes) == b'"new"'
    assert [path.is_dir() for path in store.folder.glob(f"wanted.json{suffix}.bad-*")] == [True]


def test_a_disk_that_refuses_leaves_the_old_generation(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("things.json", b"1")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WarrenError) as refused:
        store.write("things.json", b"2")
    monkeypatch.undo()
    assert refused.value.code is Code.STORE_UNAVAILABLE
    assert "free some space" in refused.value.fix
    assert store.read("things.json", text) == "1"
    assert sorted(path.name for path in store.folder.iterdir()) == ["things.json"]


def test_damaged_files_do_not_pile_up(store: Store) -> None:
    for number in range(STATE_BAD_FILES_MAX + 5):
        store.write("things.json", b"1")
        (store.folder / "things.json.prev").unlink(missing_ok=True)
        (store.folder / "things.json").write_bytes(str(number).encode())
        with pytest.raises(WarrenError):
            store.read("things.json", text)
    assert len(list(store.folder.glob("things.json.bad-*"))) == STATE_BAD_FILES_MAX


def mutations(data: bytes) -> Iterator[bytes]:
    """F18: every cut, a flipped bit in every byte, something appended, nothing left."""
    yield from (data[:length] for length in range(len(data)))
    for place, byte in enumerate(data):
        yield data[:place] + bytes([byte ^ (1 << place % 8)]) + data[place + 1 :]
    yield data + b"\n"
    yield data + data


@pytest.mark.parametrize("has_previous", [True, False])
def test_no_mutation_of_the_keys_ever_makes_another_identity(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, has_previous: bool
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # thousands of them, and no power cut in between
    keys = node_keys.generate()
    node_keys.save(store, keys)
    good = (store.folder / "keys.json").read_bytes()
    for mutated in mutations(good):
        for left in store.folder.iterdir():
            left.unlink()
        (store.folder / "keys.json").write_bytes(mutated)
        if has_previous:
            (store.folder / "keys.json.prev").write_bytes(good)
            assert node_keys.load(store).identity.public == keys.identity.public
        else:
            with pytest.raises(WarrenError) as refused:
                node_keys.load(store)
            assert refused.value.code is Code.STATE_DAMAGED


def test_keys_come_back_as_they_were_and_print_nothing(store: Store) -> None:
    keys = node_keys.generate()
    node_keys.save(store, keys)
    loaded = node_keys.load(store)
    assert loaded.identity.private_bytes() == keys.identity.private_bytes()
    assert loaded.path.private_bytes() == keys.path.private_bytes()
    assert keys.identity.private_bytes().reveal().hex() not in repr(loaded)


def test_no_keys_file_is_an_error_and_no_new_node(store: Store) -> None:
    with pytest.raises(WarrenError) as refused:
        node_keys.load(store)
    assert refused.value.code is Code.STATE_DAMAGED
    assert list(store.folder.iterdir()) == []


def test_the_previous_path_key_counts_until_its_time_is_over() -> None:
    old, new = node_keys.generate(), node_keys.generate()
    keys = node_keys.NodeKeys(new.identity, new.wireguard, new.path, path_previous=old.path, path_previous_until=100.0)
    assert keys.path_keys(99.0) == (new.path, old.path)
    assert keys.path_keys(100.0) == (new.path,)


def test_a_second_lock_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    with pytest.raises(WarrenError) as refused:
        FolderLock(tmp_path)
    assert refused.value.code is Code.ALREADY_RUNNING
    assert str(os.getpid()) in refused.value.text
    first.release()
    FolderLock(tmp_path).release()


def test_a_folder_that_is_deleted_loses_its_name_before_any_of_its_files(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("a", b"first")
    store.write("b", b"second")

    def killed(folder: Path, *, ignore_errors: bool) -> None:
        assert not store.folder.exists(), f"{folder}, {ignore_errors}"

    aside = tmp_path / "state.gone"
    monkeypatch.setattr(storage, "_sync_folder", lambda _folder: monkeypatch.setattr("shutil.rmtree", killed))
    delete_folder(store.folder, aside)
    assert sorted(one.name for one in aside.iterdir()) == ["a", "b"]
    monkeypatch.undo()
    aside.rename(store.folder)
    delete_folder(store.folder, aside)
    assert list(tmp_path.iterdir()) == []
    delete_folder(store.folder, aside)
