"""The file of relays beside the server's own: TOML text to descriptions. Pure.

Decides whether an entry is one. Each stands under `[[relay]]`:

    name = "fra"                                     # what people call it: a host label
    key = "…64 hex digits…"                          # its X25519 key, as `warren relay` prints it
    udp = ["203.0.113.7:3478", "fra.example.org:3478"]
    url = "https://fra.example.org"                  # where its WebSocket is; left out: UDP only

Invariant: names, keys and numbers of what `parse` returns differ, and each has at least one address.
"""

import difflib
import string
import tomllib
from typing import Any
from urllib.parse import urlsplit

from warren.errors import Code, WarrenError
from warren.limits import RELAY_ENDPOINTS_MAX, RELAYS_MAX
from warren.model.addresses import parse_port
from warren.model.names import is_host_label
from warren.model.relays import relay_number
from warren.protocol.control.messages import RelayPlace

_FIELDS = ("name", "key", "udp", "url")
_TEXT_MAX_CHARS = 300


def parse_places(text: str) -> tuple[RelayPlace, ...]:
    """The relays of the file; WarrenError INVALID_CONFIG says what is wrong with which entry."""
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong(f"it is not TOML: {error}") from error
    unknown = [key for key in found if key != "relay"]
    entries = found.get("relay", [])
    if unknown or not isinstance(entries, list):
        raise _wrong(f"unknown key {unknown[0]!r}" if unknown else "relays stand under [[relay]]")
    if len(entries) > RELAYS_MAX - 1:
        raise _wrong(f"more than {RELAYS_MAX - 1} relays")
    places = tuple(_place(number, entry) for number, entry in enumerate(entries, 1))
    for what in ("name", "key"):
        values = [getattr(place, what) for place in places]
        if len(set(values)) != len(values):
            raise _wrong(f"two relays have the same {what}")
    return places


def is_udp_place(text: str) -> bool:
    """Whether this is `HOST:PORT` with a port and a host that nodes could look up."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    allowed = set(string.ascii_letters + string.digits + "-._" + (":" if bare != host else ""))
    return bool(colon) and bool(parse_port(port)) and 0 < len(bare) <= 253 and set(bare) <= allowed


def _place(number: int, entry: Any) -> RelayPlace:
    where = f"relay {number}"
    if not isinstance(entry, dict):
        raise _wrong(f"{where} is no table")
    for key in entry:
        if key not in _FIELDS:
            near = difflib.get_close_matches(str(key), _FIELDS, n=1)
            raise _wrong(f"{where}: unknown key {key!r}", f"did you mean {near[0]!r}?" if near else "")
    name, key, url = (entry.get(field, "") for field in ("name", "key", "url"))
    if not isinstance(name, str) or not is_host_label(name):
        raise _wrong(f"{where} needs a name of letters, digits and hyphens")
    if not isinstance(key, str) or len(key) != 64 or not set(key) <= set(string.hexdigits):
        raise _wrong(f"{where}: 'key' is 64 hex digits, as `warren relay` prints them")
    udp = entry.get("udp", [])
    is_list = isinstance(udp, list) and len(udp) <= RELAY_ENDPOINTS_MAX
    if not is_list or not all(isinstance(one, str) and is_udp_place(one) for one in udp):
        raise _wrong(f"{where}: 'udp' is a list of at most {RELAY_ENDPOINTS_MAX} texts HOST:PORT")
    if not isinstance(url, str) or (url and not _is_url(url)):
        raise _wrong(f"{where}: 'url' is not http(s)://HOST[:PORT]")
    if not udp and not url:
        raise _wrong(f"{where} has neither 'udp' nor 'url': nobody could reach it")
    raw = bytes.fromhex(key)
    return RelayPlace(number=relay_number(raw), name=name, key=raw, udp=tuple(udp), url=url.rstrip("/"))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment and parts.username is None
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and is_bare
        and port != 0
        and len(text) <= _TEXT_MAX_CHARS
        and text.isascii()
        and text.isprintable()
    )


def _wrong(what: str, fix: str = "") -> WarrenError:
    return WarrenError(Code.INVALID_CONFIG, f"the file of relays cannot be used: {what}", fix)
