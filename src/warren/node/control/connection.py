"""One WebSocket to a server and the state machine of `protocol.control` on it: bytes in, events out.

Decides transport only: TLS first by the system's trust; where the certificate is none that the system knows, it is
taken as it is, and the session demands that the server signed that very certificate (`Carrier`). Compression is off
(SECURITY 38), frames are bounded, opening has a deadline. Must not know documents or what a message means.

`event()` is the one loop: it sends what waits, takes what came, and returns the next event; exactly one task calls it
at a time. Whoever else wants to send calls a method, which wakes that loop.
"""

import asyncio
import contextlib
import hashlib
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, ProxyError

from warren import __version__
from warren.errors import Code, WarrenError
from warren.limits import (
    SERVER_CLOSE_MAX_S,
    SERVER_CONNECT_MAX_S,
    SERVER_SEND_MAX_S,
    SESSION_FROM_SERVER_MAX_BYTES,
)
from warren.model.addresses import Endpoint
from warren.model.keys import SigningKeyPair
from warren.node.control.place import ServerPlace
from warren.node.control.server_time import ServerTime
from warren.protocol.control.events import Challenged, Closed, NodeEvent, Side
from warren.protocol.control.node_role import Carrier, NodeSession
from warren.trust.ed25519 import is_signed

PROGRAM = f"warren/{__version__}"
_FIX = "is the server on, and is this its URL? then try again"


class UnreachableError(WarrenError):
    """No session came about. `retry_after_s`: the server's wish, 0 if it had none."""

    def __init__(self, text: str, fix: str = _FIX, retry_after_s: float = 0.0) -> None:
        super().__init__(Code.SERVER_UNREACHABLE, text, fix)
        self.retry_after_s = retry_after_s


