"""Settings of `warren relay`: one frozen struct; flag > WARREN_<FLAG> > file > default.

Decides which value wins and whether it is well formed. Invariant: a `Settings` that exists is complete. Pure; the file
is read by its caller.
"""

import difflib
import tomllib
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from warren.errors import Code, WarrenError
from warren.relay.service import DEFAULT_LIMITS, DEFAULT_PORT, parse_limits, parse_signer


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one relay was told. Field descriptions are the help texts; the variable is WARREN_RELAY_ plus the flag."""

    key: Annotated[
        str, msgspec.Meta(description="file of the relay's key; made if there is none, readable by you only")
    ]
    trust: Annotated[str, msgspec.Meta(description="keys (64 hex digits, comma between) of servers whose grants count")]
    listen: Annotated[str, msgspec.Meta(description="UDP address, [HOST]:PORT")] = f":{DEFAULT_PORT}"
    https_listen: Annotated[
        str, msgspec.Meta(description="TCP address for clients without UDP, [HOST]:PORT; empty: UDP only")
    ] = ""
    host: Annotated[str, msgspec.Meta(description="name or address that such clients ask for")] = ""
    tls: Annotated[str, msgspec.Meta(description="CERT,KEY files for them; empty: plain, behind a proxy of yours")] = ""
    limits: Annotated[
        str, msgspec.Meta(description="what is carried of a client, of a network, and in all, in Mbit/s; 0: all")
    ] = DEFAULT_LIMITS
    metrics_listen: Annotated[str, msgspec.Meta(description="TCP address that serves /metrics; empty: none")] = ""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], msgspec.Meta(description="least severe log line to print")
    ] = "info"

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises ValueError with a sentence, or WarrenError for a signer."""
        if not self.signers:
            raise ValueError("--trust names no server: nobody could use this relay")
        for signer in self.signers:
            parse_signer(signer)
        parse_limits(self.limits)
        if self.tls and self.tls.count(",") != 1:
            raise ValueError(f"--tls takes CERT,KEY, not {self.tls!r}")
        if self.https_listen and not self.host:
            raise ValueError("--https-listen needs --host: the name that clients ask for")

    @property
    def signers(self) -> tuple[str, ...]:
        """The keys that are trusted, in hex."""
        return tuple(word.strip() for word in self.trust.split(",") if word.strip())


def variable_of(field: str) -> str:
    """The environment variable of a field."""
    return "WARREN_RELAY_" + field.upper()


def combine(flags: Mapping[str, str], environment: Mapping[str, str], file: str, name: str) -> Settings:
    """Settings from flags, variables and the text of the file called `name` ("": none).

    Raises WarrenError INVALID_CONFIG or INVALID_ARGUMENT.
    """
    fields = Settings.__struct_fields__
    values = {key.replace("-", "_"): value for key, value in _parsed(file, name).items()}
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(fields)}"
            raise WarrenError(Code.INVALID_CONFIG, f"{name}: unknown key {key!r}", hint)
    values |= {field: environment[variable_of(field)] for field in fields if variable_of(field) in environment}
    values |= flags
    missing = [f"--{field}" for field in ("key", "trust") if field not in values]
    if missing:
        raise WarrenError(
            Code.INVALID_ARGUMENT,
            f"{' and '.join(missing)} must be given",
            "for example: warren relay --key /var/lib/warren-relay/relay.key --trust KEY",
        )
    try:
        return msgspec.convert(values, Settings)
    except (msgspec.ValidationError, ValueError) as error:
        raise WarrenError(Code.INVALID_CONFIG, str(error), "see warren relay --help") from error


def _parsed(file: str, name: str) -> dict[str, object]:
    try:
        return tomllib.loads(file)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise WarrenError(Code.INVALID_CONFIG, f"{name} cannot be read: {error}", "correct the file") from error
