"""All that crosses between Python and Rust: bytes and integers, nothing else.

Endpoints are bytes: 4 or 16 bytes of address, then 2 bytes of port, big-endian (IPv6 link-local: 4 more bytes of scope;
or 12 bytes: a relay's number, 8 bytes, and a channel, 4 bytes).
Allowed prefixes are bytes: 4 or 16 bytes of address, then 1 byte of prefix length.
Keys are 32 bytes. Peers are named by a 64-bit number that the caller chose; 0 in an event is nobody. Times are
nanoseconds unless said otherwise. Every call may raise ClosedError, BusyError, and InvalidError for bytes of a wrong
length; calls about a peer that is not there raise UnknownPeerError.
"""

from typing import Final, final

__all__ = [
    "CIPHER_AES_256_GCM",
    "CIPHER_CHACHA20_POLY1305",
    "CIPHER_NONE",
    "ENDPOINT_MANAGED",
    "ENDPOINT_ROAM",
    "EVENT_ELSEWHERE",
    "EVENT_HANDSHAKE",
    "EVENT_HANDSHAKE_GAVE_UP",
    "EVENT_LOST",
    "EVENT_PONG",
    "EVENT_PROBE",
    "EVENT_RELAY_CHANNEL",
    "EVENT_RELAY_CHANNEL_GONE",
    "EVENT_RELAY_CONNECTED",
    "EVENT_RELAY_LOST",
    "EVENT_SEND_FAILED",
    "EVENT_STUN",
    "EVENT_UNKNOWN_INITIATOR",
    "EVENT_WORKER_FAILED",
    "OFFLOAD_ABSENT",
    "OFFLOAD_BROKEN",
    "OFFLOAD_ON",
    "OFFLOAD_REFUSED",
    "OFFLOAD_TAKEN_DOWN",
    "OFFLOAD_UNWANTED",
    "RELAY_OVER_UDP",
    "RELAY_OVER_WEBSOCKET",
    "TRANSPORT_CHOOSES_AES",
    "TRANSPORT_TAKES_AES",
    "TRANSPORT_WIREGUARD",
    "BusyError",
    "ClosedError",
    "EngineError",
    "InvalidError",
    "PortError",
    "TunError",
    "Tunnel",
    "UnknownPeerError",
    "front_run",
    "has_fast_aes",
]

EVENT_UNKNOWN_INITIATOR: Final[int]  # data: the initiator's public key; endpoint: where it came from (rate-limited)
EVENT_HANDSHAKE: Final[int]  # peer; number: 1 we initiated, 2 we responded; data: the peer's public key; endpoint
EVENT_HANDSHAKE_GAVE_UP: Final[int]  # peer: no answer for 90 s (WireGuard, 6.4)
EVENT_PONG: Final[int]  # peer; number: round trip in ns; data: the token, 8 bytes big-endian; endpoint of the answer
EVENT_ELSEWHERE: Final[int]  # managed peer: an authenticated packet came from another endpoint (rate-limited)
EVENT_PROBE: Final[int]  # peer registered with the hint; data: the whole valid probe; endpoint of the sender
EVENT_STUN: Final[int]  # data: the whole answer to a live transaction; endpoint
EVENT_SEND_FAILED: Final[int]  # peer or 0; number: errno; endpoint (rate-limited; the counter has all)
EVENT_WORKER_FAILED: Final[int]  # number: errno; the tunnel carries nothing any more
EVENT_LOST: Final[int]  # number: how many events a bounded queue had to drop

EVENT_RELAY_CONNECTED: Final[
    int
]  # number: relay; data: round trip in ns, 8 bytes big-endian, then the carriage, 1 byte
EVENT_RELAY_LOST: Final[int]  # number: relay; data: why, in English; the engine goes on trying
EVENT_RELAY_CHANNEL: Final[
    int
]  # number: relay; data: the identity at its other end; endpoint: 12 bytes; opened by either
EVENT_RELAY_CHANNEL_GONE: Final[int]  # the same of a channel whose other end has no session there (any more)

RELAY_OVER_UDP: Final[int]
RELAY_OVER_WEBSOCKET: Final[int]

ENDPOINT_ROAM: Final[int]
ENDPOINT_MANAGED: Final[int]

TRANSPORT_WIREGUARD: Final[int]  # sessions with ChaCha20-Poly1305 only
TRANSPORT_TAKES_AES: Final[int]  # AES-256-GCM too where the peer chooses it, as the responder of a handshake
TRANSPORT_CHOOSES_AES: Final[int]  # AES-256-GCM also where we choose

CIPHER_NONE: Final[int]  # no session that can send
CIPHER_CHACHA20_POLY1305: Final[int]
CIPHER_AES_256_GCM: Final[int]

OFFLOAD_ON: Final[int]  # in use
OFFLOAD_ABSENT: Final[int]  # the device has no such thing, or one that it stands on is off
OFFLOAD_UNWANTED: Final[int]  # the caller did not allow it
OFFLOAD_REFUSED: Final[int]  # by the kernel at the start, with an errno
OFFLOAD_BROKEN: Final[int]  # the self-test saw it mangle data
OFFLOAD_TAKEN_DOWN: Final[int]  # it failed at work, with an errno

