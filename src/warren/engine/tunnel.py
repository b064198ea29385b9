"""One tunnel in the field's words: endpoints, prefixes and seconds instead of bytes and nanoseconds.

Pure mapping over `_native.Tunnel`, which has the worker threads; no event loop, no decision. Calls take effect between
two batches of packets (about a millisecond) and raise what `errors.py` lists. Peers are numbers from 1 that the caller
chooses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Self, final

from warren.engine import _native
from warren.engine.events import Carriage, Event, PeerNumber, decode
from warren.engine.filter import Direction, FlowRecord, Rule, parse_records, show_rules
from warren.engine.offloads import describe
from warren.engine.places import parse_place, parse_scope, show_endpoint, show_place, show_prefix
from warren.engine.relay_place import RelaySession
from warren.model.addresses import Endpoint, Hop, RelayHop
from warren.model.keys import ExchangeKeyPair, Secret
from warren.model.offloads import ALL
from warren.model.transport import Cipher, Transport

_NS_PER_S = 1_000_000_000
_TRANSPORTS = {
    Transport.WIREGUARD: _native.TRANSPORT_WIREGUARD,
    Transport.TAKES_AES: _native.TRANSPORT_TAKES_AES,
    Transport.CHOOSES_AES: _native.TRANSPORT_CHOOSES_AES,
}
_CIPHERS = {
    _native.CIPHER_CHACHA20_POLY1305: Cipher.CHACHA20_POLY1305,
    _native.CIPHER_AES_256_GCM: Cipher.AES_256_GCM,
}


class Mode(IntEnum):
    """Who may change a peer's endpoint: WireGuard's own rule (stock peers), or only `Tunnel.set_endpoint`."""

    ROAM = _native.ENDPOINT_ROAM
    MANAGED = _native.ENDPOINT_MANAGED


@dataclass(frozen=True, slots=True)
class PeerStats:
    """What is known of one peer. Bytes are WireGuard's, header and tag included; times are Unix seconds, None: never.

    `place` None: nowhere to send; `scope`: the number of the link that a link-local place is on, else 0. `cipher`: of
    the session that can send, None without one.
    """

    rx_bytes: int
    tx_bytes: int
    last_handshake_s: float | None
    last_received_s: float | None
    session_alive: bool
    place: Hop | None
    cipher: Cipher | None = None
    scope: int = 0


@dataclass(frozen=True, slots=True)
class RelayStats:
    """How a relay's session is. `carriage` None: not connected; `rtt_s` None: not measured."""

    carriage: Carriage | None
    rtt_s: float | None
    rx_bytes: int
    tx_bytes: int


@dataclass(frozen=True, slots=True)
class PeerSetting:
    """One peer as `Tunnel.set_peers` takes it; see `Tunnel.set_peer`."""

    peer: PeerNumber
    public_keys: tuple[bytes, ...]
    allowed: tuple[IPv4Network | IPv6Network, ...]
    preshared_keys: tuple[Secret[bytes], ...] = ()
    mode: Mode = Mode.MANAGED
    keepalive_s: int = 0
    transport: Transport = Transport.WIREGUARD
    is_open: bool = False


