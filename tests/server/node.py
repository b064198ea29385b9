"""A node as the server meets it: the protocol's own machine over a real WebSocket, and what it verified of its map."""

import asyncio
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from warren.limits import SESSION_FROM_SERVER_MAX_BYTES
from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair
from warren.protocol.control.events import (
    AdmittedAs,
    Answered,
    Challenged,
    Closed,
    MapChanged,
    NodeEvent,
    SignalArrived,
    WaitingShown,
)
from warren.protocol.control.messages import MapUpdate, Presence, WaitingJoin
from warren.protocol.control.node_role import PLAIN, Carrier, NodeSession
from warren.trust import admission_key
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import NodeRecord
from warren.trust.ed25519 import is_signed
from warren.trust.floors import Floors
from warren.trust.signing import sign
from warren.trust.verify import verify
from warren.trust.view import View

PATIENCE_S = 60.0  # the end of a wait, not a bound of anything
EventT = TypeVar("EventT")


class TestNode:
    """One node with keys of its own. Use it as a context manager around `join` or `resume`."""

    __test__ = False

    def __init__(self, url: str, carrier: Carrier = PLAIN) -> None:
        self.url = url
        self.keys = SigningKeyPair(os.urandom(32))
        self.wireguard = os.urandom(32)
        self.path = os.urandom(32)
        self.network: NetworkId | None = None
        self.genesis = b""
        self.membership = b""
        self.documents: dict[tuple[str, bytes], bytes] = {}
        self.presence: dict[bytes, Presence] = {}
        self.updates: list[MapUpdate] = []
        self.updated_at: list[float] = []
        self.signals: list[SignalArrived] = []
        self.answers: dict[int, Answered] = {}
        self.waiting: dict[int, tuple[WaitingJoin, ...]] = {}
        self.closed: Closed | None = None
        self.record_counter = 0
        self._carrier = carrier
        self._socket: ClientConnection | None = None
        self._session: NodeSession | None = None
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def identity(self) -> Identity:
        """The node's name for life."""
        return self.keys.public

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def join(
        self,
        key: str,
        hostname: str = "",
        *,
        wait: bool = True,
        tags: tuple[str, ...] = (),
        membership: Callable[[Challenged], bytes] = lambda _: b"",
    ) -> Closed | None:
        """Join with a key's line; returns how it was refused, None where it was not."""
        parsed = admission_key.parse(key)
        challenged = await self._greet(key_id=parsed.id)
        if not isinstance(challenged, Challenged):
            return challenged
        self.network, self.genesis = NetworkId(challenged.network), challenged.genesis
        self._machine.join(
            self.keys,
            key_id=parsed.id,
            key_signature=admission_key.sign_join(parsed.seed, self.identity, self.network, challenged.key_challenge),
            hostname=hostname,
            record=self.record(),
            now=time.monotonic(),
            tags=tags,
            os="linux",
            membership=membership(challenged),
        )
        return await self._settle() if wait else None

    async def resume(self) -> Closed | None:
        """Come back as the member that it is; returns how it was refused, None where it was not."""
        challenged = await self._greet(network=self.network)
        if not isinstance(challenged, Challenged):
            return challenged
        self._machine.resume(self.keys, time.monotonic())
        return await self._settle()

    async def disconnect(self) -> None:
        """Drop the line."""
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader
        self._socket, self._reader = None, None

    def record(self) -> bytes:
        """A newer record of this node."""
        assert self.network is not None
        self.record_counter += 1
        body = NodeRecord(
            counter=self.record_counter,
            date=int(time.time()),
            identity=self.identity,
            wireguard=self.wireguard,
            path=self.path,
        )
        return sign("record", self.network, body, self.keys)

    async def publish(self, record: bytes) -> Answered:
        """Send a record and wait for the answer."""
        return await self._answer(self._machine.publish(record))

    async def leave(self) -> Answered:
        """End the membership."""
        return await self._answer(self._machine.leave())

    async def request(self, ask: Callable[[NodeSession], int]) -> Answered:
        """Make a request of the machine and wait for its answer."""
        return await self._answer(ask(self._machine))

    async def who_waits(self) -> tuple[WaitingJoin, ...]:
        """The machines that wait, as an admin's node is told."""
        request = self._machine.ask_waiting()
        await self._flush()
        await self.until(lambda: request in self.answers or request in self.waiting, "who waits")
        return self.waiting.get(request, ())

    async def signal(self, to: bytes, sealed: bytes) -> None:
        """Send sealed bytes to a peer."""
        self._machine.signal(to, sealed)
        await self._flush()

    def view(self) -> View:
        """What this node believes, by the same function as the daemon."""
        assert self.network is not None
        documents = []
        for raw in (self.genesis, *self.documents.values()):
            answer = authenticate(self.network, raw)
            assert isinstance(answer, Authentic), answer
            documents.append(answer)
        return verify(self.network, documents, floors=Floors(), now=int(time.time()))

    def peers(self) -> dict[str, Identity]:
        """Verified members other than this one, by hostname."""
        members = self.view().members
        return {member.hostname: identity for identity, member in members.items() if identity != self.identity}

    def online(self) -> set[bytes]:
        """Who is online, as this node was told."""
        return {identity for identity, presence in self.presence.items() if presence.online}

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until it holds, looking after each thing that arrives."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                assert self.closed is None or condition(), f"closed ({self.closed}) while waiting: {what}"
                self._changed.clear()
                await self._changed.wait()

    @property
    def _machine(self) -> NodeSession:
        assert self._session is not None
        return self._session

    async def _greet(self, *, network: bytes | None = None, key_id: str | None = None) -> Challenged | Closed | None:
        await self.disconnect()  # the end of an earlier line must not be taken for one of this
        self.documents, self.presence, self.updates, self.closed = {}, {}, [], None
        self.updated_at = []
        self._challenged: Challenged | None = None
        self._socket = await self._connect()
        self._session = NodeSession(
            nonce=os.urandom(32),
            verify=is_signed,
            carrier=self._carrier,
            now=time.monotonic(),
            network=network,
            key_id=key_id,
            program="test",
        )
        self._reader = asyncio.create_task(self._read(self._socket))
        await self._flush()
        await self.until(lambda: self._challenged or self.closed, "a challenge")
        return self._challenged or self.closed

    async def _connect(self) -> ClientConnection:
        return await connect(self.url, compression=None, max_size=SESSION_FROM_SERVER_MAX_BYTES, proxy=None)

    async def _settle(self) -> Closed | None:
        await self._flush()
        await self.until(lambda: self.updates or self.closed, "admission and the first map")
        return self.closed

    async def _answer(self, request: int) -> Answered:
        await self._flush()
        await self.until(lambda: request in self.answers, "an answer")
        return self.answers[request]

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for frame in socket:
                assert isinstance(frame, bytes)
                self._machine.handle_bytes(frame, time.monotonic())
                while (event := self._machine.poll_event()) is not None:
                    self._take(event)
                await self._flush()
        except ConnectionClosed:
            pass
        finally:
            self._machine.handle_disconnect(time.monotonic())
            while (event := self._machine.poll_event()) is not None:
                self._take(event)
            self._changed.set()

    def _take(self, event: NodeEvent) -> None:
        match event:
            case Challenged():
                self._challenged = event
            case AdmittedAs():
                self.membership = event.membership
            case MapChanged():
                self._apply(event.update)
            case SignalArrived():
                self.signals.append(event)
            case Answered():
                self.answers[event.id] = event
            case WaitingShown():
                self.waiting[event.id] = event.joins
            case Closed():
                self.closed = event
        self._changed.set()

    def _apply(self, update: MapUpdate) -> None:
        assert self.network is not None
        if update.full:
            self.documents, self.presence = {}, {}
        for raw in update.documents:
            answer = authenticate(self.network, raw)
            assert isinstance(answer, Authentic), answer
            self.documents[answer.kind, answer.subject] = raw
        for key in update.gone:
            self.documents.pop((key[0], key[1]), None)
        self.presence.update({presence.identity: presence for presence in update.presence})
        self.updates.append(update)
        self.updated_at.append(time.monotonic())

    async def _flush(self) -> None:
        while (frame := self._machine.poll_transmit()) is not None:
            assert self._socket is not None
            try:
                await self._socket.send(frame)
            except ConnectionClosed:
                return
