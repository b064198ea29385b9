"""Tokens of the user who types, one a server, in `~/.config/warren/credentials` (0600), JSON of URL to token.

Decides which token goes to which server: the variable WARREN_TOKEN where it is set, else what `warren login` kept for
exactly this URL. A token goes over TLS only, but for this machine's own loopback (DESIGN.md, 'Keys and invites').
"""

import ipaddress
import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from warren.errors import Code, WarrenError
from warren.model.keys import Secret

VARIABLE = "WARREN_TOKEN"


def credentials_file() -> Path:
    """The file, whether it exists or not."""
    folder = os.environ.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "warren" / "credentials"


def token_for(url: str) -> Secret[str] | None:
    """The token for this server. WarrenError FORBIDDEN where there is one and it would cross the wire in the clear."""
    text = os.environ.get(VARIABLE) or _read().get(_key(url))
    if text is None:
        return None
    if not is_protected(url):
        raise WarrenError(Code.FORBIDDEN, f"a token is not sent to {url} without TLS", "use the server's https:// URL")
    return Secret(text)


def is_protected(url: str) -> bool:
    """Whether what is said to this URL is for its server only: TLS, or this machine itself."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def keep(url: str, token: Secret[str]) -> Path:
    """Keep a server's token in place of an older one; returns the file."""
    kept = _read()
    kept[_key(url)] = token.reveal()
    return _write(kept)


def forget(url: str) -> bool:
    """Forget a server's token; whether there was one."""
    kept = _read()
    if kept.pop(_key(url), None) is None:
        return False
    _write(kept)
    return True


def servers() -> tuple[str, ...]:
    """The servers that this user is signed on to."""
    return tuple(sorted(_read()))


def _key(url: str) -> str:
    return url.rstrip("/").lower()


def _read() -> dict[str, str]:
    file = credentials_file()
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise WarrenError(Code.FORBIDDEN, f"{file} can be read by other users of this machine", f"chmod 600 {file}")
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WarrenError(
            Code.INVALID_CONFIG, f"{file} cannot be read", "delete it, and sign on again with `warren login`"
        ) from error


def _write(kept: dict[str, str]) -> Path:
    file = credentials_file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent)  # 0600
        with os.fdopen(descriptor, "wb") as new:
            new.write(msgspec.json.format(msgspec.json.encode(kept, order="sorted")))
        Path(name).replace(file)
    except OSError as error:
        raise WarrenError(Code.HOST_REFUSED, f"{file} cannot be written: {error.strerror}") from error
    return file
