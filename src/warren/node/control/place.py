"""Where a server is: reading what a user typed, and the WebSocket address that follows. Pure.

Decides the one spelling of a server's URL. Must not know TLS: whether `http://` is good enough off loopback depends on
a pin or a known server key (DESIGN.md, Trust), which whoever joins or resumes has.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.node.control.proxy import Proxy

NODE_PATH = "/node/v1"
_FIX = "scheme, host and port, and nothing behind them: like https://vpn.example.org or http://192.0.2.1:8443"


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """A server's address. `host` without brackets. `proxy`: the URL of the HTTP proxy on the way, empty: none."""

    secure: bool
    host: str
    port: int
    proxy: str = ""

    @property
    def url(self) -> str:
        """The one spelling: scheme, host, and the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        own = 443 if self.secure else 80
        return f"http{'s' if self.secure else ''}://{host}" + ("" if self.port == own else f":{self.port}")

    @property
    def websocket_url(self) -> str:
        """Where the session is."""
        return "ws" + self.url.removeprefix("http") + NODE_PATH

    def through(self, proxy: Proxy) -> "ServerPlace":
        """The same server, reached through this proxy, unless it needs none."""
        return replace(self, proxy=proxy.of(self.host))

    @property
    def shown_proxy(self) -> str:
        """The proxy on the way, for people: without its password."""
        return Proxy(self.proxy).shown

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, so that nothing between could listen."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_server(text: str) -> ServerPlace:
    """The server that a user means; without a scheme it is https. WarrenError INVALID_ARGUMENT for anything else."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError as error:
        raise _not_a_server(text) from error
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment and parts.username is None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_bare or len(text) > 300 or port == 0:
        raise _not_a_server(text)
    if len(parts.hostname) > 253:  # RFC 1035, 2.3.4; so the one spelling of it is short enough to be read again
        raise _not_a_server(text)
    if not parts.hostname.isascii() or not parts.hostname.isprintable() or " " in parts.hostname:
        raise _not_a_server(text)
    secure = parts.scheme == "https"
    return ServerPlace(secure, parts.hostname, port if port is not None else (443 if secure else 80))


def _not_a_server(text: str) -> WarrenError:
    return WarrenError(Code.INVALID_ARGUMENT, f"'{printable(text[:100])}' is not a server's URL", _FIX)
