"""A node's disk in memory: what a process that is killed leaves behind.

`MemoryStore` and `MemoryPath` stand where the product uses `Store` and `Path`. A write is whole or not there (that is
what the real store makes of rename and fsync); a folder is deleted file by file, so a killed process leaves a part.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from tests.model.clock import RUNNING

from warren.errors import Code, WarrenError
from warren.node.storage import Damage

T = TypeVar("T")


class Disk:
    """Files by folder and name; outlives every process."""

    def __init__(self) -> None:
        self.folders: dict[str, dict[str, bytes]] = {}

    def path(self, where: str) -> "MemoryPath":
        return MemoryPath(self, where)


class MemoryPath:
    """As much of `pathlib.Path` as the daemon uses for folders."""

    def __init__(self, disk: Disk, where: str) -> None:
        self.disk = disk
        self.where = where

    def __truediv__(self, name: str) -> "MemoryPath":
        return MemoryPath(self.disk, f"{self.where}/{name}")

    def __str__(self) -> str:
        return self.where

    def __lt__(self, other: "MemoryPath") -> bool:
        return self.where < other.where

    @property
    def name(self) -> str:
        return self.where.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        return f".{self.name.rpartition('.')[2]}" if "." in self.name else ""

    def with_suffix(self, suffix: str) -> "MemoryPath":
        return MemoryPath(self.disk, f"{self.where}{suffix}")

    def is_dir(self) -> bool:
        return self.where in self.disk.folders or any(one.startswith(f"{self.where}/") for one in self.disk.folders)

    exists = is_dir

    def iterdir(self) -> Iterator["MemoryPath"]:
        below = [one for one in self.disk.folders if one.startswith(f"{self.where}/")]
        for name in sorted({one[len(self.where) + 1 :].partition("/")[0] for one in below}):
            yield self / name


def put_in_place(written: MemoryPath, folder: MemoryPath) -> None:
    """`storage.put_in_place`."""
    folders = folder.disk.folders
    RUNNING.get().spend(lambda: folders.update({folder.where: folders.pop(written.where)}))


def check_deletable(folder: MemoryPath, aside: MemoryPath) -> None:
    """`storage.check_deletable`."""
    if folder.exists():
        put_in_place(folder, aside)
        put_in_place(aside, folder)


def delete_folder(folder: MemoryPath, aside: MemoryPath) -> None:
    """`storage.delete_folder`."""
    if not folder.exists():
        return
    MemoryShutil.rmtree(aside)
    put_in_place(folder, aside)
    MemoryShutil.rmtree(aside)


class MemoryStore:
    """`storage.Store` over a `Disk`."""

    def __init__(self, folder: MemoryPath, on_damage: Callable[[Damage], None]) -> None:
        self.folder = folder
        self._on_damage = on_damage
        if folder.where not in folder.disk.folders:
            RUNNING.get().spend(lambda: folder.disk.folders.setdefault(folder.where, {}))

    @property
    def _files(self) -> dict[str, bytes]:
        return self.folder.disk.folders.setdefault(self.folder.where, {})

    def read(self, name: str, parse: Callable[[bytes], T]) -> T | None:
        content = self._files.get(name)
        if content is None:
            return None
        try:
            return parse(content)
        except (WarrenError, ValueError) as error:
            raise WarrenError(Code.STATE_DAMAGED, f"{self.folder}/{name} cannot be read: {error}") from error

    def write(self, name: str, content: bytes) -> None:
        RUNNING.get().spend(lambda: self._files.update({name: content}))

    def remove(self, name: str) -> None:
        RUNNING.get().spend(lambda: self._files.pop(name, None))


class MemoryShutil:
    """What the daemon uses of `shutil`."""

    @staticmethod
    def rmtree(folder: MemoryPath, **_more: Any) -> None:
        power, folders = RUNNING.get(), folder.disk.folders
        for name in sorted(folders.get(folder.where, {})):
            power.spend(lambda name=name: folders[folder.where].pop(name))  # type: ignore[misc] # bound at once
        power.spend(lambda: folders.pop(folder.where, None))
