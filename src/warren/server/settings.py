"""Settings of `warren server`: one frozen struct; flag > WARREN_<FLAG> > file > default.

Decides which value wins and whether it is well formed. Must not know what a setting is used for. A key that nobody
knows is an error with a suggestion, because a misspelled limit that is silently ignored is worse than no start.
Invariant: a `Settings` that exists is complete and consistent; nobody checks it again.
"""

import difflib
import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from warren.errors import Code, WarrenError
from warren.model.addresses import parse_port
from warren.relay import turn
from warren.relay.service import DEFAULT_LIMITS, parse_limits
from warren.server.factors.rules import Demands, parse_demands
from warren.server.relays.places import is_udp_place

SYSTEM_FILE = Path("/etc/warren/server.toml")
DEFAULT_PORT = 8443
URL_MAX_CHARS = 300  # what `warren up --server` takes: a name of 253, scheme and port
HOST_MAX_CHARS = 253  # of a name (RFC 1035, 2.3.4)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one server was told. Field descriptions are the help texts; the variable is WARREN_ plus the flag."""

    data: Annotated[Path, msgspec.Meta(description="folder that holds the database, keys and sockets")]
    url: Annotated[str, msgspec.Meta(description="URL under which nodes and people reach this server")]
    listen: Annotated[str, msgspec.Meta(description="TCP address of the public port, [HOST]:PORT")] = f":{DEFAULT_PORT}"
    tls: Annotated[
        str, msgspec.Meta(description="'auto' (self-signed, for nodes), or CERT,KEY files; unused with http://")
    ] = "auto"
    metrics_listen: Annotated[
        str, msgspec.Meta(description="TCP address that serves /metrics, [HOST]:PORT; empty: admin socket only")
    ] = ""
    database_url: Annotated[
        str, msgspec.Meta(description="PostgreSQL instead of the SQLite inside: its URL, or file:PATH of one")
    ] = ""
    relay_announce: Annotated[
        str,
        msgspec.Meta(description="where nodes reach the relay by UDP, HOST:PORT, comma between; empty: the URL's host"),
    ] = ""
    relays: Annotated[
        str,
        msgspec.Meta(
            description="file of relays beside its own: [[relay]] tables with name, key, udp, url; empty: none"
        ),
    ] = ""
    relay_listen: Annotated[
        str,
        msgspec.Meta(description="UDP address of STUN and relay, [HOST]:PORT; empty: 3478, else any; 'off': no relay"),
    ] = ""
    relay_limits: Annotated[
        str, msgspec.Meta(description="what the relay carries of a client, of a network, and in all, in Mbit/s; 0: all")
    ] = DEFAULT_LIMITS
    turn_secret: Annotated[
        str, msgspec.Meta(description="what TURN's passwords are made with, file:PATH; empty: no TURN")
    ] = ""
    turn_realm: Annotated[str, msgspec.Meta(description="TURN's realm")] = turn.REALM
    turn_address: Annotated[
        str,
        msgspec.Meta(description="addresses that TURN's peers are told, with commas; empty: the one facing the client"),
    ] = ""
    turn_ports: Annotated[str, msgspec.Meta(description="ports of TURN's relayed sockets, FIRST-LAST")] = turn.PORTS
    turn_allow: Annotated[
        str,
        msgspec.Meta(
            description="prefixes with commas that TURN's clients may reach though they are private or this machine's;"
            " 'relayed': each other's relayed addresses here"
        ),
    ] = ""
    stun_answer: Annotated[
        Literal["equal", "standard"],
        msgspec.Meta(
            description="'equal': a stranger is never sent more bytes than it sent, so bare requests are answered when"
            " repeated; 'standard': at once, up to 24 bytes more"
        ),
    ] = "equal"
    providers: Annotated[
        str,
        msgspec.Meta(description="file of OpenID Connect providers that people sign on by ([[provider]]); empty: none"),
    ] = ""
    second_factor: Annotated[
        str,
        msgspec.Meta(
            description="what takes a second factor of everybody: sign-on, approve, admin, with commas; empty: only who"
            " has one is asked for it"
        ),
    ] = ""
    second_factor_hours: Annotated[
        str, msgspec.Meta(description="for how many hours one that was shown counts for approve and admin")
    ] = "12"
    machine_days: Annotated[
        str,
        msgspec.Meta(
            description="days after which a person has to renew their machine (warren up --renew); tagged ones renew"
            " by themselves while they are here; 0: never"
        ),
    ] = "0"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], msgspec.Meta(description="least severe log line to print")
    ] = "info"

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises ValueError with a sentence; `load` turns it into a coded refusal."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"the URL {self.url!r} is not http://HOST[:PORT] or https://HOST[:PORT]")
        if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(f"the URL {self.url!r} may hold scheme, host and port only")
        if parts.port == 0 or not self.url.isascii() or len(self.url) > URL_MAX_CHARS:  # `port` refuses what is none
            raise ValueError(f"the URL {self.url[:URL_MAX_CHARS]!r} is none that nodes could reach")
        if len(parts.hostname) > HOST_MAX_CHARS:
            raise ValueError(f"the URL's host has more than {HOST_MAX_CHARS} characters, so it is no name")
        # a scope (`%eth0`) means nothing on another machine
        if not parts.hostname.isprintable() or {" ", "%"} & set(parts.hostname):
            raise ValueError(f"the URL {self.url!r} names no host that nodes could reach")
        split_listen(self.listen)
        if self.metrics_listen:
            split_listen(self.metrics_listen)
        for one in self.relay_announced:
            if not is_udp_place(one):
                raise ValueError(f"--relay-announce takes HOST:PORT, comma between, not {one!r}")
        if self.relay_listen not in {"", "off"}:
            split_listen(self.relay_listen)
        parse_limits(self.relay_limits)
        if self.turn.secret_file and self.relay_listen == "off":
            raise ValueError("TURN shares the relay's port: --turn-secret means nothing with --relay-listen off")
        _ = self.demands, self.machine_life_s
        if self.tls != "auto" and self.tls.count(",") != 1:
            raise ValueError(f"--tls takes 'auto' or CERT,KEY, not {self.tls!r}")

    @property
    def relay_announced(self) -> tuple[str, ...]:
        """The UDP addresses of the relay that nodes are told, if the setting says so."""
        return tuple(word.strip() for word in self.relay_announce.split(",") if word.strip())

    @property
    def plain(self) -> bool:
        """Whether the public port speaks HTTP without TLS."""
        return urlsplit(self.url).scheme == "http"

    @property
    def host(self) -> str:
        """The literal host of the URL, lower case, without brackets."""
        return str(urlsplit(self.url).hostname)

    @property
    def base_url(self) -> str:
        """The URL in its one spelling: scheme and host in lower case, without a slash at the end."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @property
    def url_port(self) -> int:
        """The port that the URL means."""
        return urlsplit(self.url).port or (80 if self.plain else 443)

    @property
    def listen_port(self) -> int:
        """The port of the public listener; 0: the system chooses."""
        return split_listen(self.listen)[1]

    @property
    def turn(self) -> turn.TurnSettings:
        """STUN and TURN. ValueError where a word of theirs means nothing (never of a `Settings` that exists)."""
        return turn.turn_settings(
            secret=self.turn_secret,
            realm=self.turn_realm,
            address=self.turn_address,
            ports=self.turn_ports,
            allow=self.turn_allow,
            stun_answer=self.stun_answer,
        )

    @property
    def demands(self) -> Demands:
        """What takes a second factor. ValueError where a word means nothing (never of a `Settings` that exists)."""
        hours = self.second_factor_hours
        if not (hours.isascii() and hours.isdigit() and len(hours) <= 4 and 1 <= int(hours) <= 24 * 365):
            raise ValueError(f"--second-factor-hours takes a whole number of hours up to a year, not {hours!r}")
        return parse_demands(self.second_factor, int(hours) * 3600)

    @property
    def machine_life_s(self) -> int:
        """How long a membership of a person's or tagged machine lasts, 0: for good. ValueError as `demands`."""
        days = self.machine_days
        if not (days.isascii() and days.isdigit() and len(days) <= 4 and int(days) <= 3650):
            raise ValueError(f"--machine-days takes a whole number of days up to ten years, not {days!r}")
        return int(days) * 86400

    @property
    def on_loopback(self) -> bool:
        """Whether the URL names this machine only, where plain HTTP needs no warning."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost" or self.host.endswith(".localhost")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings and where each field came from ('flag', 'environment', a file's path, 'default')."""

    settings: Settings
    origins: Mapping[str, str]


