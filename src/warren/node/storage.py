"""Files of the state folder: written whole or not at all, checked when read, the generation before kept.

Decides what a readable file is. Every file carries a BLAKE2s digest of its content (RFC 7693), so that a flipped or cut
file is told from a good one. A write goes to a temporary file, is synced, replaces the old one by rename, and the old
one stays as `NAME.prev`. What cannot be read is kept as `NAME.bad-TIME` and its previous generation takes its place;
where there is none, WarrenError STATE_DAMAGED, then and at every later start: nothing here ever begins anew by itself.
JSON files stay valid JSON.

Must not know what the files say: `parse` comes from the caller. Invariants: folder 0700, files 0600, no symlink is
followed, a reader sees one of the two generations at any moment, also after a power cut.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from warren.errors import Code, WarrenError, disk_refused
from warren.failpoints import reach
from warren.limits import STATE_BAD_FILES_MAX, STATE_FILE_MAX_BYTES

T = TypeVar("T")

_ONE_AT_A_TIME = threading.Lock()
"""Two threads that write one file would share its temporary one, and put half of it in place. One lock for all folders:
there is more than one `Store` of some."""

_JSON_HEAD = b'{"blake2s":"%s","content":'
_JSON_TAIL = b"}\n"
_PLAIN_HEAD = b"blake2s:%s\n"
_DIGEST_HEX = 64
_NO_FILE_OF_OURS = {errno.ELOOP, errno.ENXIO, errno.ENODEV}
"""What opening a symbolic link, a socket or a device says. Everything else is the system's own trouble."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that could not be read: why, where it is kept, and whether the generation before took its place."""

    name: str
    reason: str
    kept_as: str
    recovered: bool


class _UnreadableError(Exception):
    """One generation of a file is no good; the text says why."""


