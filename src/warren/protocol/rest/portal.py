"""Whether a sign-in page (captive portal) stands between this machine and its server: what an answer to `/health`
says. Pure.

Decides by what only a stranger in between would say: status 511 (RFC 6585, 6), a redirect to another host, or a web
page where the server answers JSON. A server that is away, or refuses, is no portal.
"""

import re

HEALTH_PATH = "/health"
_HEAD_BYTES = 512
_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@]*@)?(\[[^\]/]*\]|[^/?#:]*)")


def is_portal(host: str, status: int, location: str, content_type: str, body: bytes) -> bool:
    """Whether the answer to `GET /health` of the server at `host` came from a sign-in page."""
    if status == 511:
        return True
    if status in {301, 302, 303, 307, 308}:
        return _host_of(location) not in {"", host.lower()}
    looks_like_page = "html" in content_type.lower() or body[:_HEAD_BYTES].lstrip().lower().startswith(
        (b"<!doctype", b"<html")
    )
    return status == 200 and looks_like_page


def _host_of(location: str) -> str:
    found = _HOST.match(location)
    return found[1].strip("[]").lower() if found is not None else ""