def split_listen(text: str) -> tuple[str, int]:
    """Split `[HOST]:PORT` into host ("" for every address) and port (0 lets the system choose). Raises ValueError."""
    host, colon, last = text.rpartition(":")
    port = parse_port(last)
    if not colon or port is None:
        raise ValueError(f"{text!r} is not [HOST]:PORT")
    return host.removeprefix("[").removesuffix("]"), port


def flag_of(field: str) -> str:
    """The command-line flag of a field."""
    return "--" + field.replace("_", "-")


def variable_of(field: str) -> str:
    """The environment variable of a field."""
    return "DATABASE_URL" if field == "database_url" else "WARREN_" + field.upper()


def load(flags: Mapping[str, str], environment: Mapping[str, str], system_file: Path = SYSTEM_FILE) -> Loaded:
    """Combine the sources. Reads at most one file. Raises WarrenError INVALID_CONFIG or INVALID_ARGUMENT."""
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    fields = Settings.__struct_fields__

    def take(source: Mapping[str, object], origin: str) -> None:
        for field in fields:
            if field not in values and field in source:
                values[field] = source[field]
                origins[field] = origin

    take(flags, "flag")
    take(
        {field: environment[variable_of(field)] for field in fields if variable_of(field) in environment}, "environment"
    )
    file = _file_in_force(values.get("data"), system_file)
    if file is not None:
        take(_read(file), str(file))
    missing = [flag_of(field) for field in ("data", "url") if field not in values]
    if missing:
        raise WarrenError(
            Code.INVALID_ARGUMENT,
            f"{' and '.join(missing)} must be given",
            "for example: warren server --data /var/lib/warren-server --url https://vpn.example.org",
        )
    try:
        settings = msgspec.convert(values, Settings, dec_hook=_to_path)
    except (msgspec.ValidationError, ValueError) as error:
        raise WarrenError(Code.INVALID_CONFIG, str(error), "see warren server --help") from error
    return Loaded(settings, {field: origins.get(field, "default") for field in fields})


def _file_in_force(data: object, system_file: Path) -> Path | None:
    if data is not None:
        own = Path(str(data)) / "server.toml"
        try:
            if own.is_file():
                return own
        except OSError as error:  # the folder belongs to another user
            raise WarrenError(
                Code.INVALID_CONFIG, f"{own} cannot be read: {error.strerror}", "run it as the server's user or root"
            ) from error
    return system_file if system_file.is_file() else None


def _read(file: Path) -> dict[str, object]:
    try:
        found: dict[str, object] = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise WarrenError(Code.INVALID_CONFIG, f"{file} cannot be read: {error}", "correct the file") from error
    found = {key.replace("-", "_"): value for key, value in found.items()}
    for key in found:
        if key not in Settings.__struct_fields__:
            near = difflib.get_close_matches(key, Settings.__struct_fields__, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(Settings.__struct_fields__)}"
            raise WarrenError(Code.INVALID_CONFIG, f"{file}: unknown key {key!r}", hint)
    return found


def _to_path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"expected a path in quotes, got {value!r}")