class Connection:
    """A session with a server. Made by `open_connection`; `close` ends it."""

    def __init__(self, socket: ClientConnection, session: NodeSession, place: ServerPlace) -> None:
        self.place = place
        self.session = session
        self.server_time: ServerTime | None = None
        """What the server told of its clock, once it did."""
        self._socket = socket
        self._wake = asyncio.Event()
        self._incoming: asyncio.Task[str | bytes] | None = None

    @property
    def local_address(self) -> IPv4Address | IPv6Address | None:
        """This machine's end of the connection; None once it is closed."""
        name = self._socket.transport.get_extra_info("sockname")
        return ip_address(name[0].partition("%")[0]) if name else None

    @property
    def remote(self) -> Endpoint | None:
        """The server's end; None once it is closed."""
        name = self._socket.transport.get_extra_info("peername")
        return Endpoint(ip_address(name[0].partition("%")[0]), name[1]) if name else None

    async def event(self) -> NodeEvent:
        """The next event; `Closed` is the last, and comes again if asked for again."""
        while True:
            await self._flush()
            event = self.session.poll_event()
            if isinstance(event, Challenged) and event.time:
                self.server_time = ServerTime(event.time, time.clock_gettime(time.CLOCK_BOOTTIME))
            if event is not None:
                return event
            if self.session.is_closed:
                return Closed(Code.SERVER_UNREACHABLE, "the connection ended", by=Side.REMOTE)
            await self._wait()

    def join(self, identity: SigningKeyPair, **proof: object) -> None:
        """Answer `Challenged` with a key; the arguments are those of `NodeSession.join`."""
        self.session.join(identity, now=time.monotonic(), **proof)  # type: ignore[arg-type] # passed on as they are

    def resume(self, identity: SigningKeyPair, membership: bytes, heads: Sequence[bytes]) -> None:
        """Answer `Challenged` as a member that holds these documents."""
        self.session.resume(identity, time.monotonic(), membership=membership, heads=heads)

    def tell(self, documents: Sequence[bytes]) -> None:
        """Answer `TellWanted`, if the session is still open."""
        if self.session.is_open:
            self.session.tell(documents)
            self._wake.set()

    def publish(self, record: bytes) -> int:
        """Send a node record; returns the request's number, which `Answered` names. UnreachableError once closed."""
        self._check_open()
        number = self.session.publish(record)
        self._wake.set()
        return number

    def state_home(self, relay: int) -> int:
        """Say at which relay this node can be reached (0: none); returns the request's number. UnreachableError once
        closed."""
        self._check_open()
        number = self.session.state_home(relay)
        self._wake.set()
        return number

    def leave(self, removal: bytes = b"") -> int:
        """Ask to end the membership; returns the request's number. UnreachableError once closed."""
        return self.ask(lambda session: session.leave(removal))

    def ask(self, request: Callable[[NodeSession], int]) -> int:
        """Make any request of the session's; returns its number. UnreachableError once closed."""
        self._check_open()
        number = request(self.session)
        self._wake.set()
        return number

    def signal(self, to: bytes, sealed: bytes) -> None:
        """Send sealed bytes to a peer, if the session is open."""
        if self.session.is_open:
            self.session.signal(to, sealed)
            self._wake.set()

    async def close(self, code: Code = Code.NOT_UP, text: str = "this node goes down") -> None:
        """Say goodbye and end the connection, within SERVER_CLOSE_MAX_S."""
        self.session.refuse(code, text)
        with contextlib.suppress(OSError, TimeoutError, ConnectionClosed):
            async with asyncio.timeout(SERVER_CLOSE_MAX_S):
                await self._flush()
                await self._socket.close()
        self.abort()

    def abort(self) -> None:
        """End the connection now."""
        if self._incoming is not None:
            self._incoming.cancel()
        self._socket.transport.abort()

    def _check_open(self) -> None:
        if not self.session.is_open:
            raise UnreachableError("there is no session with the server")

    async def _flush(self) -> None:
        self._wake.clear()
        try:
            while (frame := self.session.poll_transmit()) is not None:
                async with asyncio.timeout(SERVER_SEND_MAX_S):
                    await self._socket.send(frame)
        except (ConnectionClosed, OSError, TimeoutError):
            self.session.handle_disconnect(time.monotonic())

    async def _wait(self) -> None:
        """Until a frame came, something is to be sent, or a deadline of the session passed."""
        if self._incoming is None:
            self._incoming = asyncio.create_task(_receive(self._socket))
        incoming = self._incoming  # another task may end the connection while we wait
        wake = asyncio.create_task(self._wake.wait())
        due = self.session.poll_timeout()
        within_s = max(due[0] - time.monotonic(), 0.0) if due is not None else SERVER_CONNECT_MAX_S
        try:
            await asyncio.wait((incoming, wake), timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wake.cancel()
        now = time.monotonic()
        if incoming.done():
            self._take(incoming, now)
            self._incoming = None
        self.session.handle_timeout(now)

    def _take(self, incoming: "asyncio.Task[str | bytes]", now: float) -> None:
        try:
            frame = incoming.result()
        except (ConnectionClosed, OSError, asyncio.CancelledError):
            self.session.handle_disconnect(now)
            return
        # a text frame has no place here; as bytes it is refused like any other malformed one
        self.session.handle_bytes(frame.encode() if isinstance(frame, str) else frame, now)


async def open_connection(place: ServerPlace, *, network: bytes | None = None, key_id: str | None = None) -> Connection:
    """Connect and say hello; UnreachableError says what stood in the way."""
    socket, carrier = await _open_socket(place)
    session = NodeSession(
        nonce=os.urandom(32),
        verify=is_signed,
        carrier=carrier,
        now=time.monotonic(),
        network=network,
        key_id=key_id,
        program=PROGRAM,
    )
    return Connection(socket, session, place)


async def _open_socket(place: ServerPlace) -> tuple[ClientConnection, Carrier]:
    if not place.secure:
        return await _reaching(place, lambda: _connect(place, None)), Carrier(None)
    try:
        socket = await _reaching(place, lambda: _connect(place, ssl.create_default_context()))
        return socket, Carrier(_certificate_digest(socket), is_trusted=True)
    except ssl.SSLCertVerificationError:
        unverified = ssl.create_default_context()
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE  # the session checks the server's signature over this certificate
    socket = await _reaching(place, lambda: _connect(place, unverified))
    return socket, Carrier(_certificate_digest(socket), is_trusted=False)


class _Direct(connect):
    """Goes where it was told and nowhere else: a server must not send root's daemon to loopback or metadata."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _connect(place: ServerPlace, context: ssl.SSLContext | None) -> ClientConnection:
    return await _Direct(
        place.websocket_url,
        ssl=context,
        compression=None,
        proxy=place.proxy or None,
        max_size=SESSION_FROM_SERVER_MAX_BYTES,
        max_queue=4,
        open_timeout=SERVER_CONNECT_MAX_S,
        close_timeout=SERVER_CLOSE_MAX_S,
        ping_interval=None,  # the session has pings of its own
        user_agent_header=PROGRAM,
        happy_eyeballs_delay=0.25,  # RFC 8305, 8
    )


async def _reaching(place: ServerPlace, attempt: Callable[[], Awaitable[ClientConnection]]) -> ClientConnection:
    """Every way to fail becomes one error with the reason, and the proxy on the way; but for the certificate's, which
    has a second try."""
    way = f" through the proxy {place.shown_proxy}" if place.proxy else ""
    try:
        return await attempt()
    except ssl.SSLCertVerificationError:
        raise
    except InvalidStatus as error:
        status, headers = error.response.status_code, error.response.headers
        asked = next(iter(headers.get_all("Retry-After")), "")
        retry_after_s = min(float(asked), 3600.0) if asked.isascii() and asked.isdigit() else 0.0
        text = f"{place.url} answered with HTTP status {status}{way}"
        raise UnreachableError(text, "is it the URL of a Warren server?", retry_after_s) from error
    except ssl.SSLError as error:
        raise UnreachableError(f"{place.url} does not speak TLS as it should{way}: {error.reason}") from error
    except ProxyError as error:
        raise UnreachableError(f"{place.url} cannot be reached{way}: {error}") from error
    except (InvalidHandshake, InvalidURI, EOFError) as error:
        raise UnreachableError(f"{place.url} does not answer like a Warren server{way}") from error
    except TimeoutError as error:
        raise UnreachableError(f"{place.url} did not answer in time{way}") from error
    except OSError as error:
        raise UnreachableError(f"{place.url} cannot be reached{way}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    """What the system says, without the addresses that asyncio adds."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else (error.strerror or str(error))


def _certificate_digest(socket: ClientConnection) -> bytes:
    encryption = socket.transport.get_extra_info("ssl_object")
    certificate = encryption.getpeercert(binary_form=True) if encryption is not None else None
    if not certificate:
        raise UnreachableError("the server showed no certificate")
    return hashlib.sha256(certificate).digest()


async def _receive(socket: ClientConnection) -> str | bytes:
    return await socket.recv()