class EngineError(OSError):
    """The world refused: errno says why."""

class TunError(EngineError):
    """The TUN could not be made: EPERM no right to, ENOENT or ENODEV no TUN in this kernel, EBUSY the name is taken."""

class PortError(EngineError):
    """The UDP port could not be bound; EADDRINUSE: taken."""

class ClosedError(EngineError):
    """The tunnel was closed or has failed (EBADF)."""

class BusyError(EngineError):
    """More waits for the worker than may wait (EAGAIN)."""

class InvalidError(ValueError):
    """An argument cannot mean anything."""

class UnknownPeerError(KeyError):
    """No peer has this number."""

@final
class Tunnel:
    """One WireGuard device with its TUN, its UDP sockets and its worker threads; starts carrying at once."""

    def __new__(
        cls,
        ifname: bytes,  # as for TUNSETIFF: b"warren%d" lets the kernel choose
        mtu: int,  # 576 to 65460
        listen_port: int,  # 0: the kernel chooses
        private_keys: bytes,  # 32 or 64 bytes: the one in use, then the next one
        stamp_floor_s: int,  # TAI64N stamps are max(last + 1, min(now, ceiling)), never below the floor; Unix seconds
        stamp_ceiling_s: int,
        offloads: int,  # which may be tried, a bit each: tun-checksum, tun-tcp, tun-udp, udp-send, udp-receive
        workers: int,  # threads that carry: 1, 2 or 4; 0: what suits the machine's cores
    ) -> Tunnel: ...
    def ifname(self) -> bytes: ...
    def listen_port(self) -> int: ...
    def workers(self) -> int:
        """How many there are: one where the kernel's TUN has one queue, whatever was asked for."""
    def listen_on(self, port: int) -> None:
        """Take another UDP port (0: one that is free); where it cannot be had, the one in use stays."""
    def set_mark(self, mark: int) -> None:
        """Mark what is sent from here on, for the host's routing (SO_MARK); 0: not at all."""
    def set_mtu(self, mtu: int) -> None:
        """Follow the link to another MTU, 576 to 65460."""
    def event_fd(self) -> int: ...
    def take_events(self, most: int) -> list[tuple[int, int, int, bytes, bytes]]:
        """(kind, peer, number, data, endpoint) each; clears the eventfd when the queue is empty. Never raises."""
    def set_private_keys(self, private_keys: bytes) -> None: ...
    def set_stamp_window(self, floor_s: int, ceiling_s: int) -> None: ...
    def set_peer(
        self,
        peer: int,
        public_keys: bytes,  # 32 or 64 bytes
        preshared_keys: bytes,  # n * 32, in order of preference, n <= 4; empty: none
        allowed: list[bytes],
        mode: int,
        keepalive_s: int,  # 0: none
        transport: int,  # TRANSPORT_...; one that the session in use does not fit begins a handshake
    ) -> None:
        """Add or change a peer; the gate of a new one is shut. Live sessions of keys that stay go on."""
    def set_peers(self, peers: list[tuple[int, bytes, bytes, list[bytes], int, int, int, int]]) -> None:
        """Many at once: the arguments of set_peer, then the gate. What comes before a refused one is in force."""
    def set_gate(self, peer: int, is_open: int) -> None: ...
    def set_path_mtu(self, peer: int, mtu: int) -> None:
        """The longest inner packet that the path to the peer carries; 0: any. Less than 576 counts as 576."""
    def set_endpoint(self, peer: int, endpoint: bytes) -> None:
        """Where to send; empty: nowhere (packets wait in the bounded queue)."""
    def set_endpoint_relay(self, peer: int, relay: int, channel: int) -> None: ...
    def remove_peer(self, peer: int) -> None: ...
    def initiate(self, peer: int) -> None:
        """Begin a handshake now, also to replace a living session."""
    def ping(self, peer: int, token: int) -> None: ...
    def set_probe_key(self, hint: bytes, key: bytes, peer: int) -> None: ...
    def remove_probe_key(self, hint: bytes) -> None: ...
    def expect_stun(self, transaction: bytes, for_ms: int) -> None: ...
    def send(self, endpoint: bytes, datagram: bytes) -> None:
        """One datagram of at most 1500 bytes from the tunnel's own port (probes, STUN), or by a relay's channel."""
    def set_relay(
        self,
        relay: int,  # its number, from 1
        relay_key: bytes,  # X25519, 32: proves the relay
        session_key: bytes,  # X25519 private, 32: what the certificate is about
        certificate: bytes,  # signed by the identity key (warren.protocol.relay)
        grant: bytes,
        endpoints: list[bytes],  # UDP addresses, the best first; empty: WebSocket only
        url: bytes,  # http(s)://HOST[:PORT] of its WebSocket; empty: UDP only
        proxy: bytes,  # http://[USER:PASSWORD@]HOST:PORT of an HTTP CONNECT proxy for the WebSocket; empty: none
    ) -> None:
        """Connect to a relay and stay connected: over UDP, where that gives no answer over the WebSocket, and back.

        Given again: the new certificate, grant and addresses; a session with the same key goes on.
        """
    def remove_relay(self, relay: int) -> None:
        """End the session and forget the relay with its channels; nothing happens if it is not known."""
    def open_channel(self, relay: int, identity: bytes) -> None:
        """Want a channel to this identity (32 bytes) at this relay; asked for again with every session."""
    def close_channel(self, relay: int, identity: bytes) -> None: ...
    def relay_stats(self, relay: int) -> tuple[int, int, int, int]:
        """(carriage, 0: not connected; smoothed round trip in ns, 0: none; bytes received, bytes sent)."""
    def peer_stats(self, peer: int) -> tuple[int, int, int, int, int, bytes, int]:
        """(rx bytes, tx bytes, last handshake, last authenticated packet, session alive 0/1, endpoint, CIPHER_...).

        Both times in Unix nanoseconds, 0: never; the endpoint empty: nowhere.
        """
    def stats(self) -> dict[bytes, int]:
        """Every counter of the device by name: packets, bytes, and one for each reason of a drop."""
    def set_filter(self, rules: bytes) -> None:
        """Replace the filter's rules (engine/proto/src/filter/encoding.rs); empty: no filter, gates alone decide."""
    def find_rule(
        self,
        direction: int,  # of a flow's first packet: 1 in, 2 out
        protocol: int,
        local: bytes,  # addresses, 4 or 16 bytes
        remote: bytes,
        local_port: int,
        remote_port: int,
    ) -> int:
        """The lowest rule by which such a flow may begin; -1: none, -2: there is no filter."""
    def filter_drops(self, peer: int) -> bytes:
        """Drops of a peer lately, newest first: records of 104 bytes (engine/proto/src/filter/record.rs)."""
    def take_flow_records(self, most: int) -> tuple[bytes, int]:
        """(flows that ended or were refused, each worker's oldest first, so many of each; how many were lost)."""
    def offloads(self) -> dict[bytes, tuple[int, int]]:
        """Each offload by name: its state (OFFLOAD_...), and the errno that it is off for or 0."""
    def close(self) -> None:
        """Stop the workers, close the sockets and the TUN (the link goes with it). Harmless when done twice."""

