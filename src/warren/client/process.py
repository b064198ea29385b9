"""Starting a daemon that is not running, waiting for it, and ending it again.

Decides how: by its systemd unit where one is installed and nothing else was asked for, else as a detached child
whose output goes to STATE/daemon.log. What the start left behind is remembered in `Started`, so that a first join
that is refused can be undone to the last file. Must not know what the daemon is asked afterwards."""

import contextlib
import errno
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from warren.client.local import LocalClient
from warren.errors import Code, WarrenError, disk_refused
from warren.limits import DAEMON_END_MAX_S, DAEMON_POLL_S, DAEMON_START_MAX_S
from warren.protocol.local.down import Undone

_DYING_S = 2.0  # for the kernel to take a killed process apart; what lives on is no dying daemon
_OF_THE_DISK = {errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO}  # nobody's rights change that
_PAGE_BYTES = 4096  # what a file system gives a file at least
UNIT = "warren-daemon.service"
_UNIT_FOLDERS = (
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)


@dataclass(frozen=True, slots=True)
class Started:
    """A daemon that this program started. `pid` is 0 where systemd runs it."""

    pid: int
    state: Path
    made: tuple[Path, ...]
    """Folders that did not exist before, the outermost last."""

    def end(self) -> None:
        """End the daemon and take away what starting it made; harmless where it has ended already."""
        if self.pid == 0:
            _systemctl("stop")
            return
        _end_child(self.pid)
        if self.state in self.made and not self._holds_network():
            import shutil  # noqa: PLC0415 - only where a first join failed

            shutil.rmtree(self.state, ignore_errors=True)
        for folder in self.made:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _holds_network(self) -> bool:
        """Whether a key may have been used for what is there: the next `up` goes on with it."""
        try:
            return any(folder.suffix not in {".new", ".gone"} for folder in (self.state / "networks").iterdir())
        except OSError:
            return False


def start(client: LocalClient, state: Path, *, is_system: bool) -> Started:
    """Start the daemon and return once its socket answers; raises WarrenError with the reason that it logged."""
    if is_system and has_unit():
        _systemctl("start")
        _wait(client, None, state, 0)
        return Started(0, state, ())
    made = tuple(_missing_folders(state)) + tuple(_missing_folders(client.path.parent))
    log = _open_log(state)
    began_at = os.lseek(log, 0, os.SEEK_END)
    started = Started(_spawn(state, client.path, log), state, made)
    try:
        os.close(log)
        is_ours = _wait(client, started.pid, state, began_at)
    except BaseException:  # Ctrl-C too: nobody else knows of it yet
        started.end()
        raise
    return started if is_ours else Started(started.pid, state, ())


def has_unit() -> bool:
    """Whether systemd runs this machine and knows the daemon's unit."""
    return Path("/run/systemd/system").is_dir() and any(Path(folder, UNIT).exists() for folder in _UNIT_FOLDERS)


def enable_unit() -> bool:
    """Make systemd read the unit and start it with the machine; False where systemd does not run here."""
    if not Path("/run/systemd/system").is_dir():
        return False
    _systemctl("daemon-reload", "")
    _systemctl("enable")
    return True


def wait_until_ended(pid: int, timeout_s: float = DAEMON_END_MAX_S) -> bool:
    """Wait until a process that need not be our child has ended; False where it is still there after the time."""
    try:
        watch = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        return bool(select.select([watch], [], [], timeout_s)[0])
    finally:
        os.close(watch)


