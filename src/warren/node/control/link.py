"""The session of a member with its network's server, kept alive: connect, resume, listen, and again.

Decides when to try again, and whether the server that answers is the right one: it has to prove a key that the
network's verified settings name (or, before there are any, the key that was pinned when the node joined). Must not know
what documents mean or where candidates lead: the owner gets both. The link never gives up, but a server that says this
node is no member is asked rarely.

Invariants: one session at a time; what the owner does with an event is awaited before the next is taken, so a slow
disk slows the server's map and nothing piles up here.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, Protocol

from warren.errors import Code, WarrenError
from warren.limits import (
    DUPLICATE_FORGET_S,
    DUPLICATE_WAIT_MAX_S,
    DUPLICATE_WAIT_MIN_S,
    SERVER_NO_MEMBER_WAIT_S,
    WAITING_ASK_S,
)
from warren.log import Log
from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair
from warren.node.control.backoff import Backoff
from warren.node.control.connection import Connection, UnreachableError, open_connection
from warren.node.control.joining import closed_error
from warren.node.control.place import ServerPlace
from warren.node.control.server_time import ServerTime
from warren.node.host.linux.source import source_toward
from warren.protocol.control.events import (
    AdmittedAs,
    Answered,
    Challenged,
    Closed,
    MapChanged,
    RelaysTold,
    SignalArrived,
    TellWanted,
    WaitingShown,
)
from warren.protocol.control.messages import MapUpdate, WaitingJoin
from warren.protocol.control.messages import Relays as ToldRelays

log = Log("link")

_TRY_AGAIN = "try again in a few seconds; `warren status` says whether the server is reached"
_NO_MEMBER = frozenset({Code.NOT_A_MEMBER, Code.REMOVED, Code.NETWORK_UNKNOWN})


@dataclass(frozen=True, slots=True)
class LinkState:
    """`since` in Unix seconds. `reason`: why it is away, with the stable code in `code`."""

    state: Literal["connected", "connecting", "away"]
    since: float
    reason: str = ""
    code: Code | None = None


class Owner(Protocol):
    """What the link tells: the network it serves."""

    def server_keys(self) -> Sequence[bytes]:
        """The keys that the right server may prove."""

    def own_membership(self) -> bytes:
        """The document by which this node is a member; empty where there is none."""

    def own_heads(self) -> tuple[bytes, ...]:
        """The authorities' heads that this node holds."""

    def documents(self) -> Sequence[bytes]:
        """Everything in force that this node holds, for a server that was brought back from a copy."""

    async def handle_admitted(self, membership: bytes) -> None:
        """The session is open."""

    async def handle_map(self, update: MapUpdate) -> None:
        """What this node may see has changed."""

    async def handle_relays(self, told: ToldRelays) -> None:
        """The relays of the network and our grant."""

    async def handle_signal(self, sender: Identity, sealed: bytes) -> None:
        """Sealed bytes of a peer (so the server says)."""

    def handle_link(self, state: LinkState) -> None:
        """The session came or went."""


