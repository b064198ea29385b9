"""The relay's X25519 key: made once, in a file that only its owner can read (SECURITY.md, rule 43).

A damaged file is never replaced: clients know the relay by this key. Invariant: the file is complete and on disk before
the key is used.
"""

import os
import tempfile
from pathlib import Path

from warren.errors import Code, WarrenError
from warren.model.keys import ExchangeKeyPair

KEY_BYTES = 32


def load_or_make(path: Path) -> ExchangeKeyPair:
    """Read the key of `path`, or make it in a folder that is there. Raises WarrenError STATE_DAMAGED; INVALID_CONFIG
    where others may read it, or there is no folder."""
    try:
        return load(path)
    except FileNotFoundError:
        _write(path, os.urandom(KEY_BYTES))
        return load(path)


def load(path: Path) -> ExchangeKeyPair:
    """Read the key. Raises FileNotFoundError, and WarrenError as `load_or_make`."""
    try:
        private = path.read_bytes()
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise WarrenError(Code.STATE_DAMAGED, f"{path} cannot be read: {reason}", "restore it from a backup") from error
    if len(private) != KEY_BYTES:
        raise WarrenError(
            Code.STATE_DAMAGED, f"{path} holds {len(private)} bytes, not a key", "restore it from a backup"
        )
    if mode & 0o077:
        raise WarrenError(Code.INVALID_CONFIG, f"{path} can be read by others", f"chmod 600 {path}")
    return ExchangeKeyPair(private)


def _write(path: Path, private: bytes) -> None:
    if not path.parent.is_dir():  # a mistyped place would quietly be another relay
        raise WarrenError(
            Code.INVALID_CONFIG, f"{path.parent} is no folder", f"make it first: mkdir -m 700 {path.parent}"
        )
    try:
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(private)
                file.flush()
                os.fsync(file.fileno())
            os.link(name, path)  # who made the key first wins
        finally:
            Path(name).unlink()
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise WarrenError(Code.STATE_DAMAGED, f"{path} cannot be written: {reason}", "free the disk") from error
