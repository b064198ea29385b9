"""The data folder: its layout, its lock, and writes that survive a crash.

Decides names and modes. Must not know what the files mean. One server a folder: the second one is told who holds it.
Invariant: a file written here is either the old one or the new one, never half of it, and readable by its owner only.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from warren.errors import Code, WarrenError, disk_refused


class Folder:
    """Paths of one server's data folder; `DIR` of the documentation."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "warren.db"
        self.keys = root / "keys"
        self.server_key = self.keys / "server.key"
        self.registrar_key = self.keys / "registrar.key"
        self.relay_key = self.keys / "relay.key"
        self.grants_key = self.keys / "relay-grants.key"
        self.factors_key = self.keys / "factors.key"
        self.tls = root / "tls"
        self.run = root / "run"
        self.web_socket = self.run / "web.sock"
        self.admin_socket = root / "admin.sock"
        self.lock = root / "server.lock"

    def root_key(self, network_short: str) -> Path:
        """The root key of a network that this server made."""
        return self.keys / f"root-{network_short}.key"

    def root_keys(self) -> dict[str, Path]:
        """The root keys that lie here, by what `root_key` was told."""
        return {path.stem.removeprefix("root-"): path for path in self.keys.glob("root-*.key")}

    def prepare(self) -> None:
        """Make the folders, 0700, and shut a database to others that is there: the folder may be older than the server,
        and open to all. Raises WarrenError INVALID_CONFIG where the system does not let us."""
        try:
            for path in (self.root, self.keys, self.tls, self.run):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in (self.keys, self.tls, self.run):
                path.chmod(0o700)
            for path in self.root.glob(f"{self.database.name}*"):  # with its journal and what shares memory
                path.chmod(0o600)
        except OSError as error:
            raise WarrenError(
                Code.INVALID_CONFIG, f"{self.root} cannot be used: {error.strerror}", "choose another --data folder"
            ) from error


@contextmanager
def locked(path: Path, describe: str) -> Iterator[None]:
    """Hold the lock file for as long as the block runs. Raises WarrenError ALREADY_RUNNING naming the holder.

    `describe` is what a second server reads about this one. The kernel frees the lock with the process, so a crash
    leaves nothing to clean up.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 512, 0).decode("utf-8", "replace").strip() or "an unknown process"
            raise WarrenError(
                Code.ALREADY_RUNNING, f"{path.parent} is used by {holder}", "stop it, or choose another --data folder"
            ) from error
        with suppress(OSError):  # a full disk: the lock holds all the same, only its holder is not named
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{describe}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def write_private(path: Path, content: bytes) -> None:
    """Write a 0600 file atomically: content and name are on disk when this returns. Raises WarrenError
    STORE_UNAVAILABLE."""
    try:
        _write_private(path, content)
    except OSError as error:
        raise disk_refused(f"{path} cannot be written", error) from error


def check_changeable(folder: Path) -> None:
    """Whether files of this folder may come and go now. Raises WarrenError STORE_UNAVAILABLE."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise disk_refused(f"{folder} cannot be changed", error) from error


def delete_private(path: Path) -> None:
    """Delete a file, if it is there: it is gone from the disk when this returns. Raises WarrenError
    STORE_UNAVAILABLE."""
    try:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise disk_refused(f"{path} cannot be deleted", error, "the next start of the server tries it again") from error


def _unusable(path: Path, error: OSError) -> WarrenError:
    return WarrenError(
        Code.INVALID_CONFIG, f"{path} cannot be used: {error.strerror or error}", "choose another --data folder"
    )


def _write_private(path: Path, content: bytes) -> None:
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Put the folder's names on disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
