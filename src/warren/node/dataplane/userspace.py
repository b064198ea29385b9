"""The engine as data plane: WireGuard in this process, on a TUN of the kernel.

Decides nothing. Peers have numbers there; a number is never used twice, so that a late event of a removed peer is told
from one of a peer that came back. The engine's queue is bounded; it wakes us by its descriptor, and one wake-up takes a
bounded number of events.

An engine may end by itself, when its link is deleted. Until that is heard (`TunnelFailed`), what is told to it is told
to nobody, and who asks it something hears that it is closed.
"""

import asyncio
import contextlib
import errno
import functools
import itertools
from collections.abc import AsyncIterator, Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Concatenate, ParamSpec, TypeVar

from warren.engine.errors import ClosedError, EngineError, InvalidError, PortError, TunError
from warren.engine.events import PeerNumber
from warren.engine.filter import Direction
from warren.engine.tunnel import Mode, has_fast_aes
from warren.engine.tunnel import Tunnel as EngineTunnel
from warren.errors import Code, WarrenError
from warren.limits import TUNNEL_EVENTS_TAKE_MAX
from warren.model.addresses import Hop
from warren.model.ids import Identity
from warren.model.keys import ExchangeKeyPair
from warren.model.offloads import ALL
from warren.node.dataplane.filtering import Flow
from warren.node.dataplane.interface import NO_TUN, Event, PeerStats, StampWindow, Tunnel, TunnelSpec, no_rights
from warren.node.dataplane.relaying import RelaySession, RelayStats
from warren.node.dataplane.translate import translate, translate_filter, translate_flow, translate_stats
from warren.node.plan import FilterPlan, PeerPlan

HAS_FAST_AES = has_fast_aes()  # the processor's answer; it cannot change while this process lives


class UserspaceDataplane:
    """`interface.Dataplane` over the engine."""

    def __init__(self, offloads: int = ALL, workers: int = 0) -> None:
        """`offloads`: those that may be tried (model/offloads.py). `workers`: of each tunnel; 0: by the cores."""
        self._offloads = offloads
        self._workers = workers

    def open(self, link: str, mtu: int, spec: TunnelSpec) -> Tunnel:
        """Bring up a tunnel under exactly that link name."""
        try:
            return UserspaceTunnel(self._make(link, mtu, spec, spec.port))
        except PortError as error:
            if error.errno != errno.EADDRINUSE or spec.port == 0 or spec.port_fixed:
                raise _explain(error, link, spec.port) from error
        except TunError as error:
            raise _explain(error, link, spec.port) from error
        try:
            return UserspaceTunnel(self._make(link, mtu, spec, 0))
        except EngineError as error:
            raise _explain(error, link, 0) from error

    def _make(self, link: str, mtu: int, spec: TunnelSpec, port: int) -> EngineTunnel:
        return EngineTunnel(
            link, mtu=mtu, port=port, keys=spec.keys, stamp_floor_s=spec.stamps.floor_s,
            stamp_ceiling_s=spec.stamps.ceiling_s, offloads=self._offloads, workers=self._workers,
        )  # fmt: skip


_Said = ParamSpec("_Said")
_Answer = TypeVar("_Answer")


def _told(
    method: "Callable[Concatenate[UserspaceTunnel, _Said], None]",
) -> "Callable[Concatenate[UserspaceTunnel, _Said], None]":
    """What an engine that ended by itself need not hear: the tunnel that is made in its place gets it all anew."""

    @functools.wraps(method)
    def tell(self: "UserspaceTunnel", /, *args: _Said.args, **kwargs: _Said.kwargs) -> None:
        with contextlib.suppress(ClosedError):
            method(self, *args, **kwargs)

    return tell


def _asked(
    method: "Callable[Concatenate[UserspaceTunnel, _Said], _Answer]",
) -> "Callable[Concatenate[UserspaceTunnel, _Said], _Answer]":
    """What an engine that ended by itself cannot answer: the same error as of a tunnel that we closed."""

    @functools.wraps(method)
    def ask(self: "UserspaceTunnel", /, *args: _Said.args, **kwargs: _Said.kwargs) -> _Answer:
        try:
            return method(self, *args, **kwargs)
        except ClosedError as error:
            raise WarrenError(Code.NOT_UP, f"the tunnel of {self.link} is closed") from error

    return ask