class Store:
    """One folder of state files. `on_damage` is told of every file that was set aside."""

    def __init__(self, folder: Path, on_damage: Callable[[Damage], None]) -> None:
        """Create the folder if need be and make it private; WarrenError STORE_UNAVAILABLE where that fails."""
        self.folder = folder
        self._on_damage = on_damage
        with _world(f"cannot use the folder {folder}"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if stat.S_IMODE(folder.stat().st_mode) & 0o077:
                folder.chmod(0o700)

    def read(self, name: str, parse: Callable[[bytes], T]) -> T | None:
        """What `parse` makes of the newest good generation; None where the file never was.

        `parse` refuses with WarrenError, ValueError or a subclass of it. WarrenError STATE_DAMAGED where something is
        there and nothing of it can be read; STORE_UNAVAILABLE where this moment is at fault and not the file (no
        descriptor or memory left, a disk that fails): it stays where it is, since a good one would be thrown away.
        """
        with _ONE_AT_A_TIME, _world(f"cannot read {self.folder / name}"):
            return self._read(name, parse)

    def _read(self, name: str, parse: Callable[[bytes], T]) -> T | None:
        path = self.folder / name
        previous = self.folder / f"{name}.prev"
        try:
            return self._read_one(path, parse)
        except FileNotFoundError:
            kept = self._last_set_aside(name)
            if not os.path.lexists(previous) and not kept:
                return None
            reason = "the file is missing"
        except _UnreadableError as error:
            reason, kept = str(error), self._set_aside(path)
        try:
            value = self._read_one(previous, parse)
        except (FileNotFoundError, _UnreadableError) as error:
            if isinstance(error, _UnreadableError):
                kept = " and ".join(filter(None, (kept, self._set_aside(previous))))
            self._on_damage(Damage(name, reason, kept, recovered=False))
            raise WarrenError(
                Code.STATE_DAMAGED,
                f"{path} cannot be read ({reason}) and there is no good generation before it",
                f"it is kept as {kept}" if kept else "",
            ) from error
        self._on_damage(Damage(name, reason, kept, recovered=True))
        with contextlib.suppress(OSError, _UnreadableError):  # a read-only disk: the generation before does as well
            self._put_back(previous, path)
        return value

    def write(self, name: str, content: bytes) -> None:
        """Replace the file, keeping the old one as `.prev`; on the disk when this returns.

        WarrenError STORE_UNAVAILABLE where the disk refuses (full, read-only); the old generation is untouched then.
        """
        path = self.folder / name
        temporary = self.folder / f"{name}.new"
        previous, linked = self.folder / f"{name}.prev", self.folder / f"{name}.prev.new"
        with _ONE_AT_A_TIME, _world(f"cannot write {path}"):
            for place in (path, temporary, previous, linked):
                if place.is_dir() and not place.is_symlink():  # no file can take its place: damage, kept like any other
                    self._set_aside(place)
            self._write_synced(temporary, _frame(name, content))
            reach("storage.written")
            if os.path.lexists(path):
                # a hard link first, so that at no moment the name is without a file
                linked.unlink(missing_ok=True)
                os.link(path, linked, follow_symlinks=False)
                linked.replace(previous)
                reach("storage.linked")
            temporary.replace(path)
            reach("storage.renamed")
            _sync_folder(self.folder)

    def remove(self, name: str) -> None:
        """Delete every generation of a file, damaged ones too."""
        with _ONE_AT_A_TIME, _world(f"cannot delete {self.folder / name}"):
            for path in self.folder.iterdir():
                if path.name == name or path.name.startswith(f"{name}."):
                    path.unlink(missing_ok=True)
            _sync_folder(self.folder)

    def _read_one(self, path: Path, parse: Callable[[bytes], T]) -> T:
        try:
            data = _read_private(path)
        except OSError as error:
            if error.errno in _NO_FILE_OF_OURS or (error.errno == errno.EACCES and path.lstat().st_uid != os.geteuid()):
                raise _UnreadableError("it is not a plain file of this user") from error
            raise
        try:
            return parse(_unframe(path.name.removesuffix(".prev"), data))
        except (WarrenError, ValueError, RecursionError) as error:
            raise _UnreadableError(
                error.text if isinstance(error, WarrenError) else "its content is malformed"
            ) from error

    def _write_synced(self, path: Path, data: bytes) -> None:
        path.unlink(missing_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def _put_back(self, previous: Path, path: Path) -> None:
        """A copy of the generation before in the place of the lost one, so that there are two again."""
        temporary = path.with_name(f"{path.name}.new")
        self._write_synced(temporary, _read_private(previous))
        temporary.replace(path)
        _sync_folder(self.folder)

    def _last_set_aside(self, name: str) -> str:
        bad = [*self.folder.glob(f"{name}.bad-*"), *self.folder.glob(f"{name}.prev.bad-*")]
        return max((file.name for file in bad), default="")

    def _set_aside(self, path: Path) -> str:
        kept = f"{path.name}.bad-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        number = 1
        while os.path.lexists(self.folder / kept):
            number += 1
            kept = f"{kept.rsplit('Z', 1)[0]}Z-{number}"
        try:
            path.rename(self.folder / kept)
            bad = sorted(self.folder.glob(f"{path.name}.bad-*"), key=lambda file: file.lstat().st_mtime_ns)
            for old in bad[:-STATE_BAD_FILES_MAX]:
                old.unlink(missing_ok=True)
        except OSError:
            return path.name  # a read-only disk: it stays where it is, and is not overwritten either
        return kept


def put_in_place(written: Path, folder: Path) -> None:
    """Give a folder whose files are all written its name; on the disk when this returns. WarrenError where it fails."""
    with _world(f"cannot make {folder}"):
        reach("folder.written")
        written.rename(folder)
        reach("folder.named")
        _sync_folder(folder.parent)


def check_deletable(folder: Path, aside: Path) -> None:
    """Whether `delete_folder` could: the folder loses its name for a moment. `aside` is the name it has meanwhile, and
    keeps where the process is killed just then. WarrenError STORE_UNAVAILABLE where the disk refuses, FOLDER whole."""
    with _ONE_AT_A_TIME, _world(f"cannot delete {folder}", "nothing was done; try again when the disk takes writes"):
        if folder.exists():
            folder.rename(aside)
            reach("folder.aside")
            aside.rename(folder)


def delete_folder(folder: Path, aside: Path) -> None:
    """Delete a folder with all that is in it: it loses its name in one step, so that no start finds a part of it.

    `aside` is the name it has meanwhile. Nothing happens where the folder is gone. WarrenError STORE_UNAVAILABLE where
    the disk refuses; the folder is whole then.
    """
    with _world(f"cannot delete {folder}"):
        if not folder.exists():
            return
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        _sync_folder(folder.parent)
    shutil.rmtree(aside, ignore_errors=True)


class FolderLock:
    """Holds the state folder for one daemon; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take the lock; WarrenError ALREADY_RUNNING names the process that has it."""
        path = folder / "daemon.lock"
        with _world(f"cannot open {path}"):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise WarrenError(
                Code.ALREADY_RUNNING,
                f"a daemon (process {holder or 'unknown'}) uses {folder} already",
                "stop it with `warren down`, or give this one a --state of its own",
            ) from error
        with contextlib.suppress(OSError):  # the lock holds on a full disk too; who has it is then not told
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the folder go; harmless when done twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _frame(name: str, content: bytes) -> bytes:
    digest = hashlib.blake2s(content).hexdigest().encode()
    if name.endswith(".json"):
        return _JSON_HEAD % digest + content + _JSON_TAIL
    return _PLAIN_HEAD % digest + content


def _unframe(name: str, data: bytes) -> bytes:
    is_json = name.endswith(".json")
    head, tail = (_JSON_HEAD, _JSON_TAIL) if is_json else (_PLAIN_HEAD, b"")
    length = len(head) - 2 + _DIGEST_HEX
    content = data[length : len(data) - len(tail)]
    if len(data) < length + len(tail) or data != head % hashlib.blake2s(content).hexdigest().encode() + content + tail:
        raise ValueError("the digest does not fit the content")
    return content


def _read_private(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, descriptor)  # a folder in the file's place becomes no file object that would close it
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise _UnreadableError("it is not a plain file of this user")
        if status.st_size > STATE_FILE_MAX_BYTES:
            raise _UnreadableError("it is larger than any file of ours")
        if stat.S_IMODE(status.st_mode) & 0o077:
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, 0o600)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(STATE_FILE_MAX_BYTES)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _world(what: str, fix: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_refused(what, error, fix) from error
