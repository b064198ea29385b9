"""Reads the file of providers (`--providers`) and the files of their secrets; what is in them is for `settings`."""

from pathlib import Path

from warren.errors import Code, WarrenError
from warren.limits import SECRET_MAX_BYTES
from warren.server.providers.settings import Provider, parse_providers


def read_providers(name: str) -> tuple[Provider, ...]:
    """The providers of the file with this name, none where there is no name. WarrenError INVALID_CONFIG."""
    return parse_providers(_read(name), _read_secret) if name else ()


def _read_secret(name: str) -> str:
    secret = _read(name)
    if len(secret) > SECRET_MAX_BYTES:
        raise WarrenError(Code.INVALID_CONFIG, f"{name} is too large for a secret", "check --providers")
    return secret


def _read(name: str) -> str:
    try:
        return Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or "it is not UTF-8"
        raise WarrenError(Code.INVALID_CONFIG, f"{name} cannot be read: {reason}", "check --providers") from error