class UserspaceTunnel:
    """`interface.Tunnel` over one device of the engine."""

    def __init__(self, engine: EngineTunnel) -> None:
        self._engine: EngineTunnel | None = engine
        self._link = engine.link
        self._port = engine.port
        self._event_fd = engine.event_fd
        self._plans: dict[Identity, PeerPlan] = {}
        self._filter: FilterPlan | None = None
        self._numbers: dict[Identity, PeerNumber] = {}
        self._identities: dict[int, Identity] = {}
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

    @_told
    def set_keys(self, keys: tuple[ExchangeKeyPair, ...]) -> None:
        """Change the private keys: in use, then the next one."""
        self._open().set_keys(keys)

    @_told
    def set_stamps(self, stamps: StampWindow) -> None:
        """Move the window; a floor below the last stamp has no effect."""
        self._open().set_stamp_window(stamps.floor_s, stamps.ceiling_s)

    @_asked
    def set_peer(self, peer: PeerPlan) -> None:
        """Add or change a peer and its gate; live sessions of keys that stay go on."""
        engine = self._open()
        number = self._numbers.get(peer.identity)
        if number is None:
            number = PeerNumber(next(self._fresh))
        elif not peer.gate_open:
            engine.set_gate(number, is_open=False)  # before anything that may fail
        try:
            engine.set_peer(number, peer.public_keys, peer.allowed, mode=Mode.MANAGED, transport=peer.transport)
        except InvalidError as error:
            raise WarrenError(
                Code.INVALID_CONFIG, f"the peer {peer.identity.hex()[:10]} cannot be used: {error}"
            ) from error
        self._numbers[peer.identity] = number
        self._identities[number] = peer.identity
        engine.set_path_mtu(number, peer.path_mtu)
        engine.set_gate(number, is_open=peer.gate_open)
        self._plans[peer.identity] = peer

    @_asked
    def remove_peer(self, identity: Identity) -> None:
        """Forget a peer, its sessions and probe keys; nothing happens if it is not there."""
        number = self._numbers.get(identity)
        if number is None:
            return
        self._open().remove_peer(number)
        del self._numbers[identity], self._identities[number]
        self._plans.pop(identity, None)

    def peers(self) -> dict[Identity, PeerPlan]:
        """What is in force, as it was set."""
        return dict(self._plans)

    @_asked
    def set_filter(self, wanted: FilterPlan) -> None:
        """Replace what passes behind the gates; flows that it no longer accepts are cut."""
        try:
            self._open().set_filter(translate_filter(wanted))
        except InvalidError as error:
            raise WarrenError(Code.INVALID_CONFIG, f"the policy's rules cannot be used: {error}") from error
        self._filter = wanted

    def filter(self) -> FilterPlan | None:
        """What is in force, as it was set."""
        return self._filter

    @_asked
    def find_rule(
        self,
        local: IPv4Address | IPv6Address,
        remote: IPv4Address | IPv6Address,
        protocol: int,
        port: int,
        *,
        inward: bool,
    ) -> int | None:
        """The line of the rule by which such a flow may begin, as the engine has it; None: there is none."""
        direction = Direction.IN if inward else Direction.OUT
        return self._open().find_rule(direction, protocol, local, remote, port)

    @_asked
    def drops(self, identity: Identity) -> list[Flow]:
        """What was dropped of a peer lately, the newest first."""
        number = self._numbers.get(identity)
        records = self._open().filter_drops(number) if number is not None else []
        return [translate_flow(record, self._identities) for record in records]

    @_asked
    def take_flows(self, most: int) -> tuple[list[Flow], int]:
        """Flows that ended or were refused since the last call, the oldest first, and how many were lost."""
        records, lost = self._open().take_flow_records(most)
        return [translate_flow(record, self._identities) for record in records], lost

    @_told
    def set_endpoint(self, identity: Identity, endpoint: Hop | None) -> None:
        """Where to send; None: nowhere."""
        self._open().set_endpoint(self._number(identity), endpoint)

    @_told
    def initiate(self, identity: Identity) -> None:
        """Begin a handshake now, also to replace a living session."""
        self._open().initiate(self._number(identity))

    @_asked
    def ping(self, identity: Identity, token: int) -> None:
        """Send a ping inside the session; `PongReceived` carries the token (64 bits) back."""
        self._open().ping(self._number(identity), token)

    @_told
    def set_probe_key(self, identity: Identity, hint: bytes, key: bytes) -> None:
        """Let probes with this hint (8 bytes) and a valid tag under this key (32 bytes) through, as this peer's."""
        self._open().set_probe_key(hint, key, self._number(identity))

    @_told
    def remove_probe_key(self, hint: bytes) -> None:
        """Probes with this hint are dropped from here on."""
        self._open().remove_probe_key(hint)

    @_told
    def expect_stun(self, transaction: bytes, for_s: float) -> None:
        """Let one answer to this STUN transaction (12 bytes) through, for so long."""
        self._open().expect_stun(transaction, for_s)

    def send(self, endpoint: Hop, datagram: bytes) -> None:
        """One datagram from the tunnel's own port, or through a relay (probes); that it is refused is no error."""
        with contextlib.suppress(EngineError):
            self._open().send(endpoint, datagram)

    @_asked
    def set_relay(self, session: RelaySession) -> None:
        """Connect to a relay and stay connected, or take new papers and addresses."""
        self._open().set_relay(session)

    @_asked
    def remove_relay(self, relay: int) -> None:
        """Forget a relay with its channels; nothing happens if it is not known."""
        self._open().remove_relay(relay)

    @_asked
    def open_channel(self, relay: int, peer: Identity) -> None:
        """Want a channel to this peer at a relay that was set."""
        self._open().open_channel(relay, peer)

    @_asked
    def close_channel(self, relay: int, peer: Identity) -> None:
        """The channel is not wanted any more."""
        self._open().close_channel(relay, peer)

    @_asked
    def relay_stats(self, relay: int) -> RelayStats:
        """How the session with a relay is."""
        return self._open().relay_stats(relay)

    @_asked
    def stats(self, identity: Identity) -> PeerStats:
        """Counters of one peer."""
        return translate_stats(self._open().peer_stats(self._number(identity)))

    @_asked
    def counters(self) -> dict[str, int]:
        """Every counter of the device by name: packets, bytes, and one for each reason of a drop."""
        return self._open().counters()

    @_asked
    def offloads(self) -> dict[str, str]:
        """What the operating system does for our packets by name: `on`, or why not."""
        return self._open().offloads()

    @_asked
    def workers(self) -> int:
        """How many threads carry its packets."""
        return self._open().workers

    async def events(self) -> AsyncIterator[Event]:
        """What happens, from now on, until the tunnel is closed; one reader only."""
        while self._engine is not None:
            batch = self._engine.take_events(TUNNEL_EVENTS_TAKE_MAX)
            for raw in batch:
                event = translate(raw, self._identities)
                if event is not None:
                    yield event
            if not batch:
                await self._wake_up()

    def close(self) -> None:
        """Stop carrying; the link goes, and with it its addresses and routes. Harmless when done twice."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        if self._waiting is not None and not self._waiting.done():
            # now, not when the reader wakes up: by then the number may be another descriptor's
            self._waiting.get_loop().remove_reader(self._event_fd)
            self._waiting.set_result(None)
        engine.close()

    async def _wake_up(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        loop.add_reader(self._event_fd, _wake, self._waiting)
        try:
            await self._waiting
        finally:
            if self._engine is not None:
                loop.remove_reader(self._event_fd)

    def _open(self) -> EngineTunnel:
        if self._engine is None:
            raise WarrenError(Code.NOT_UP, f"the tunnel of {self._link} is closed")
        return self._engine

    def _number(self, identity: Identity) -> PeerNumber:
        number = self._numbers.get(identity)
        if number is None:
            raise WarrenError(Code.NOT_FOUND, "the tunnel has no such peer")
        return number


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)


def _explain(error: EngineError, link: str, port: int) -> EngineError | WarrenError:
    if isinstance(error, TunError) and error.errno in NO_TUN:
        return no_rights(f"cannot make the tunnel's link {link}: {error.strerror}")
    if isinstance(error, TunError) and error.errno == errno.EBUSY:
        return WarrenError(Code.CONFLICT, f"another program has a link named {link}")
    if isinstance(error, PortError) and error.errno == errno.EADDRINUSE:
        return WarrenError(Code.CONFLICT, f"UDP port {port} is in use", "choose another with `--port`, or none")
    return error
