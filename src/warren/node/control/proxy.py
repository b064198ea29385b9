"""The HTTP CONNECT proxy that leads outside, and for which hosts it is not used. Pure.

Decides what a proxy is (RFC 9110, 9.3.6: `http://[USER:PASSWORD@]HOST[:PORT]`) and who is exempt: this machine, and
what NO_PROXY names (hosts and domains with all below them, `*` for all). Must not know who goes through it: the session
with the server and the relays' WebSockets do.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from warren.errors import Code, WarrenError
from warren.limits import PROXY_MAX_CHARS

NO_PROXY_WORD: Final = "none"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy; `url` empty: none. `exempt` are lower-case names, without dots at their beginning."""

    url: str = ""
    exempt: tuple[str, ...] = ()

    def of(self, host: str) -> str:
        """The proxy's URL for a connection to this host (without brackets); empty: go straight."""
        host = host.lower()
        return "" if not self.url or _is_local(host) or any(_covers(one, host) for one in self.exempt) else self.url

    @property
    def shown(self) -> str:
        """For people: without the password."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}" if self.url else NO_PROXY_WORD


DIRECT: Final = Proxy()
"""No proxy at all."""


def parse_proxy(text: str, exempt: str = "") -> Proxy:
    """The proxy that a user means (`none`: none at all); WarrenError INVALID_CONFIG for anything else."""
    if text in {"", NO_PROXY_WORD}:
        return DIRECT
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _not_a_proxy() from error
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
    if parts.scheme != "http" or not parts.hostname or not is_bare or port == 0 or len(text) > PROXY_MAX_CHARS:
        raise _not_a_proxy()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise _not_a_proxy()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    credentials = parts.netloc.rpartition("@")[0]
    url = f"http://{credentials}{'@' if credentials else ''}{host}:{port or 80}"
    names = (name.strip().lower().removeprefix("*.").lstrip(".") for name in exempt.split(","))
    return Proxy(url, tuple(name for name in names if name))


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _covers(name: str, host: str) -> bool:
    return name in {"*", host} or host.endswith(f".{name}")


def _not_a_proxy() -> WarrenError:
    return WarrenError(Code.INVALID_CONFIG, "the proxy is no HTTP proxy's URL", "like http://proxy.example.org:3128")
