"""What the node asks of whatever carries its packets, and what it hears back.

One `Tunnel` a network: a link of the operating system, a UDP port and the peers. Must not know documents, policy or
names: peers are identities with keys, addresses and a gate. Calls take effect at once and in order, and none of them
waits for the network. After `close` every call raises WarrenError NOT_UP.

Invariants that every implementation keeps: a new peer's gate is shut, and a shut gate lets no packet in or out; inner
sources outside a peer's allowed prefixes are dropped; events wait in a bounded queue, and what it had to drop is told
by `EventsLost`.
"""

import errno
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from warren.errors import Code, WarrenError
from warren.model.addresses import Endpoint, Hop
from warren.model.ids import Identity
from warren.model.keys import ExchangeKeyPair
from warren.model.transport import Cipher
from warren.node.dataplane.filtering import Filtering
from warren.node.dataplane.relaying import RelayEvent, Relaying
from warren.node.plan import PeerPlan


@dataclass(frozen=True, slots=True)
class StampWindow:
    """The TAI64N stamps that handshakes may use, Unix seconds: never below the floor, never above the ceiling.

    The ceiling is on disk before it is used here, so that a restart begins above every stamp that peers have seen.
    """

    floor_s: int
    ceiling_s: int


@dataclass(frozen=True, slots=True)
class TunnelSpec:
    """What bringing up a network's tunnel takes beside the plan. `keys`: in use, then the next one (or none).

    `port` 0: any; where `port_fixed` is off, another is taken if that one is in use. The keys never appear in a plan,
    which people read.
    """

    keys: tuple[ExchangeKeyPair, ...]
    port: int
    stamps: StampWindow
    port_fixed: bool = False


@dataclass(frozen=True, slots=True)
class PeerStats:
    """Counters of one peer. Times in Unix seconds, None: never. `endpoint` is the hop in use; None: nowhere to send.
    `cipher` is that of the session that can send.
    """

    rx_bytes: int
    tx_bytes: int
    last_handshake_s: float | None
    last_received_s: float | None
    session_alive: bool
    endpoint: Hop | None
    cipher: Cipher | None = None


@dataclass(frozen=True, slots=True)
class HandshakeDone:
    """A session with this peer began; `endpoint` is where its last message came from."""

    peer: Identity
    initiated_by_us: bool
    public_key: bytes
    endpoint: Hop | None


@dataclass(frozen=True, slots=True)
class HandshakeGaveUp:
    """No answer for 90 s (WireGuard, 6.4)."""

    peer: Identity


@dataclass(frozen=True, slots=True)
class PongReceived:
    """The answer to `ping` with this token came through the session."""

    peer: Identity
    token: int
    rtt_s: float
    endpoint: Hop | None


@dataclass(frozen=True, slots=True)
class ProbeReceived:
    """A datagram with a valid probe tag, under the key registered for this peer."""

    peer: Identity
    datagram: bytes
    endpoint: Hop


@dataclass(frozen=True, slots=True)
class HeardElsewhere:
    """An authenticated packet of a managed peer came from another endpoint than the one we send to (rate-limited)."""

    peer: Identity
    endpoint: Hop


@dataclass(frozen=True, slots=True)
class StunAnswered:
    """The answer to a transaction that `expect_stun` announced, as it came."""

    datagram: bytes
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class UnknownInitiator:
    """A well-formed initiation of a key that no peer has (rate-limited): perhaps a member we are about to learn of."""

    public_key: bytes
    endpoint: Endpoint | None


@dataclass(frozen=True, slots=True)
class SendFailed:
    """The operating system refused to send to this peer; `errno` says why."""

    peer: Identity
    errno: int
    endpoint: Hop | None


@dataclass(frozen=True, slots=True)
class TunnelFailed:
    """The tunnel carries nothing any more (its link was deleted, say); close it and reconcile."""

    errno: int


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The queue was full this many times; ask for stats instead of trusting events."""

    count: int


Event = (
    HandshakeDone
    | HandshakeGaveUp
    | PongReceived
    | ProbeReceived
    | HeardElsewhere
    | UnknownInitiator
    | StunAnswered
    | SendFailed
    | RelayEvent
    | TunnelFailed
    | EventsLost
)


class Tunnel(Relaying, Filtering, Protocol):
    """One network's tunnel, up since it was made."""

    @property
    def link(self) -> str:
        """The name of its link."""

    @property
    def port(self) -> int:
        """The UDP port, IPv4 and IPv6."""

    def set_keys(self, keys: tuple[ExchangeKeyPair, ...]) -> None:
        """Change the private keys: in use, then the next one."""

    def set_stamps(self, stamps: StampWindow) -> None:
        """Move the window; a floor below the last stamp has no effect."""

    def set_peer(self, peer: PeerPlan) -> None:
        """Add or change a peer and its gate; live sessions of keys that stay go on."""

    def remove_peer(self, identity: Identity) -> None:
        """Forget a peer, its sessions and probe keys; nothing happens if it is not there."""

    def peers(self) -> dict[Identity, PeerPlan]:
        """What is in force, as it was set."""

    def set_endpoint(self, identity: Identity, endpoint: Hop | None) -> None:
        """Where to send; None: nowhere. NOT_FOUND if there is no such peer (the same below)."""

    def initiate(self, identity: Identity) -> None:
        """Begin a handshake now, also to replace a living session."""

    def ping(self, identity: Identity, token: int) -> None:
        """Send a ping inside the session; `PongReceived` carries the token (64 bits) back."""

    def set_probe_key(self, identity: Identity, hint: bytes, key: bytes) -> None:
        """Let probes with this hint (8 bytes) and a valid tag under this key (32 bytes) through, as this peer's."""

    def remove_probe_key(self, hint: bytes) -> None:
        """Probes with this hint are dropped from here on."""

    def expect_stun(self, transaction: bytes, for_s: float) -> None:
        """Let one answer to this STUN transaction (12 bytes) through as `StunAnswered`, for so long."""

    def send(self, endpoint: Hop, datagram: bytes) -> None:
        """One datagram from the tunnel's own port, or through a relay (probes); that it is refused is no error."""

    def stats(self, identity: Identity) -> PeerStats:
        """Counters of one peer."""

    def counters(self) -> dict[str, int]:
        """Every counter of the device by name: packets, bytes, and one for each reason of a drop."""

    def offloads(self) -> dict[str, str]:
        """What the operating system does for our packets by name: `on`, or why not; empty where there is none."""

    def workers(self) -> int:
        """How many threads carry its packets."""

    def events(self) -> AsyncIterator[Event]:
        """What happens, from now on, until the tunnel is closed; one reader only."""

    def close(self) -> None:
        """Stop carrying; the link goes, and with it its addresses and routes. Harmless when done twice."""


class Dataplane(Protocol):
    """Makes tunnels."""

    def open(self, link: str, mtu: int, spec: TunnelSpec) -> Tunnel:
        """Bring up a network's tunnel under exactly that link name.

        WarrenError NO_TUN_RIGHTS where the system forbids it, CONFLICT where the name or port is taken; OSError for
        the world's other failures. Nothing is left behind by a failure.
        """


NO_TUN = frozenset({errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENODEV, errno.ENXIO})
"""Why there may be no TUN: /dev/net/tun may not be opened, is not there, or the kernel has no such driver."""


def no_rights(what: str) -> WarrenError:
    """The refusal that tells a user how to give the daemon what it needs; `what` says what could not be done."""
    return WarrenError(
        Code.NO_TUN_RIGHTS,
        what,
        "run it as root or with CAP_NET_ADMIN, and see that /dev/net/tun exists and may be opened",
    )
