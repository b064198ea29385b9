"""WireGuard's cross-platform configuration protocol: what `wg` says to a userspace device, and what it is told.

Bytes to values and back; decides what is well-formed, not what a device does. https://www.wireguard.com/xplatform/:
lines of `key=value`, a request begins with `get=1` or `set=1` and ends with an empty line; keys are hexadecimal,
everything after a `public_key` is about that peer, and the answer's last line is `errno=N`, 0 or a negative number of
errno(3). A whole request is read before any of it is done, so a malformed one changes nothing.
"""

import contextlib
import errno
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from warren.errors import WarrenError
from warren.model.addresses import PORT_MAX, Endpoint, parse_endpoint
from warren.model.keys import KEY_BYTES, Secret

GET = "get=1"
SET = "set=1"
KEEPALIVE_MAX_S = 65535
MARK_MAX = 2**32 - 1

Prefix = IPv4Network | IPv6Network

_NUMBER = re.compile(r"[0-9]{1,10}|0x[0-9a-fA-F]{1,8}")
_SCOPED = re.compile(r"(\[[0-9a-fA-F:.]{2,45})%([!-~]{1,15})(\]:[0-9]{1,5})")  # a link's name has up to 15 bytes
_PREFIX = re.compile(r"[0-9a-fA-F:.]{2,45}(/[0-9]{1,3})?")  # no netmask, no scope


class UapiError(Exception):
    """The request cannot be carried out; `errno` is what the answer says."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.errno = number


@dataclass(frozen=True, slots=True)
class PeerChange:
    """One section about a peer; None and empty: as it was. A preshared key of zeros is none, `keepalive_s` 0 is off.

    `scope`: the link of a link-local endpoint, by name or number, as it was written; empty: none was.
    """

    public_key: bytes
    is_removed: bool = False
    must_exist: bool = False
    preshared_key: Secret[bytes] | None = None
    endpoint: Endpoint | None = None
    scope: str = ""
    keepalive_s: int | None = None
    replaces_allowed: bool = False
    allowed: tuple[Prefix, ...] = ()
    not_allowed: tuple[Prefix, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """A whole `set`; peers in the order given, and the same one may come again."""

    private_key: Secret[bytes] | None = None
    listen_port: int | None = None
    mark: int | None = None
    replaces_peers: bool = False
    peers: tuple[PeerChange, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerState:
    """What is told of a peer. Times are Unix seconds, None: never. `place` None: nowhere that has an address; `scope`:
    the link of a link-local one by name, empty: none.
    """

    public_key: bytes
    preshared_key: Secret[bytes] | None
    place: Endpoint | None
    last_handshake_s: float | None
    rx_bytes: int
    tx_bytes: int
    keepalive_s: int
    allowed: tuple[Prefix, ...]
    scope: str = ""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What is told of a device; without its private key where that is nobody's business."""

    private_key: Secret[bytes] | None
    listen_port: int
    mark: int
    peers: tuple[PeerState, ...] = ()


@dataclass(slots=True)
class _Reading:
    """A request as far as it was read; `peer` is the section that lines belong to."""

    device: DeviceChange = field(default_factory=DeviceChange)
    peer: PeerChange | None = None
    peers: list[PeerChange] = field(default_factory=list)
    allowed: list[Prefix] = field(default_factory=list)
    not_allowed: list[Prefix] = field(default_factory=list)

    def end_peer(self) -> None:
        if self.peer is not None:
            self.peers.append(replace(self.peer, allowed=tuple(self.allowed), not_allowed=tuple(self.not_allowed)))
            self.allowed, self.not_allowed = [], []

    def take(self, key: str, value: str) -> None:
        if key == "public_key":
            self.end_peer()
            self.peer = PeerChange(parse_key(value))
        elif self.peer is None:
            self.device = _device_line(self.device, key, value)
        elif key == "allowed_ip":
            (self.not_allowed if value.startswith("-") else self.allowed).append(_prefix(value.removeprefix("-")))
        else:
            self.peer = _peer_line(self.peer, key, value)


def parse_set(lines: Iterable[str]) -> DeviceChange:
    """The lines of a `set` after its first, without the empty one; UapiError EINVAL or EPROTO."""
    reading = _Reading()
    for line in lines:
        key, separator, value = line.partition("=")
        if not separator:
            raise UapiError(errno.EPROTO, "a line without `=`")
        reading.take(key, value)
    reading.end_peer()
    return replace(reading.device, peers=tuple(reading.peers))


