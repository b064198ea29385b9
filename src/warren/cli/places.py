"""Where the daemon's socket and state are, from flags and the user.

Decides: what was named wins; root uses the system's folders; others XDG folders, but the system's daemon is tried
first."""

import os
from dataclasses import dataclass
from pathlib import Path

from warren.cli.grammar import Parsed
from warren.errors import Code, WarrenError

SYSTEM_SOCKET = Path("/run/warren/warren.sock")
SYSTEM_STATE = Path("/var/lib/warren")
_SOCKET_MAX_BYTES = 107  # sun_path of unix(7), less its end


@dataclass(frozen=True, slots=True)
class Places:
    """The daemon's places. `is_system`: neither was named and the system's are meant, so its unit may be used."""

    socket: Path
    state: Path
    is_system: bool


def places(parsed: Parsed) -> Places:
    """Return the places that this command line means; raises WarrenError for a socket path that no kernel takes."""
    state = parsed.text("state") or os.environ.get("WARREN_STATE")  # only `up` has the flag; its variable is for all
    socket = parsed.text("socket")
    if socket is not None:
        where = Path(socket).absolute()
        found = Places(where, Path(state).absolute() if state else where.parent / "state", is_system=False)
    elif state is not None:
        folder = Path(state).absolute()
        found = Places(folder / "warren.sock", folder, is_system=False)
    else:
        found = _default()
    if len(os.fsencode(found.socket)) > _SOCKET_MAX_BYTES:
        raise WarrenError(
            Code.INVALID_ARGUMENT, f"a socket's path has at most {_SOCKET_MAX_BYTES} bytes", "use a shorter one"
        )
    return found


def is_folder(state: Path) -> bool:
    """Whether a daemon's folder is there, for all that this user can see."""
    try:
        return state.is_dir()
    except OSError:
        return False


def _default() -> Places:
    if os.geteuid() == 0 or SYSTEM_SOCKET.exists():
        return Places(SYSTEM_SOCKET, SYSTEM_STATE, is_system=True)
    state = Path(os.environ.get("XDG_STATE_HOME") or _home() / ".local" / "state").absolute() / "warren"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    socket = Path(runtime).absolute() / "warren" / "warren.sock" if runtime else state / "warren.sock"
    return Places(socket, state, is_system=False)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise WarrenError(Code.INVALID_ARGUMENT, "this user has no home folder", "give --state and --socket") from error
