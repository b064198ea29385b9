"""The engine as data plane: WireGuard in this process, on a TUN of the kernel.

Decides nothing. Peers have numbers there; a number is never used twice, so that a late event of a removed peer is told
from one of a peer that came back. The engine's queue is bounded; it wakes us by its eventfd, and one wake-up takes a
bounded number of events.
"""

import asyncio
import contextlib
import errno
import itertools
from collections.abc import AsyncIterator

from warren.engine import _native
from warren.errors import Code, WarrenError
from warren.limits import TUNNEL_EVENTS_TAKE_MAX
from warren.model.addresses import Endpoint
from warren.model.ids import Identity
from warren.model.keys import ExchangeKeyPair
from warren.node.dataplane.border import (
    endpoint_bytes,
    parse_event,
    parse_stats,
    prefix_bytes,
)
from warren.node.dataplane.interface import Event, PeerStats, StampWindow, Tunnel, TunnelSpec, no_rights
from warren.node.plan import PeerPlan

# /dev/net/tun may not be opened, is not there, or the kernel has no such driver; TUNSETIFF says EPERM
_NO_TUN = {errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENODEV, errno.ENXIO}


class UserspaceDataplane:
    """`interface.Dataplane` over the engine."""

    def open(self, link: str, mtu: int, spec: TunnelSpec) -> Tunnel:
        """Bring up a network's tunnel under exactly that link name."""
        try:
            return UserspaceTunnel(_open(link, mtu, spec.port, spec))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or spec.port == 0 or spec.port_fixed:
                raise _explain(error, link, spec.port) from error
        try:
            return UserspaceTunnel(_open(link, mtu, 0, spec))
        except OSError as error:
            raise _explain(error, link, 0) from error


