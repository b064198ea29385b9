"""Settings of the daemon: one frozen value; flag > environment > file > default, and where each came from.

Decides which value wins and whether it is one. Must not know what a setting is used for. Reads at most one file
(`/etc/warren/node.toml`, root's daemon only); a key that nobody knows is an error with a suggestion. What the user
chooses for a network (`warren up --port ...`) is no setting: it is remembered with the network.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from warren.errors import Code, WarrenError
from warren.model import offloads
from warren.node.control.proxy import DIRECT, NO_PROXY_WORD, Proxy, parse_proxy

SYSTEM_FILE = Path("/etc/warren/node.toml")
LOG_LEVELS = ("debug", "info", "warning", "error")
_SWITCH = {"yes": True, "no": False}
WORKERS = {"auto": 0, "1": 1, "2": 2, "4": 4}


@dataclass(frozen=True, slots=True)
class Field:
    """A setting as people meet it: name, help, and its default as text."""

    name: str
    help: str

    @property
    def flag(self) -> str:
        """How it is given on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """How it is given in the environment."""
        return "WARREN_" + self.name.upper()


FIELDS = (
    Field("state", "folder of keys, documents and log; one daemon a folder"),
    Field("socket", "unix socket of the local API"),
    Field("proxy", "HTTP proxy to the server and relays: http://HOST:PORT, or none; default: HTTPS_PROXY, if set"),
    Field("log_level", f"least severe line of the log: {', '.join(LOG_LEVELS)}"),
    Field("offloads", "what the kernel may do for packets: all, none, or what to leave out (-udp-send,-tun-udp)"),
    Field("workers", "threads that carry a network's packets: auto (by the machine's cores), 1, 2 or 4"),
    Field("stay", "whether to run on where nothing is wanted of it: yes, or no as `warren up` starts it"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one daemon was told."""

    state: Path
    socket: Path
    log_level: str
    stay: bool = True
    proxy: Proxy = DIRECT
    offloads: int = offloads.ALL
    workers: int = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and the origin of each by name: `flag`, `environment`, `file PATH` or `default`."""

    settings: Settings
    origins: Mapping[str, str]


def load(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    is_root: bool,
    system_file: Path = SYSTEM_FILE,
) -> Loaded:
    """Combine all sources. WarrenError INVALID_ARGUMENT or INVALID_CONFIG says which value of which source is wrong."""
    sources = [
        ("flag", parse_flags(argv)),
        ("environment", {f.name: environment[f.variable] for f in FIELDS if environment.get(f.variable)}),
    ]
    if is_root and system_file.is_file():
        sources.append((f"file {system_file}", _read_file(system_file)))
    defaults = _defaults(environment, is_root=is_root)
    values: dict[str, str] = {}
    origins: dict[str, str] = {}
    for field in FIELDS:
        origin, value = next(
            ((origin, found[field.name]) for origin, found in sources if field.name in found),
            ("default", defaults[field.name]),
        )
        values[field.name], origins[field.name] = value, origin
    if origins["socket"] == "default" and origins["state"] != "default":
        values["socket"] = str(Path(values["state"]) / "warren.sock")  # as the CLI looks for it
    if values["log_level"] not in LOG_LEVELS:
        raise WarrenError(
            Code.INVALID_CONFIG, f"log level '{values['log_level']}' is not one of {', '.join(LOG_LEVELS)}"
        )
    if values["stay"] not in _SWITCH:
        raise WarrenError(Code.INVALID_CONFIG, f"stay '{values['stay'][:64]}' is not yes or no")
    if values["workers"] not in WORKERS:
        raise WarrenError(Code.INVALID_CONFIG, f"workers '{values['workers'][:64]}' is not {', '.join(WORKERS)}")
    proxy = parse_proxy(values["proxy"], environment.get("NO_PROXY") or environment.get("no_proxy") or "")
    settings = Settings(
        _absolute(values["state"]),
        _absolute(values["socket"]),
        values["log_level"],
        _SWITCH[values["stay"]],
        proxy,
        offloads.parse_allowed(values["offloads"]),
        WORKERS[values["workers"]],
    )
    return Loaded(settings, origins)


def parse_flags(argv: Sequence[str]) -> dict[str, str]:
    """The flags of `warren daemon` by field name; WarrenError INVALID_ARGUMENT for anything else."""
    by_flag = {field.flag: field.name for field in FIELDS}
    found: dict[str, str] = {}
    words = iter(argv)
    for word in words:
        flag, has_value, value = word.partition("=")
        if flag not in by_flag:
            near = difflib.get_close_matches(flag, by_flag, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(by_flag)}"
            raise WarrenError(Code.INVALID_ARGUMENT, f"`warren daemon` does not know '{word[:64]}'", hint)
        if not has_value:
            value = next(words, "")
        if not value:
            raise WarrenError(Code.INVALID_ARGUMENT, f"{flag} needs a value")
        found[by_flag[flag]] = value
    return found


def _absolute(path: str) -> Path:
    try:
        return Path(path).absolute()
    except OSError as error:
        text = f"{path} leads nowhere: the working folder is gone"
        raise WarrenError(Code.INVALID_CONFIG, text, "give a path that begins with /") from error


def _read_file(file: Path) -> dict[str, str]:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise WarrenError(Code.INVALID_CONFIG, f"{file} cannot be read: {error}", "correct the file") from error
    names = [field.name for field in FIELDS]
    found: dict[str, str] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in names or not isinstance(value, str):
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
            raise WarrenError(Code.INVALID_CONFIG, f"{file}: '{key}' is no setting, or its value is no text", hint)
        found[name] = value
    return found


def _defaults(environment: Mapping[str, str], *, is_root: bool) -> dict[str, str]:
    """The same places in which the CLI looks."""
    common = {
        "proxy": environment.get("HTTPS_PROXY") or environment.get("https_proxy") or NO_PROXY_WORD,
        "log_level": "info",
        "stay": "yes",
        "offloads": "all",
        "workers": "auto",
    }
    if is_root:
        return {"state": "/var/lib/warren", "socket": "/run/warren/warren.sock", **common}
    home = Path(environment.get("HOME", os.sep))
    state = Path(environment.get("XDG_STATE_HOME") or home / ".local" / "state") / "warren"
    runtime = environment.get("XDG_RUNTIME_DIR")
    socket = Path(runtime) / "warren" / "warren.sock" if runtime else state / "warren.sock"
    return {"state": str(state), "socket": str(socket), **common}
