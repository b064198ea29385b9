"""`GET /v1/config`: every setting of the daemon with its value and where it came from."""

import msgspec


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. `origin`: `flag`, `environment`, `file PATH`, `remembered` or `default`; secrets are
    `[redacted]`."""

    name: str
    value: str
    origin: str
    variable: str = ""
    help: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, in the order of the documentation."""

    settings: tuple[Setting, ...]