def undo(socket: Path, state: Path, *, off: bool, timeout_s: float = DAEMON_START_MAX_S) -> Undone:
    """Undo what a killed daemon left on this host; `off`: and remember that off is wanted. Needs root.

    WarrenError as the program gives it: ALREADY_RUNNING where a daemon has the folder, NOT_FOUND where there is none.
    """
    import subprocess  # noqa: PLC0415 - only where a daemon was killed; costs 10 ms

    if not may_undo():
        raise WarrenError(Code.FORBIDDEN, "only root undoes what a daemon left on this host", "run it as root")
    words = [sys.executable, "-I", "-m", "warren", "daemon", "off" if off else "undo"]
    words += ["--state", str(state), "--socket", str(socket)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise WarrenError(Code.HOST_REFUSED, f"what the daemon left cannot be undone: {error}") from error
    try:
        return msgspec.json.decode(done.stdout, type=Undone)
    except msgspec.MsgspecError as error:
        raise _coded(done.stderr.splitlines()) or WarrenError(
            Code.INTERNAL, "what the daemon left cannot be undone", "warren up, then warren down"
        ) from error


def holder(state: Path) -> int:
    """The process that holds the folder's lock, 0 where none does, or none that this user may look at.

    The lock's file names it, but its word alone is not enough to end a process: that one must have the file open, with
    the lock on it (proc_pid_fdinfo(5)).
    """
    path = state / "daemon.lock"
    try:
        pid = int(path.read_text("ascii"))
        lock = path.stat()
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it closes files while we look
                found = link.stat()
                if (found.st_dev, found.st_ino) == (lock.st_dev, lock.st_ino):
                    said = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text("ascii", "replace")
                    if any(line.startswith("lock:") and "FLOCK" in line for line in said.splitlines()):
                        return pid
    except (OSError, ValueError):
        return 0
    return 0


def end_holder(state: Path) -> bool:
    """End the daemon that holds the folder's lock, whether or not it can be asked; False where it does not end in time.
    One that ends just now is let. Needs root."""
    pid = holder(state)
    if pid == 0:
        return True
    try:
        watch = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        if select.select([watch], [], [], _DYING_S)[0]:
            return True
        if holder(state) != pid:  # the number is another process's by now
            return True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(watch, signal.SIGTERM)
        return bool(select.select([watch], [], [], DAEMON_END_MAX_S)[0])
    finally:
        os.close(watch)


def may_undo() -> bool:
    """Whether this user may change the host."""
    return os.geteuid() == 0


def has_died(client: LocalClient) -> bool:
    """Whether the daemon that was asked is gone, or goes while we wait: it was killed, and its socket outlived it."""
    return client.asked_pid != 0 and wait_until_ended(client.asked_pid, _DYING_S)


def _missing_folders(folder: Path) -> list[Path]:
    missing: list[Path] = []
    try:
        while not folder.exists() and folder != folder.parent:
            missing.append(folder)
            folder = folder.parent
    except OSError as error:  # a folder on the way that this user may not look into
        raise _unusable(folder, error) from error
    return missing


def _unusable(folder: Path, error: OSError) -> WarrenError:
    if error.errno in _OF_THE_DISK or (isinstance(error, PermissionError) and may_undo()):
        return disk_refused(f"the folder {folder} cannot be used", error)
    fix = "run it as root, or give --state and --socket"
    if not isinstance(error, PermissionError):  # what is in the way is in root's way too
        fix = "give another folder: --state DIR, and --socket"
    return WarrenError(Code.FORBIDDEN, f"the folder {folder} cannot be used: {error.strerror}", fix)


def _open_log(state: Path) -> int:
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(
            state / "daemon.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        raise _unusable(state, error) from error


def _spawn(state: Path, path: Path, log: int) -> int:
    """A child in a session of its own, at the root folder, isolated from the caller's Python settings."""
    words = [sys.executable, "-I", "-m", "warren", "daemon", "--state", str(state), "--socket", str(path)]
    words += ["--stay", "no"]  # whoever asked may be killed before it could end what it began
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        os.chdir("/")
        os.umask(0o077)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execv(words[0], words)  # noqa: S606 - our own interpreter, no shell
    except OSError as error:
        os.write(2, f"the daemon cannot be run: {error}\n".encode())
    finally:
        os._exit(127)


def _wait(client: LocalClient, pid: int | None, state: Path, began_at: int) -> bool:
    """Wait for the socket: a failed connect costs microseconds, so ask often; see at once when the child has ended.

    False where the child ended because another `warren up` was quicker, whose daemon holds the state.
    """
    deadline = time.monotonic() + DAEMON_START_MAX_S
    while not client.is_answering():
        if pid is not None and os.waitpid(pid, os.WNOHANG)[0]:
            if client.is_answering():
                return False
            raise _reason(state, began_at)
        if time.monotonic() > deadline:
            raise WarrenError(Code.TIMEOUT, "the daemon did not start in time", f"see {state}/daemon.log")
        time.sleep(DAEMON_POLL_S)
    return True


def _reason(state: Path, began_at: int) -> WarrenError:
    """Return what the daemon said before it ended: its last line with a stable code, else where to look."""
    if (refused := _refused_by_disk(state)) is not None:
        return refused  # a full disk takes no last words either
    with contextlib.suppress(OSError):
        said = (state / "daemon.log").read_bytes()[began_at:].decode(errors="replace").splitlines()
        if (refused := _coded(said)) is not None:
            return refused
        if said:
            return WarrenError(Code.INTERNAL, f"the daemon ended at once: {said[-1]}", f"see {state}/daemon.log")
    return WarrenError(Code.INTERNAL, "the daemon ended at once", f"see {state}/daemon.log")


def _coded(said: Sequence[str]) -> WarrenError | None:
    """The last line with a stable code, if there is one; what to do stands on the next one, indented."""
    for line, following in zip(reversed(said), ("", *reversed(said)), strict=False):
        for code in Code:
            _, found, text = line.partition(f"{code.value}: ")
            if found:
                return WarrenError(code, text, following.strip() if following.startswith("  ") else "")
    return None


def _refused_by_disk(state: Path) -> WarrenError | None:
    """Why no file can be written in the folder, if so."""
    import tempfile  # noqa: PLC0415 - only where a start failed

    try:
        with tempfile.TemporaryFile(dir=state) as file:
            file.write(bytes(_PAGE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return disk_refused(f"nothing can be written to {state}", error)
    return None


def _end_child(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        os.kill(pid, signal.SIGTERM)
        if not wait_until_ended(pid):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _systemctl(verb: str, unit: str = UNIT) -> None:
    import subprocess  # noqa: PLC0415 - only where systemd runs the daemon; costs 10 ms

    try:
        subprocess.run(  # noqa: S603 - fixed words
            ["/usr/bin/env", "systemctl", verb, *([unit] if unit else [])],
            check=True,
            capture_output=True,
            timeout=DAEMON_START_MAX_S,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise WarrenError(
            Code.DAEMON_UNREACHABLE, f"systemd could not {verb} {UNIT}", f"see: journalctl -u {UNIT}"
        ) from error
