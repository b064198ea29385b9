"""SSDP, how UPnP devices are found (UPnP Device Architecture 1.1, 1.3): one search, one kind of answer.

Decides which answer names a place that may be asked: plain HTTP at a literal address. The search goes to one address
alone (1.3.2, unicast), so nobody else hears it. Must not know sockets; whether the answer came from whom it was asked
of is for who holds the socket.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from warren.errors import Code, WarrenError
from warren.limits import SSDP_ANSWER_MAX_BYTES, URL_PATH_MAX_CHARS
from warren.model.addresses import PORT_MAX

SERVER_PORT: Final = 1900
_URL = re.compile(
    r"http://(?:\[([0-9A-Fa-f:.]{2,45})(?:%[^\]/]*)?\]|([0-9.]{7,15}))(?::([0-9]{1,5}))?(/.*)?", re.IGNORECASE
)
GATEWAY_DEVICE: Final = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"  # answered by version 2 devices too


@dataclass(frozen=True, slots=True)
class Place:
    """A resource of a device: literal address without scope, port, path with query."""

    address: IPv4Address | IPv6Address
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Found:
    """A device answered: where its description is, and what it calls itself."""

    location: Place
    target: str
    server: str


def encode_search(to: IPv4Address | IPv6Address, target: str = GATEWAY_DEVICE) -> bytes:
    """Return the search for `target`, sent to that address alone."""
    host = f"[{to}]" if to.version == 6 else str(to)
    lines = (
        "M-SEARCH * HTTP/1.1", f"HOST: {host}:{SERVER_PORT}", 'MAN: "ssdp:discover"', "MX: 1", f"ST: {target}", "", ""
    )  # fmt: skip
    return "\r\n".join(lines).encode("ascii")


def decode_found(datagram: bytes) -> Found:
    """Return what a device says of itself; WarrenError MALFORMED, TOO_LARGE, or UNSUPPORTED (not to be asked there)."""
    if len(datagram) > SSDP_ANSWER_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, "a longer answer than SSDP needs")
    first, *lines = datagram.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or words[1] != "200":
        raise WarrenError(Code.MALFORMED, "not an answer to a search")
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return Found(parse_place(fields.get("location", "")), fields.get("st", ""), fields.get("server", ""))


def parse_place(url: str, base: Place | None = None) -> Place:
    """Return where a URL leads; one without a host stays at `base`.

    WarrenError UNSUPPORTED for a scheme other than http and for hosts by name, MALFORMED for what is no URL.
    """
    if not 0 < len(url) <= URL_PATH_MAX_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        raise WarrenError(Code.MALFORMED, "not a URL that a device may give")
    url = url.partition("#")[0]
    if "://" not in url and not url.startswith("//"):
        if base is None:
            raise WarrenError(Code.MALFORMED, "a URL without a host")
        folder = base.path.partition("?")[0].rpartition("/")[0]
        return Place(base.address, base.port, url if url.startswith("/") else f"{folder}/{url}")
    found = _URL.fullmatch(url)
    if found is None:
        raise WarrenError(Code.UNSUPPORTED, "a device that is not asked by plain HTTP at a literal address")
    six, four, port, path = found.groups()
    number = int(port) if port else 80
    try:
        address = ip_address(six or four)
    except ValueError as error:
        raise WarrenError(Code.MALFORMED, "a URL with an address that is none") from error
    if not 0 < number <= PORT_MAX or (address.version == 6) != bool(six):
        raise WarrenError(Code.MALFORMED, "a URL with a port that is none")
    return Place(address, number, path or "/")