def has_fast_aes() -> int:
    """1 where the processor has instructions for AES-256-GCM, so that it is the faster cipher; else 0."""

def front_run(
    *,
    listeners: list[int],  # descriptors of bound, listening, non-blocking TCP sockets; owned by the call
    control_in: int,  # lines `proven N`, `revoke ...` and `stats`; its end stops the front; owned by the call
    control_out: int,  # lines `relay ADDRESS`, `listening ADDRESS` and `stats {...}`; owned by the call
    web_socket: bytes,  # path of the web part's unix socket; empty: none, only the relay is served
    hosts: list[bytes],  # literal Host values; without a port: any port or none
    certificate_chain: bytes,  # PEM; empty (both): no TLS
    private_key: bytes,
    head_max_bytes: int,
    body_max_bytes: int,
    open_body_max_bytes: int,  # of a request without Authorization
    buffered_max_bytes: int,
    buffered_an_address_max_bytes: int,
    connections_max: int,
    unproven_an_address_max: int,
    head_ms: int,
    body_ms: int,
    response_ms: int,
    idle_ms: int,
    unproven_ms: int,
    stall_ms: int,
    stop_ms: int,
    first_connection: int,  # the number of the first connection; they count up from there
    relay_sockets: list[int],  # descriptors of bound, non-blocking UDP sockets, one a family; owned by the call
    relay_number: int,
    relay_key: bytes,  # X25519, 32 bytes; empty: no relay
    relay_signers: bytes,  # Ed25519 keys whose grants count, 32 bytes each
    relay_members: int,  # clients at most
    relay_rates: list[tuple[int, int]],  # of a client, a network, in all: bytes a second (0: no limit), bytes at once
    turn_listeners: list[int],  # bound, listening, non-blocking TCP sockets for STUN and TURN; owned by the call
    turn_secret: bytes,  # at least 16 bytes; empty: STUN only
    turn_realm: bytes,
    turn_ports: tuple[int, int],  # first and last of relayed sockets
    turn_announced: list[bytes],  # what peers are told, as endpoints; empty: the address that faces the client
    turn_allowed: list[bytes],  # prefixes that peers may be in though they are no part of the internet
    turn_relayed: int,  # 1: clients may reach each other's relayed addresses here
    turn_allowance_bytes: int,  # by which an answer to an unproven sender may be larger than what it sent
    turn_quotas: tuple[int, int, int, int, int],  # ports of a user, an address, all; bytes a second of a user, all
) -> None:
    """Serve the public port until control_in ends or SIGTERM arrives; the GIL is released.

    Raises ValueError (certificate, key or a host that cannot be used) and OSError.
    """