class Link:
    """One network's session. `run` is its task; `connection` is set while a session is open."""

    def __init__(
        self,
        place: ServerPlace,
        network: NetworkId,
        identity: SigningKeyPair,
        owner: Owner,
        rng: Callable[[], float],
    ) -> None:
        """`rng` gives numbers within 0..1, for the jitter between attempts."""
        self.place = place
        self._network = network
        self._identity = identity
        self._owner = owner
        self._backoff = Backoff(rng)
        self._duplicates = Backoff(rng, first_s=DUPLICATE_WAIT_MIN_S, longest_s=DUPLICATE_WAIT_MAX_S)
        self._hurry = asyncio.Event()
        self._told = asyncio.Event()
        self._answers: dict[int, asyncio.Future[Answered | WaitingShown]] = {}
        self._connection: Connection | None = None
        self.state = LinkState("connecting", time.time())
        self._server_time: ServerTime | None = None

    async def run(self, first: Connection | None = None) -> None:
        """Serve sessions until cancelled; `first` is one that is open already (of a join)."""
        while True:
            began_at = time.monotonic()
            self._hurry.clear()
            retry_after_s = await self._attempt(first)
            first = None
            lasted_s = time.monotonic() - began_at
            self._backoff.note_session(lasted_s)
            if lasted_s > DUPLICATE_FORGET_S:
                self._duplicates.reset()
            wait_s = self._backoff.next_wait_s(retry_after_s)
            try:
                async with asyncio.timeout(wait_s):
                    await self._hurry.wait()
            except TimeoutError:
                continue

    @property
    def ahead_s(self) -> float:
        """By how much this machine's clock is ahead of what the server last told of its own; negative: behind."""
        if self._server_time is None:
            return 0.0
        return self._server_time.ahead_s(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))

    def hurry(self) -> None:
        """Something changed (a network came, the user waits): try now, if no session is open.

        Not where another node with our identity took over: each return costs everybody a map.
        """
        if self.state.code is Code.CONFLICT:
            return
        self._backoff.reset()
        self._hurry.set()

    async def open_within(self, within_s: float) -> None:
        """Somebody waits for a session: where none is open try now, and again; returns once it is, or time is up."""
        if self._connection is not None:
            return
        self.hurry()
        try:
            async with asyncio.timeout(within_s):
                while self._connection is None and self.state.code is not Code.CONFLICT:
                    self._told.clear()
                    await self._told.wait()
        except TimeoutError:
            log.info("no session came in time for whoever waits", reason=self.state.reason)

    def handle_addresses(self, addresses: Sequence[IPv4Address | IPv6Address]) -> None:
        """This machine's addresses are these: a session from one that is gone is dead, whatever TCP still hopes."""
        if self._connection is None:
            return
        local = self._connection.local_address
        if local is not None and not local.is_loopback and local not in addresses:
            self.renew()

    def handle_way_out(self) -> None:
        """Packets leave another way: a session is dead if a new one would come from another address of ours."""
        if self._connection is None:
            return
        local, remote = self._connection.local_address, self._connection.remote
        if remote is not None and local is not None and not local.is_loopback and source_toward(remote) != local:
            self.renew()

    def renew(self) -> None:
        """Begin the session anew, at once."""
        if self._connection is not None:
            self.hurry()
            self._connection.abort()

    def signal(self, to: Identity, sealed: bytes) -> bool:
        """Send sealed bytes to a peer; False where there is no session to carry them."""
        if self._connection is None:
            return False
        self._connection.signal(to, sealed)
        return True

    async def publish(self, record: bytes, within_s: float) -> None:
        """Give the server our newest record; WarrenError where it refuses, or there is no session."""
        await self._request(lambda connection: connection.publish(record), within_s)

    async def state_home(self, relay: int, within_s: float) -> None:
        """Say at which relay this node can be reached (0: none); WarrenError where the server refuses, does not know
        relays (UNSUPPORTED), or there is no session."""
        await self._request(lambda connection: connection.state_home(relay), within_s)

    async def leave(self, within_s: float, removal: bytes = b"") -> None:
        """End the membership; WarrenError where the server refuses, or cannot be told."""
        await self._request(lambda connection: connection.leave(removal), within_s)

    async def submit(self, documents: Sequence[bytes], within_s: float, *, keep_keys: bool = False) -> None:
        """Bring a batch of signed documents; WarrenError where the server refuses, or cannot be told."""
        await self._request(
            lambda connection: connection.ask(lambda session: session.submit(documents, keep_keys=keep_keys)), within_s
        )

    async def deny(self, identity: Identity, within_s: float) -> None:
        """Refuse a machine that waits; WarrenError where the server refuses, or cannot be told."""
        await self._request(lambda connection: connection.ask(lambda session: session.deny(identity)), within_s)

    async def farewell(self, removal: bytes, within_s: float) -> None:
        """Leave our own word that we left with the server; WarrenError where it refuses, does not know that
        (UNSUPPORTED), or cannot be told."""
        await self._request(lambda connection: connection.ask(lambda session: session.farewell(removal)), within_s)

    async def waiting(self, within_s: float) -> tuple[WaitingJoin, ...]:
        """The machines that wait, as the server says; WarrenError where it does not say."""
        shown = await self._request(lambda connection: connection.ask(lambda session: session.ask_waiting()), within_s)
        return shown.joins if isinstance(shown, WaitingShown) else ()

    async def close(self) -> None:
        """Say goodbye, if there is anybody to say it to."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def _request(self, send: Callable[[Connection], int], within_s: float) -> Answered | WaitingShown:
        if self._connection is None:
            because = f": {self.state.reason}" if self.state.reason else ""
            raise WarrenError(Code.SERVER_UNREACHABLE, f"there is no session with the server{because}", _TRY_AGAIN)
        number = send(self._connection)
        answer: asyncio.Future[Answered | WaitingShown] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            async with asyncio.timeout(within_s):
                answered = await answer
        except TimeoutError as error:
            raise WarrenError(Code.TIMEOUT, "the server did not answer in time", _TRY_AGAIN) from error
        finally:
            self._answers.pop(number, None)
        if isinstance(answered, Answered) and answered.code:
            raise WarrenError(_code(answered.code), answered.text, answered.fix)
        return answered

    async def _attempt(self, first: Connection | None) -> float:
        """One session from end to end; returns how long the server wants us to stay away, in seconds."""
        connection = first
        try:
            if connection is None:
                connection = await self._resume()
            self._connection = connection
            self._server_time = connection.server_time or self._server_time
            self._tell(LinkState("connected", time.time()))
            closed = await self._listen(connection)
        except UnreachableError as error:
            self._tell(LinkState("away", time.time(), error.text, error.code))
            return error.retry_after_s
        except WarrenError as error:
            log.warning("the session was refused", code=error.code.value, reason=error.text)
            self._tell(LinkState("away", time.time(), error.text, error.code))
            if error.code is Code.WAITING:  # the server holds each question for a while: an approval comes at once
                self._backoff.reset()
                return WAITING_ASK_S
            return SERVER_NO_MEMBER_WAIT_S if error.code in _NO_MEMBER else 0.0
        finally:
            self._end(connection)
        self._tell(LinkState("away", time.time(), closed.text, closed.code))
        return self._wait_after(closed)

    def _wait_after(self, closed: Closed) -> float:
        """How long a server that had admitted us wants us to stay away, or has given us reason to, in seconds."""
        if closed.fault is None:
            self._backoff.reset()  # who breaks the protocol after every admission is asked ever more rarely
        if closed.code is Code.CONFLICT:
            self._hurry.clear()  # what changed while the session stood is no reason to take it back
            return self._duplicates.next_wait_s(max(DUPLICATE_WAIT_MIN_S, float(closed.retry_after_s)))
        wait_s = SERVER_NO_MEMBER_WAIT_S if closed.code in _NO_MEMBER else 0.0
        return max(float(closed.retry_after_s), wait_s)

    async def _resume(self) -> Connection:
        connection = await open_connection(self.place, network=self._network)
        try:
            await self._prove(connection)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _prove(self, connection: Connection) -> None:
        event = await connection.event()
        if not isinstance(event, Challenged):
            raise closed_error(event, self.place)
        if event.server_key not in self._owner.server_keys():
            await connection.close(Code.SERVER_IDENTITY, "another server's key")
            raise WarrenError(
                Code.SERVER_IDENTITY,
                f"the server at {self.place.url} is not the one that this network names",
                "somebody may stand between you and it, or the server lost its keys",
            )
        connection.resume(self._identity, self._owner.own_membership(), self._owner.own_heads())
        event = await connection.event()
        if not isinstance(event, AdmittedAs):
            raise closed_error(event, self.place)
        await self._owner.handle_admitted(event.membership)

    async def _listen(self, connection: Connection) -> Closed:
        while True:
            event = await connection.event()
            match event:
                case MapChanged():
                    await self._owner.handle_map(event.update)
                case RelaysTold():
                    await self._owner.handle_relays(event.told)
                case SignalArrived():
                    await self._owner.handle_signal(Identity(event.sender), event.sealed)
                case Answered() | WaitingShown():
                    waiting = self._answers.get(event.id)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(event)
                case Closed():
                    return event
                case TellWanted():
                    log.info("the server was brought back from a copy: it is told what this node holds")
                    connection.tell(self._owner.documents())
                case Challenged() | AdmittedAs():
                    log.warning("the server repeated what is said once")

    def _end(self, connection: Connection | None) -> None:
        self._connection = None
        for number, answer in self._answers.items():
            if not answer.done():
                answer.set_result(Answered(number, Code.SERVER_UNREACHABLE.value, "the session ended", _TRY_AGAIN))
        if connection is not None:
            connection.abort()

    def _tell(self, state: LinkState) -> None:
        if self.state.state == state.state and self.state.code == state.code:
            state = LinkState(state.state, self.state.since, state.reason, state.code)  # since it began
        self.state = state
        self._told.set()
        self._owner.handle_link(state)


def _code(text: str) -> Code:
    try:
        return Code(text)
    except ValueError:
        return Code.INTERNAL