class UserspaceTunnel:
    """`interface.Tunnel` over one device of the engine."""

    def __init__(self, native: _native.Tunnel) -> None:
        self._native: _native.Tunnel | None = native
        self._link = native.ifname().decode()
        self._port = native.listen_port()
        self._plans: dict[Identity, PeerPlan] = {}
        self._numbers: dict[Identity, int] = {}
        self._identities: dict[int, Identity] = {}
        self._hints: dict[bytes, Identity] = {}
        self._fresh = itertools.count(1)
        self._waiting: asyncio.Future[None] | None = None

    @property
    def link(self) -> str:
        """The name of its link."""
        return self._link

    @property
    def port(self) -> int:
        """The UDP port, IPv4 and IPv6."""
        return self._port

    def set_keys(self, keys: tuple[ExchangeKeyPair, ...]) -> None:
        """Change the private keys: in use, then the next one."""
        self._open().set_private_keys(_private(keys))

    def set_stamps(self, stamps: StampWindow) -> None:
        """Move the window; a floor below the last stamp has no effect."""
        self._open().set_stamp_window(stamps.floor_s, stamps.ceiling_s)

    def set_peer(self, peer: PeerPlan) -> None:
        """Add or change a peer and its gate; live sessions of keys that stay go on."""
        native = self._open()
        number = self._numbers.get(peer.identity)
        if number is None:
            number = next(self._fresh)
        elif not peer.gate_open:
            native.set_gate(number, 0)  # first of all
        allowed = [prefix_bytes(prefix) for prefix in peer.allowed]
        native.set_peer(number, b"".join(peer.public_keys), b"", allowed, _native.ENDPOINT_MANAGED, 0)
        self._numbers[peer.identity] = number
        self._identities[number] = peer.identity
        native.set_gate(number, int(peer.gate_open))
        self._plans[peer.identity] = peer

    def remove_peer(self, identity: Identity) -> None:
        """Forget a peer, its sessions and probe keys; nothing happens if it is not there."""
        native = self._open()
        number = self._numbers.pop(identity, None)
        if number is None:
            return
        native.remove_peer(number)
        del self._identities[number]
        self._plans.pop(identity, None)
        for hint in [hint for hint, owner in self._hints.items() if owner == identity]:
            self.remove_probe_key(hint)

    def peers(self) -> dict[Identity, PeerPlan]:
        """What is in force, as it was set."""
        return dict(self._plans)

    def set_endpoint(self, identity: Identity, endpoint: Endpoint | None) -> None:
        """Where to send; None: nowhere."""
        self._open().set_endpoint(self._number(identity), endpoint_bytes(endpoint))

    def initiate(self, identity: Identity) -> None:
        """Begin a handshake now, also to replace a living session."""
        self._open().initiate(self._number(identity))

    def ping(self, identity: Identity, token: int) -> None:
        """Send a ping inside the session; `PongReceived` carries the token (64 bits) back."""
        self._open().ping(self._number(identity), token)

    def set_probe_key(self, identity: Identity, hint: bytes, key: bytes) -> None:
        """Let probes with this hint (8 bytes) and a valid tag under this key (32 bytes) through, as this peer's."""
        self._open().set_probe_key(hint, key, self._number(identity))
        self._hints[hint] = identity

    def remove_probe_key(self, hint: bytes) -> None:
        """Probes with this hint are dropped from here on."""
        if self._hints.pop(hint, None) is not None:
            self._open().remove_probe_key(hint)

    def send(self, endpoint: Endpoint, datagram: bytes) -> None:
        """One datagram from the tunnel's own port (probes); a network that refuses it is no error."""
        with contextlib.suppress(OSError):
            self._open().send(endpoint_bytes(endpoint), datagram)

    def stats(self, identity: Identity) -> PeerStats:
        """Counters of one peer."""
        return parse_stats(self._open().peer_stats(self._number(identity)))

    def counters(self) -> dict[str, int]:
        """Every counter of the device by name: packets, bytes, and one for each reason of a drop."""
        return {name.decode(): count for name, count in self._open().stats().items()}

    async def events(self) -> AsyncIterator[Event]:
        """What happens, from now on, until the tunnel is closed; one reader only."""
        while self._native is not None:
            batch = self._native.take_events(TUNNEL_EVENTS_TAKE_MAX)
            for raw in batch:
                event = parse_event(raw, self._identities)
                if event is not None:
                    yield event
            if not batch:
                await self._wake_up(self._native.event_fd())

    def close(self) -> None:
        """Stop carrying; the link goes, and with it its addresses and routes. Harmless when done twice."""
        native, self._native = self._native, None
        if native is None:
            return
        if self._waiting is not None and not self._waiting.done():
            # now, not when the reader wakes up: by then the number may be another descriptor's
            self._waiting.get_loop().remove_reader(native.event_fd())
            self._waiting.set_result(None)
        native.close()

    async def _wake_up(self, descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        loop.add_reader(descriptor, _wake, self._waiting)
        try:
            await self._waiting
        finally:
            if self._native is not None:
                loop.remove_reader(descriptor)

    def _open(self) -> _native.Tunnel:
        if self._native is None:
            raise WarrenError(Code.NOT_UP, f"the tunnel of {self._link} is closed")
        return self._native

    def _number(self, identity: Identity) -> int:
        number = self._numbers.get(identity)
        if number is None:
            raise WarrenError(Code.NOT_FOUND, "the tunnel has no such peer")
        return number


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)


def _private(keys: tuple[ExchangeKeyPair, ...]) -> bytes:
    return b"".join(key.private_bytes().reveal() for key in keys)


def _open(link: str, mtu: int, port: int, spec: TunnelSpec) -> _native.Tunnel:
    stamps = spec.stamps
    return _native.Tunnel(link.encode(), mtu, port, _private(spec.keys), stamps.floor_s, stamps.ceiling_s)


def _explain(error: OSError, link: str, port: int) -> OSError | WarrenError:
    if error.errno in _NO_TUN:
        return no_rights(f"cannot make the tunnel's link {link}: {error.strerror or error}")
    if error.errno == errno.EADDRINUSE:
        return WarrenError(Code.CONFLICT, f"UDP port {port} is in use", "choose another with `--port`, or none")
    if error.errno == errno.EBUSY:
        return WarrenError(Code.CONFLICT, f"another program has a link named {link}")
    return error
