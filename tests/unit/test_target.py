"""`tools/target`: checkouts build in folders of their own, and a new one begins with another one's dependencies."""

import os
import shutil
import subprocess
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "target"


def _folder(tmp_path: Path, checkout: str) -> Path:
    tools = tmp_path / checkout / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    shutil.copy(TOOL, tools)
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    return Path(subprocess.check_output([tools / "target", "1.0"], env=env, text=True).strip())


def _built(folder: Path, *crates: str) -> None:
    for crate in crates:
        (folder / "release" / ".fingerprint" / crate).mkdir(parents=True)


def test_each_checkout_has_one_and_finds_it_again(tmp_path: Path) -> None:
    first = _folder(tmp_path, "a")
    assert first.is_dir()
    assert first != _folder(tmp_path, "b")
    assert first == _folder(tmp_path, "a")


def test_a_new_one_has_the_dependencies_of_another_one_and_none_of_our_crates(tmp_path: Path) -> None:
    _built(_folder(tmp_path, "a"), "ring-0123", "warren-proto-0123")
    seeded = _folder(tmp_path, "b") / "release" / ".fingerprint"
    assert [path.name for path in seeded.iterdir()] == ["ring-0123"]


def test_one_whose_checkout_is_gone_is_removed_when_it_has_served(tmp_path: Path) -> None:
    gone = _folder(tmp_path, "a")
    _built(gone, "ring-0123")
    shutil.rmtree(tmp_path / "a")
    assert (_folder(tmp_path, "b") / "release" / ".fingerprint" / "ring-0123").is_dir()
    assert not gone.exists()
