"""The shell of one node's session: bytes of a WebSocket in, the protocol's machine, bytes out.

Decides nothing of the protocol; it feeds the machine, answers its events through `admission.py` and the hub, and ends a
reader that takes nothing. Two tasks a session: one reads and acts, one writes and keeps the machine's deadlines. What
fails here ends this session only.
Invariant: after the machine is closed and its last frame is sent, the socket is closed and the hub has forgotten it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.limits import HOME_CHANGE_EVERY_S, HOME_CHANGES_BURST, SESSION_WRITE_MAX_S, SIGNALS_PER_S
from warren.log import Log
from warren.model.ids import Identity
from warren.protocol.control.events import (
    BatchSubmitted,
    Closed,
    DenyWanted,
    DocumentsTold,
    FarewellLeft,
    Greeted,
    HomeStated,
    JoinWanted,
    LeaveWanted,
    RecordPublished,
    ResumeWanted,
    ServerEvent,
    SignalWanted,
    WaitingAsked,
)
from warren.protocol.control.messages import MapUpdate
from warren.protocol.control.server_role import ServerSession
from warren.server.approvals.rules import check_size
from warren.server.devices.service import removed_error
from warren.server.metrics import Metrics
from warren.server.networks.live import LiveNetwork
from warren.server.sessions.admission import Admission
from warren.server.sessions.hub import Hub
from warren.server.sessions.pacing import PacedMaps

log = Log("sessions")

_HEAD_START_TURNS = 3
"""Turns of the event loop in which the peers of a new member get their frame, before it gets its own map: the woken
writer, its deadline's end, the frame."""