@final
class Tunnel:
    """A WireGuard device with its link, port and worker threads; carries since it was made."""

    __slots__ = ("_native", "event_fd", "link", "port", "workers")

    def __init__(
        self,
        link: str,
        *,
        mtu: int,
        port: int,
        keys: Sequence[ExchangeKeyPair],
        stamp_floor_s: int,
        stamp_ceiling_s: int,
        offloads: int = ALL,
        workers: int = 0,
    ) -> None:
        """Make the link (`warren%d`: the kernel chooses the number) and bind the port (0: any).

        `keys`: the one in use, then the next one if there is one. TAI64N stamps stay within floor and ceiling (Unix
        seconds). `offloads`: those that may be tried (model/offloads.py). `workers`: 1, 2 or 4 threads
        that carry; 0: what suits the machine's cores. TunError, PortError or InvalidError;
        then nothing is left behind.
        """
        self._native = _native.Tunnel(
            link.encode(), mtu, port, _private_bytes(keys), stamp_floor_s, stamp_ceiling_s, offloads, workers
        )
        self.link = self._native.ifname().decode()
        self.port = self._native.listen_port()
        self.workers = self._native.workers()
        self.event_fd = self._native.event_fd()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def listen_on(self, port: int) -> None:
        """Take another UDP port (0: one that is free); PortError where it cannot be had, and the one in use stays."""
        self._native.listen_on(port)
        self.port = self._native.listen_port()

    def set_mark(self, mark: int) -> None:
        """Mark what is sent from here on, for the host's routing (SO_MARK, socket(7)); 0: not at all."""
        self._native.set_mark(mark)

    def set_mtu(self, mtu: int) -> None:
        """Follow the link to another MTU, in bytes; InvalidError below 576 or above 65460."""
        self._native.set_mtu(mtu)

    def take_events(self, most: int) -> list[Event]:
        """What happened, oldest first; `event_fd` polls as readable while more waits. Never blocks."""
        return [decode(raw) for raw in self._native.take_events(most)]

    def set_keys(self, keys: Sequence[ExchangeKeyPair]) -> None:
        """Change the private keys; sessions of a key that stays go on."""
        self._native.set_private_keys(_private_bytes(keys))

    def set_stamp_window(self, floor_s: int, ceiling_s: int) -> None:
        """Move the bounds of the TAI64N stamps (Unix seconds)."""
        self._native.set_stamp_window(floor_s, ceiling_s)

    def set_peer(
        self,
        peer: PeerNumber,
        public_keys: Iterable[bytes],
        allowed: Iterable[IPv4Network | IPv6Network],
        *,
        preshared_keys: Iterable[Secret[bytes]] = (),
        mode: Mode = Mode.MANAGED,
        keepalive_s: int = 0,
        transport: Transport = Transport.WIREGUARD,
    ) -> None:
        """Add or change a peer; the gate of a new one is shut. Live sessions of keys that stay go on, and one that does
        not fit `transport` any more is replaced by a handshake.
        """
        self._native.set_peer(
            peer,
            b"".join(public_keys),
            b"".join(key.reveal() for key in preshared_keys),
            [show_prefix(prefix) for prefix in allowed],
            mode,
            keepalive_s,
            _TRANSPORTS[transport],
        )

    def set_peers(self, peers: Iterable[PeerSetting]) -> None:
        """Add or change many peers, each with its gate, in one call; those before a refused one are in force."""
        self._native.set_peers(
            [
                (
                    one.peer,
                    b"".join(one.public_keys),
                    b"".join(key.reveal() for key in one.preshared_keys),
                    [show_prefix(prefix) for prefix in one.allowed],
                    one.mode,
                    one.keepalive_s,
                    _TRANSPORTS[one.transport],
                    one.is_open,
                )
                for one in peers
            ]
        )

    def set_gate(self, peer: PeerNumber, *, is_open: bool) -> None:
        """Let inner packets of this peer pass, both ways, or none of them; handshakes work either way."""
        self._native.set_gate(peer, is_open)

    def set_path_mtu(self, peer: PeerNumber, mtu: int | None) -> None:
        """The longest inner packet that the path to the peer carries, in bytes (576 at least); None: any.

        TCP is told of it in what it announces; longer packets are cut, or their senders told.
        """
        self._native.set_path_mtu(peer, mtu or 0)

    def set_endpoint(self, peer: PeerNumber, place: Hop | None, *, scope: int = 0) -> None:
        """Where to send, on the link of that number where it is link-local; None: nowhere, packets wait."""
        match place:
            case None:
                self._native.set_endpoint(peer, b"")
            case Endpoint():
                self._native.set_endpoint(peer, show_endpoint(place, scope))
            case RelayHop(relay, channel):
                self._native.set_endpoint_relay(peer, relay, channel)

    def remove_peer(self, peer: PeerNumber) -> None:
        """Forget a peer with its sessions, prefixes and probe keys."""
        self._native.remove_peer(peer)

    def initiate(self, peer: PeerNumber) -> None:
        """Begin a handshake now, also to replace a living session (which goes on until the new one stands)."""
        self._native.initiate(peer)

    def ping(self, peer: PeerNumber, token: int) -> None:
        """Ask for an `events.Pong` with this token (64 bits) through the session; a stock peer never answers."""
        self._native.ping(peer, token)

    def set_probe_key(self, hint: bytes, key: bytes, peer: PeerNumber) -> None:
        """Let probes with this hint (8 bytes) through, as this peer's, if their tag verifies under `key` (32 bytes)."""
        self._native.set_probe_key(hint, key, peer)

    def remove_probe_key(self, hint: bytes) -> None:
        """Drop probes with this hint; nothing happens if it was not known."""
        self._native.remove_probe_key(hint)

    def expect_stun(self, transaction: bytes, for_s: float) -> None:
        """Let one answer to this STUN transaction (12 bytes) through, for so long."""
        self._native.expect_stun(transaction, round(for_s * 1000))

    def send(self, place: Hop, datagram: bytes) -> None:
        """One datagram of at most 1500 bytes from the tunnel's own port, or by a relay's channel.

        A failure comes as `events.SendFailed`.
        """
        self._native.send(show_place(place), datagram)

    def set_relay(self, session: RelaySession) -> None:
        """Connect to a relay and stay connected, or take the new papers and addresses of one that is known.

        `events.RelayConnected` and `RelayLost` say how it goes.
        """
        self._native.set_relay(
            session.relay,
            session.relay_key,
            session.session_key.private_bytes().reveal(),
            session.certificate,
            session.grant,
            [show_endpoint(endpoint) for endpoint in session.endpoints],
            session.url.encode(),
            session.proxy.encode(),
        )

    def remove_relay(self, relay: int) -> None:
        """Say goodbye to a relay and forget it with its channels; nothing happens if it is not known."""
        self._native.remove_relay(relay)

    def open_channel(self, relay: int, identity: bytes) -> None:
        """Want a channel to this identity (32 bytes) at a relay that was set; `events.ChannelOpened` answers."""
        self._native.open_channel(relay, identity)

    def close_channel(self, relay: int, identity: bytes) -> None:
        """The channel is not wanted any more; what the other side sends still comes."""
        self._native.close_channel(relay, identity)

    def relay_stats(self, relay: int) -> RelayStats:
        """How the session with a relay is; that of an unknown relay is not connected."""
        carriage, rtt_ns, rx_bytes, tx_bytes = self._native.relay_stats(relay)
        return RelayStats(Carriage(carriage) if carriage else None, _seconds(rtt_ns), rx_bytes, tx_bytes)

    def peer_stats(self, peer: PeerNumber) -> PeerStats:
        """What is known of one peer."""
        rx_bytes, tx_bytes, handshake_ns, received_ns, alive, place, cipher = self._native.peer_stats(peer)
        return PeerStats(
            rx_bytes, tx_bytes, _seconds(handshake_ns), _seconds(received_ns), alive != 0, parse_place(place),
            _CIPHERS.get(cipher), parse_scope(place),
        )  # fmt: skip

    def counters(self) -> dict[str, int]:
        """Every counter by name: packets, bytes, and one `drop_...` for each reason of a drop."""
        return {name.decode(): count for name, count in self._native.stats().items()}

    def set_filter(self, rules: Sequence[Rule] | None) -> None:
        """Replace the filter's rules; flows that they no longer accept are cut. None: no filter, gates alone decide.

        InvalidError where there are more than the engine takes; then those before stay."""
        self._native.set_filter(b"" if rules is None else show_rules(rules))

    def find_rule(
        self,
        direction: Direction,
        protocol: int,
        local: IPv4Address | IPv6Address,
        remote: IPv4Address | IPv6Address,
        port: int,
    ) -> int | None:
        """The number of the rule by which such a flow may begin, to this destination port; None: there is none."""
        local_port, remote_port = (port, 0) if direction is Direction.IN else (0, port)
        found = self._native.find_rule(direction, protocol, local.packed, remote.packed, local_port, remote_port)
        return found if found >= 0 else None

    def filter_drops(self, peer: PeerNumber) -> list[FlowRecord]:
        """What the filter dropped of a peer lately, the newest first; equal packets are one record."""
        return list(parse_records(self._native.filter_drops(peer)))

    def take_flow_records(self, most: int) -> tuple[list[FlowRecord], int]:
        """Flows that ended or were refused, the oldest first, and how many were lost since the last call."""
        records, lost = self._native.take_flow_records(most)
        return list(parse_records(records)), lost

    def offloads(self) -> dict[str, str]:
        """Each offload by name, as `on` or as why it is off."""
        return describe(self._native.offloads())

    def close(self) -> None:
        """Stop carrying: workers, port and link are gone when it returns. Harmless when done twice."""
        self._native.close()


def has_fast_aes() -> bool:
    """Whether the processor has instructions for AES-256-GCM, so that it is the faster cipher here."""
    return _native.has_fast_aes() != 0


def _private_bytes(keys: Sequence[ExchangeKeyPair]) -> bytes:
    return b"".join(pair.private_bytes().reveal() for pair in keys)


def _seconds(time_ns: int) -> float | None:
    return time_ns / _NS_PER_S if time_ns else None
