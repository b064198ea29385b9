"""`GET /v1/status`: exactly the JSON of `warren status --json` (CLI.md, Formats); the daemon makes it, the CLI prints
it.
"""

from typing import Literal

import msgspec

PathKind = Literal["direct", "relay", "peer-relay", "none"]


class Self(msgspec.Struct, frozen=True, kw_only=True):
    """This node in one network; `online` says whether the session with the server is up."""

    name: str
    fqdn: str
    addresses: tuple[str, ...]
    identity: str
    online: bool


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """The network's server. `state`: `connected`, `connecting`, `away` (then `since` and `reason` say more)."""

    url: str
    state: str
    since: float | None = None
    reason: str = ""


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """One network that this machine is in. `root` says where its root key lives: `this server`, `owner`, ..."""

    name: str
    id: str
    me: Self = msgspec.field(name="self")
    server: ServerState
    locked: bool
    root: str
    offloads: dict[str, str] = {}
    """What the operating system does for this network's packets, by name: `on`, or why not."""
    workers: int = 0
    """How many threads carry this network's packets; 0: there is no tunnel now."""
    filter: dict[str, int] = {}
    """What the packet filter did: flows that live, were opened and ended, and packets dropped by reason."""
    refused: dict[str, int] = {}
    """Probes and signals in peers' names that were forged, replayed or too many, by reason."""
    transport: str = "auto"
    """Which cipher the user allows: `auto`, or `wireguard` for ChaCha20-Poly1305 only."""
    expires: float | None = None
    """When this machine's membership ends, Unix seconds; None: it has no end."""
    version_at: float | None = None
    """Of when the map in force is; older than now where the server is away."""


class PathChange(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` (Unix seconds) on packets went this way, because of `reason`; `via`: the endpoint, or the relay."""

    at: float
    kind: PathKind
    via: str = ""
    reason: str = ""


class PathQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Of the minute from `at` (Unix seconds) on: pings on the path in use, the part of them that got lost, and the
    round trips of the others.
    """

    at: float
    pings: int
    loss: float
    latency_ms: float | None = None
    latency_max_ms: float | None = None


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """How packets reach the peer. `latency_ms` only after a round trip inside the session; `note` names what is wrong
    or being tried (`trying direct`, `no answer`, `MTU hole`), `reason` why this path and no other. `history` holds the
    last changes, `quality` the last hour, both oldest first.
    """

    kind: PathKind
    endpoint: str | None = None
    relay: str | None = None
    latency_ms: float | None = None
    since: float | None = None
    note: str = ""
    reason: str = ""
    history: tuple[PathChange, ...] = ()
    quality: tuple[PathQuality, ...] = ()


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Another member of a network."""

    name: str
    network: str
    fqdn: str
    addresses: tuple[str, ...]
    user: str
    tags: tuple[str, ...]
    identity: str
    wireguard_key: str
    path: Path
    last_handshake: float | None
    rx_bytes: int
    tx_bytes: int
    online: bool
    cipher: str = ""
    """What seals the session that can send: `chacha20-poly1305`, `aes-256-gcm`, or nothing without a session."""
    offers: tuple[str, ...] = ()
    last_seen: float | None = None
    allowed: bool = True
    """Whether policy lets the two talk; `allowed_reason` says by which rule."""
    allowed_reason: str = ""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong on this machine, since when, and what to do."""

    code: str
    text: str
    since: float
    fix: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at once; `me` is that of the default network, None before the first one."""

    version: str
    me: Self | None = msgspec.field(name="self")
    networks: tuple[Network, ...]
    peers: tuple[Peer, ...]
    health: tuple[Health, ...]