@dataclass(frozen=True, slots=True)
class Line:
    """A WebSocket as a session needs it.

    `receive` returns the next binary message, None at its end. `ready` returns when the socket's buffer has room,
    `send` fills it. `close` says goodbye. `abort` drops the connection at once. `proven` tells those in front that
    this is no stranger.
    """

    receive: Callable[[], Awaitable[bytes | None]]
    ready: Callable[[], Awaitable[object]]
    send: Callable[[bytes], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    abort: Callable[[], None]
    proven: Callable[[], None]


class Connection:
    """One session from accept to close."""

    def __init__(self, line: Line, machine: ServerSession, admission: Admission, hub: Hub, metrics: Metrics) -> None:
        self._line = line
        self._machine = machine
        self._admission = admission
        self._hub = hub
        self._metrics = metrics
        self._clock = asyncio.get_running_loop().time
        self.began_at = self._clock()
        self._wake = asyncio.Event()
        self._maps: PacedMaps | None = None
        self._network: LiveNetwork | None = None
        self._identity: Identity | None = None
        self._signals_free_at = 0.0
        self._homes_free_at = 0.0
        self.relays_due_at = 0.0
        self._batch: list[bytes] = []
        self._batch_bytes = 0

    # --- what the hub calls ---

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def take_signal(self, sender: Identity, sealed: bytes) -> None:
        """Sealed bytes for this node; the machine bounds how many wait."""
        if self._machine.is_open:
            self._machine.signal(sender, sealed)
            self._wake.set()

    def end(self, code: Code, text: str, fix: str = "") -> None:
        """Refuse the session and close it."""
        self._machine.refuse(code, text, fix=fix)
        self._wake.set()

    def tell_relays(self) -> None:
        """Tell the node of relays and its grant, if its session is open."""
        if self._machine.is_open and self._network is not None and self._identity is not None:
            told = self._admission.relays.told(self._network, self._identity)
            self._machine.tell_relays(told.relays, told.grant)
            self.relays_due_at = told.renew_at_s
            self._wake.set()

    # --- the two tasks ---

    async def run(self) -> None:
        """Serve until either side ends it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write())
                await self._read()
                self._wake.set()
        finally:
            self._forget()

    async def _read(self) -> None:
        while (frame := await self._line.receive()) is not None:
            self._machine.handle_bytes(frame, self._clock())
            await self._act()
            self._wake.set()
        self._machine.handle_disconnect(self._clock())
        await self._act()

    async def _write(self) -> None:
        """Send what the machine has, keep its deadlines, and close the socket when it is done."""
        machine = self._machine
        try:
            while True:
                before = self._maps_sent()
                while (frame := await self._next_frame()) is not None:
                    await self._line.send(frame)
                self._metrics.maps.inc(self._maps_sent() - before)
                if machine.is_closed:
                    async with asyncio.timeout(SESSION_WRITE_MAX_S):
                        await self._line.close()
                    return
                await self._wait()
        except (TimeoutError, OSError):
            self._machine.handle_disconnect(self._clock())
            self._line.abort()

    async def _next_frame(self) -> bytes | None:
        """The next frame, made only when the reader took the last: a slow one then gets the newest map, once."""
        async with asyncio.timeout(SESSION_WRITE_MAX_S):
            await self._line.ready()
        return self._machine.poll_transmit()

    async def _wait(self) -> None:
        """Until there may be something to send, or a deadline of the machine or of a held map."""
        due = self._machine.poll_timeout()
        held = None if self._maps is None else self._maps.held_until()
        at = min(time for time in (due[0] if due else None, held) if time is not None)
        try:
            async with asyncio.timeout_at(at):
                await self._wake.wait()
        except TimeoutError:
            self._machine.handle_timeout(self._clock())
        self._wake.clear()

    # --- events of the machine ---

    async def _act(self) -> None:
        while (event := self._machine.poll_event()) is not None:
            try:
                await self._answer(event)
            except WarrenError as error:
                self._machine.refuse(error.code, error.text, fix=error.fix)
            except Exception as error:  # noqa: BLE001 - a bug ends this session, not the others
                log.bug("a session failed", error, state=self._machine.state.value)
                self._machine.refuse(Code.INTERNAL, "the server failed on this session")

    async def _answer(self, event: ServerEvent) -> None:
        match event:
            case Greeted():
                self._network, challenge = await self._admission.greet(event)
                if not self._machine.is_closed:
                    challenge(self._machine, self._clock())
            case ResumeWanted():
                membership = await self._admission.resume(self._known_network(), event)
                self._open(Identity(event.identity), membership)
            case JoinWanted():
                membership = await self._admission.join(self._known_network(), event)
                for _ in range(_HEAD_START_TURNS):
                    await asyncio.sleep(0)
                self._open(Identity(event.join.identity), membership)
            case RecordPublished():
                await self._request(
                    event.id, self._admission.publish(self._known_network(), self._me(), event.document)
                )
            case HomeStated():
                self._state_home(event.id, event.relay)
            case LeaveWanted():
                await self._leave(event.id, event.removal)
            case BatchSubmitted() | WaitingAsked() | DenyWanted() | FarewellLeft():
                await self._administer(event)
            case SignalWanted():
                self._forward(Identity(event.to), event.sealed)
            case DocumentsTold():
                network, told = self._known_network(), event.documents
                await self._admission.restored.take_told(network, self._me(), told, last=event.last)
            case Closed():
                self._forget()
                self._metrics.sessions_ended.labels(event.code.value).inc()
                log.debug("a session ended", code=event.code.value, by=event.by.value)

    def _open(self, identity: Identity, membership: bytes) -> None:
        if self._machine.is_closed:  # the node went, or took too long, while its admission was written
            return
        network = self._known_network()
        if not network.state.is_member(identity):  # removed since it was admitted, when nobody was attached yet to end
            raise removed_error()
        self._line.proven()  # of a member: a key that anybody can make proves nothing to those who count strangers
        self._identity = identity
        self._machine.admit(membership, self._clock())
        self._maps = PacedMaps(
            lambda since: self._difference(network, identity, since),
            lambda: self._hub.online(network.id),
            self._clock,
        )
        self._machine.stream(self._maps)
        self.tell_relays()  # before the map: the relay is where the first packet goes
        self._hub.attach(network.id, identity, self)
        if self._admission.restored.should_tell(network.id, identity):
            self._machine.ask_to_tell()
        self._metrics.sessions.set(self._hub.count)

    def _difference(self, network: LiveNetwork, identity: Identity, since: int) -> MapUpdate | None:
        if self._admission.restored.is_listening(network.id):
            return None
        return network.state.difference(since, network.sight_of(identity))

    async def _request(self, request: int, work: Awaitable[None]) -> None:
        """Carry out a request and answer it."""
        try:
            await work
        except WarrenError as error:
            self._metrics.records.labels(error.code.value).inc()
            if self._machine.is_open:
                self._machine.failed(request, error.code, error.text, error.fix)
        else:
            self._metrics.records.labels("ok").inc()
            if self._machine.is_open:
                self._machine.done(request)

    async def _administer(self, event: BatchSubmitted | WaitingAsked | DenyWanted | FarewellLeft) -> None:
        """What is signed or decided on nodes: by an admin's mostly."""
        match event:
            case BatchSubmitted():
                await self._take_batch(event)
            case WaitingAsked():
                await self._show_waiting(event.id)
            case DenyWanted():
                denied = self._admission.deny(self._known_network(), self._me(), event.identity)
                await self._request(event.id, denied)
            case FarewellLeft():
                kept = self._admission.approvals.keep_farewell(self._known_network(), self._me(), event.removal)
                await self._request(event.id, kept)

    async def _take_batch(self, part: BatchSubmitted) -> None:
        """Gather the parts of a batch; the last one is carried out and answered."""
        self._batch += part.documents
        self._batch_bytes += sum(map(len, part.documents))
        check_size(len(self._batch), self._batch_bytes, self._known_network().state.size)
        if part.more:
            return
        documents, self._batch, self._batch_bytes = tuple(self._batch), [], 0
        await self._request(
            part.id,
            self._admission.submit(
                self._known_network(), self._me(), documents, keep_keys=part.keep_keys, now=self._clock()
            ),
        )

    async def _show_waiting(self, request: int) -> None:
        try:
            joins = await self._admission.waiting(self._known_network(), self._me())
        except WarrenError as error:
            self._machine.failed(request, error.code, error.text, error.fix)
        else:
            if self._machine.is_open:
                self._machine.show_waiting(request, joins)

    async def _leave(self, request: int, removal: bytes) -> None:
        """End the membership; the node hears that it was done before its session ends."""
        network, identity = self._known_network(), self._me()
        self._hub.detach(network.id, identity, self)
        self._identity = None
        await self._admission.leave(network, identity, removal)
        if self._machine.is_open:
            self._machine.done(request)
            self._machine.refuse(Code.REMOVED, "this machine left the network")

    def _state_home(self, request: int, relay: int) -> None:
        """Take the node's home relay, within its budget: each change is told to all its peers."""
        now = self._clock()
        if self._homes_free_at - now > (HOME_CHANGES_BURST - 1) * HOME_CHANGE_EVERY_S:
            self._machine.failed(request, Code.BUSY, "the home relay changes too often")
            return
        self._homes_free_at = max(self._homes_free_at, now) + HOME_CHANGE_EVERY_S
        try:
            self._admission.relays.check(relay)
        except WarrenError as error:
            self._machine.failed(request, error.code, error.text, error.fix)
            return
        self._hub.state_home(self._known_network().id, self._me(), relay)
        self._machine.done(request)

    def _forward(self, receiver: Identity, sealed: bytes) -> None:
        """Hand a signal on within the sender's budget; who may not or cannot hear it costs the sender nothing else."""
        now = self._clock()
        network = self._known_network()
        if self._signals_free_at - now > 1.0:
            self._metrics.signals.labels("too many").inc()
            return
        self._signals_free_at = max(self._signals_free_at, now) + 1.0 / SIGNALS_PER_S
        if not network.may_signal(self._me(), receiver):
            self._metrics.signals.labels("not allowed").inc()
        elif self._hub.signal(network.id, self._me(), receiver, sealed):
            self._metrics.signals.labels("forwarded").inc()
        else:
            self._metrics.signals.labels("not here").inc()

    def _forget(self) -> None:
        if self._network is not None and self._identity is not None:
            self._hub.detach(self._network.id, self._identity, self)
            self._admission.restored.forget(self._network.id, self._identity)
            self._identity = None
            self._metrics.sessions.set(self._hub.count)

    def _maps_sent(self) -> int:
        return 0 if self._maps is None else self._maps.sent

    def _known_network(self) -> LiveNetwork:
        if self._network is None:
            raise WarrenError(Code.INTERNAL, "the session has no network")
        return self._network

    def _me(self) -> Identity:
        if self._identity is None:
            raise WarrenError(Code.NOT_A_MEMBER, "this session has ended")
        return self._identity