def show_device(device: DeviceState) -> Iterator[str]:
    """The lines that answer a `get`, but the last with its errno."""
    if device.private_key is not None:
        yield f"private_key={device.private_key.reveal().hex()}"
    yield f"listen_port={device.listen_port}"
    if device.mark:
        yield f"fwmark={device.mark}"
    for peer in device.peers:
        yield f"public_key={peer.public_key.hex()}"
        if peer.preshared_key is not None:
            yield f"preshared_key={peer.preshared_key.reveal().hex()}"
        yield "protocol_version=1"
        if peer.place is not None:
            yield f"endpoint={_show_endpoint(peer.place, peer.scope)}"
        seconds, nanoseconds = divmod(round((peer.last_handshake_s or 0.0) * 1e9), 1_000_000_000)
        yield f"last_handshake_time_sec={seconds}"
        yield f"last_handshake_time_nsec={nanoseconds}"
        yield f"tx_bytes={peer.tx_bytes}"
        yield f"rx_bytes={peer.rx_bytes}"
        yield f"persistent_keepalive_interval={peer.keepalive_s}"
        yield from (f"allowed_ip={prefix}" for prefix in peer.allowed)


def show_errno(number: int) -> str:
    """The last line of an answer; 0 is success."""
    return f"errno={-number}"


def parse_key(text: str) -> bytes:
    """32 bytes of hexadecimal; UapiError EINVAL."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES or len(text) != 2 * KEY_BYTES:
        raise UapiError(errno.EINVAL, "a key is 64 hexadecimal digits")
    return key


def _device_line(device: DeviceChange, key: str, value: str) -> DeviceChange:
    match key:
        case "private_key":
            return replace(device, private_key=Secret(parse_key(value)))
        case "listen_port":
            return replace(device, listen_port=_number(value, PORT_MAX))
        case "fwmark":
            return replace(device, mark=_number(value, MARK_MAX) if value else 0)
        case "replace_peers":
            _true(value)
            return replace(device, replaces_peers=True)
    raise UapiError(errno.EINVAL, f"no such key of a device: {key[:40]}")


def _peer_line(peer: PeerChange, key: str, value: str) -> PeerChange:  # noqa: PLR0911 - one a key
    match key:
        case "remove":
            _true(value)
            return replace(peer, is_removed=True)
        case "update_only":
            _true(value)
            return replace(peer, must_exist=True)
        case "preshared_key":
            return replace(peer, preshared_key=Secret(parse_key(value)))
        case "endpoint":
            endpoint, scope = _endpoint(value)
            return replace(peer, endpoint=endpoint, scope=scope)
        case "persistent_keepalive_interval":
            return replace(peer, keepalive_s=_number(value, KEEPALIVE_MAX_S))
        case "replace_allowed_ips":
            _true(value)
            return replace(peer, replaces_allowed=True)
        case "protocol_version" if value == "1":
            return peer
    raise UapiError(errno.EINVAL, f"no such key of a peer, or no such value: {key[:40]}")


def _number(text: str, most: int) -> int:
    """Decimal, or hexadecimal with 0x as `wg` shows marks."""
    if not _NUMBER.fullmatch(text):
        raise UapiError(errno.EINVAL, "not a number")
    number = int(text, 16 if text.startswith("0x") else 10)
    if number > most:
        raise UapiError(errno.ERANGE, f"a number above {most}")
    return number


def _true(text: str) -> None:
    if text != "true":
        raise UapiError(errno.EINVAL, "only `true` may be said here")


def _endpoint(text: str) -> tuple[Endpoint, str]:
    """An endpoint and its scope, which means something for a link-local address alone (RFC 4007)."""
    scoped = _SCOPED.fullmatch(text)
    try:
        if scoped is None:
            return parse_endpoint(text), ""
        endpoint = parse_endpoint(scoped[1] + scoped[3])
    except WarrenError as error:
        raise UapiError(errno.EINVAL, str(error)) from None
    return endpoint, scoped[2] if endpoint.address.is_link_local else ""


def _show_endpoint(endpoint: Endpoint, scope: str) -> str:
    return f"[{endpoint.address}%{scope}]:{endpoint.port}" if scope else str(endpoint)


def _prefix(text: str) -> Prefix:
    """As WireGuard takes it: bits beyond the length do not count, and an address alone is a prefix of its own."""
    if _PREFIX.fullmatch(text):
        with contextlib.suppress(ValueError):
            return ip_network(text, strict=False)
    raise UapiError(errno.EINVAL, f"not a prefix: {text[:50]}")
