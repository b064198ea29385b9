"""The public port's process: its settings, the parent's handle on it, and the main of the process itself.

The front is Rust (`engine/io/src/front`): it owns the port, TLS, the `Host` list, deadlines and caps, and hands
requests to the web part's unix socket. It has no database and no key but the certificate's, and its environment is an
allow-list. Decides how that process is started, fed, watched and replaced. Must not know what requests mean.

Conversation: one line of JSON (`FrontSettings`) to its stdin, then `proven N`, `revoke NETWORK IDENTITY SECOND` and
`stats`; the end of stdin stops it. It answers `relay ADDRESS` and `listening ADDRESS` once for each address,
`stats {...}`, or `failed {...}` and exit code 1. The numbers of connections grow over restarts, so that a late
`proven` never meets a stranger.
"""

import asyncio
import collections
import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from warren import limits
from warren.engine import _native
from warren.errors import Code, WarrenError
from warren.log import Log
from warren.model.ids import Identity, NetworkId
from warren.model.keys import Secret
from warren.relay import keys as relay_keys
from warren.relay.service import NO_RELAY, RelayArguments, RelayService, arguments
from warren.relay.sockets import bind_tcp_beside, bind_udp
from warren.relay.turn import TurnArguments, TurnSettings, parse_secret, turn_arguments
from warren.server import front_listen

log = Log("front")

ENVIRONMENT: Final = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})
STATS_WAITING_MAX: Final = 16  # questions for counters at a time; /metrics asks one
STDERR_KEPT_LINES: Final = 20  # of a front that dies before it listens
GENERATION_SHIFT: Final = 32  # connections of one front process: 2^32 before numbers meet


class FrontLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the front; units are in the names. Tests shorten them, a server takes them as they are."""

    head_max_bytes: int = limits.FRONT_HEAD_MAX_BYTES
    body_max_bytes: int = limits.REQUEST_BODY_MAX_BYTES
    open_body_max_bytes: int = limits.OPEN_BODY_MAX_BYTES
    buffered_max_bytes: int = limits.FRONT_BUFFERED_MAX_BYTES
    buffered_an_address_max_bytes: int = limits.FRONT_BUFFERED_AN_ADDRESS_MAX_BYTES
    connections_max: int = limits.FRONT_CONNECTIONS_MAX
    unproven_an_address_max: int = limits.FRONT_UNPROVEN_AN_ADDRESS_MAX
    head_s: float = limits.FRONT_HEAD_S
    body_s: float = limits.FRONT_BODY_S
    response_s: float = limits.FRONT_RESPONSE_S
    idle_s: float = limits.FRONT_IDLE_S
    unproven_s: float = limits.FRONT_UNPROVEN_S
    stall_s: float = limits.FRONT_STALL_S
    stop_s: float = limits.FRONT_STOP_S


class FrontSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one front is told.

    `listen` are `[ADDRESS]:PORT` texts. `hosts` are the literal `Host` values that are served: an entry with a port
    matches exactly, one without matches the name with any port or none. `certificate` and `private_key` are paths of
    PEM files; both empty means no TLS.
    """

    listen: tuple[str, ...]
    hosts: tuple[str, ...]
    web_socket: str
    certificate: str = ""
    private_key: str = ""
    relay: RelayService | None = None
    turn: TurnSettings = TurnSettings()
    limits: FrontLimits = FrontLimits()
    generation: int = 0


class FrontProcess:
    """The front as its server sees it: `start()`, then `run()` in a task group of the server, at the end `stop()`."""

    def __init__(self, settings: FrontSettings) -> None:
        self._settings = settings
        self._child: _Child | None = None
        self._stopping = asyncio.Event()
        self._revoked: dict[tuple[NetworkId, Identity], int] = {}
        self.restarts = 0

    async def start(self) -> tuple[str, ...]:
        """Start the process and return the addresses it listens on, real ports included.

        Raises WarrenError: LISTEN_FAILED, INVALID_CONFIG (certificate), TIMEOUT.
        """
        child = self._child = await _Child.start(self._settings)
        # A restart takes the same ports again, also those that the system chose.
        relay = self._settings.relay
        if relay is not None:
            relay = msgspec.structs.replace(relay, listen=child.relay_addresses, may_move=False)
        listen = tuple(map(front_listen.again, self._settings.listen, child.addresses))
        self._settings = msgspec.structs.replace(self._settings, listen=listen, relay=relay)
        self._tell_revoked(child)
        return child.addresses

    @property
    def relay_addresses(self) -> tuple[str, ...]:
        """The UDP addresses that the relay listens on, real ports included; empty before the start or without one."""
        return self._settings.relay.listen if self._settings.relay is not None and self._child is not None else ()

    async def run(self) -> None:
        """Serve the control channel and replace the process when it dies; ends after `stop()`."""
        deaths = 0
        while (child := self._child) is not None:
            code = await child.serve()
            if self._stopping.is_set():
                return
            deaths = 0 if time.monotonic() - child.started_at > limits.FRONT_STEADY_S else deaths + 1
            log.error("the front ended and is started again", exit_code=code, deaths=deaths)
            self._child = await self._replaced(deaths)

    async def _replaced(self, deaths: int) -> "_Child | None":
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limits.FRONT_BACKOFF_S[min(deaths, len(limits.FRONT_BACKOFF_S) - 1)]):
                    await self._stopping.wait()
                    break
            self.restarts += 1
            self._settings = msgspec.structs.replace(self._settings, generation=self._settings.generation + 1)
            try:
                child = await _Child.start(self._settings)
            except WarrenError as error:
                deaths += 1
                log.warning("the front does not start", code=error.code.value, reason=error.text)
                continue
            if not self._stopping.is_set():
                self._tell_revoked(child)
                return child
            await child.stop()
        return None

    def prove(self, connection: int) -> None:
        """Say that the connection has proved a key: it leaves the unproven count. Numbers of the past are ignored."""
        if self._child is not None:
            self._child.tell(f"proven {connection}\n")

    def revoke(self, network: NetworkId, identity: Identity, before_s: int) -> None:
        """Have the relay refuse this identity's grants of `before_s` (Unix s) and earlier, also after a restart."""
        self._revoked.pop((network, identity), None)
        while len(self._revoked) >= limits.RELAY_REVOKED_MAX:
            del self._revoked[next(iter(self._revoked))]
        self._revoked[network, identity] = before_s
        if self._child is not None:
            self._child.revoke(network, identity, before_s)

    def _tell_revoked(self, child: "_Child") -> None:
        for (network, identity), before_s in self._revoked.items():
            child.revoke(network, identity, before_s)

    async def stats(self) -> dict[str, int]:
        """Return the counters of the running front by name. Raises WarrenError UNAVAILABLE while there is none."""
        if self._child is None:
            raise WarrenError(Code.UNAVAILABLE, "the front is not running")
        return await self._child.stats()

    async def stop(self) -> None:
        """Close its stdin, give it FRONT_STOP_S to finish, then kill it. Idempotent."""
        self._stopping.set()
        if self._child is not None:
            await self._child.stop()


class _Child:
    """One process of the front, from exec to exit."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.addresses: tuple[str, ...] = ()
        self.relay_addresses: tuple[str, ...] = ()
        self.started_at = time.monotonic()
        self._process = process
        self._waiting: collections.deque[asyncio.Future[dict[str, int]]] = collections.deque()
        self._stderr: collections.deque[str] = collections.deque(maxlen=STDERR_KEPT_LINES)

    @classmethod
    async def start(cls, settings: FrontSettings) -> "_Child":
        """Start one and wait until it listens. Raises what it said, as WarrenError; UNAVAILABLE where this machine has
        no descriptor, process or memory for it."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "warren",
                "server-front",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=limits.FRONT_LINE_MAX_BYTES,
                env={name: value for name, value in os.environ.items() if name in ENVIRONMENT},
                start_new_session=True,  # Ctrl-C is for the server, which stops its front in order
            )
        except OSError as error:
            raise WarrenError(
                Code.UNAVAILABLE, f"the front cannot be started: {error.strerror or error}", "see this machine's limits"
            ) from error
        child = cls(process)
        try:
            async with asyncio.timeout(limits.FRONT_START_S):
                child.tell(msgspec.json.encode(settings).decode() + "\n")
                child.addresses = await child._listening(len(settings.listen))
        except TimeoutError as error:
            await child.kill()
            raise WarrenError(Code.TIMEOUT, f"the front said nothing within {limits.FRONT_START_S:.0f} s") from error
        except BaseException:
            await child.kill()
            raise
        return child

    async def _listening(self, count: int) -> tuple[str, ...]:
        addresses: list[str] = []
        while len(addresses) < count:
            word, _, rest = (await self._line(self._process.stdout)).partition(" ")
            if word == "listening":
                addresses.append(rest)
            elif word == "relay":
                self.relay_addresses += (rest,)
            elif word == "failed":
                reason = msgspec.json.decode(rest, type=dict[str, str])
                raise WarrenError(Code(reason["code"]), reason["text"], reason["fix"])
            elif not word:
                while line := await self._line(self._process.stderr):
                    self._stderr.append(line)
                raise WarrenError(Code.INTERNAL, f"the front ended at once: {' / '.join(self._stderr) or 'no reason'}")
        return tuple(addresses)

    async def serve(self) -> int:
        """Read what it says until it ends; return its exit code."""
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._watch())
                group.create_task(self._read_stderr())
                await self._read_answers()
                watch.cancel()
            return await self._process.wait()
        finally:
            while self._waiting:
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_exception(WarrenError(Code.UNAVAILABLE, "the front ended"))
            await self.kill()

    async def _watch(self) -> None:
        """Kill a front that hangs: one that gives no counters, or whose loop stands still, several looks in a row."""
        misses = 0
        while misses < limits.FRONT_MISSES_MAX:
            await asyncio.sleep(limits.FRONT_LOOK_S)
            try:
                silent_s = (await self.stats()).get("loop_silent_ms", 0) / 1000
            except WarrenError:
                silent_s = limits.FRONT_SILENT_S
            misses = misses + 1 if silent_s >= limits.FRONT_SILENT_S else 0
        log.error("the front hangs and is replaced", looks=misses)
        self._signal_kill()

    async def _read_answers(self) -> None:
        while line := await self._line(self._process.stdout):
            word, _, rest = line.partition(" ")
            if word == "stats" and self._waiting:
                try:
                    counters = msgspec.json.decode(rest, type=dict[str, int])
                except msgspec.MsgspecError:  # it meets strangers: one that speaks nonsense is replaced, not believed
                    log.warning("the front speaks nonsense")
                    await self.kill()
                    return
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_result(counters)

    async def _read_stderr(self) -> None:
        while line := await self._line(self._process.stderr):
            log.warning("the front said", line=line)

    @staticmethod
    async def _line(stream: asyncio.StreamReader | None) -> str:
        """Return the next line without its end, or "" at the end of the stream or after a line that is too long."""
        if stream is None:
            return ""
        with contextlib.suppress(ValueError):
            while raw := await stream.readline():
                if line := raw.decode("utf-8", "backslashreplace").strip():
                    return line
        return ""

    def revoke(self, network: NetworkId, identity: Identity, before_s: int) -> None:
        """See `FrontProcess.revoke`."""
        self.tell(f"revoke {network.hex()} {identity.hex()} {before_s}\n")

    def tell(self, line: str) -> None:
        """Queue one line to it; a front that reads nothing any more is killed, and so replaced."""
        pipe = self._process.stdin
        if pipe is None or pipe.is_closing():
            return
        if pipe.transport.get_write_buffer_size() > limits.FRONT_CONTROL_MAX_BYTES:
            log.error("the front does not read its control channel")
            self._signal_kill()
            return
        pipe.write(line.encode())

    async def stats(self) -> dict[str, int]:
        """Ask for the counters and wait. Raises WarrenError UNAVAILABLE, BUSY or TIMEOUT."""
        if len(self._waiting) >= STATS_WAITING_MAX:
            raise WarrenError(Code.BUSY, "too many questions for the front's counters at once")
        answer: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self.tell("stats\n")
        try:
            async with asyncio.timeout(limits.FRONT_STATS_S):
                return await answer
        except TimeoutError as error:
            raise WarrenError(Code.TIMEOUT, "the front did not give its counters") from error

    async def stop(self) -> None:
        """End its stdin and wait for its exit; kill it when it takes longer than it may."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(limits.FRONT_STOP_S + 1.0):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Kill and reap it. Idempotent."""
        self._signal_kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    def _signal_kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


def main(argv: Sequence[str] = ()) -> int:  # noqa: ARG001 - every program of the dispatcher takes its arguments
    """Be the front process: settings from stdin, then serve until stdin ends or SIGTERM. Returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _serve(_read_settings())
    except WarrenError as error:
        failed = msgspec.json.encode({"code": error.code.value, "text": error.text, "fix": error.fix})
        sys.stdout.write(f"failed {failed.decode()}\n")
        sys.stdout.flush()
        sys.stderr.write(f"warren: {error}\n")
        return 1
    return 0


def _read_settings() -> FrontSettings:
    """Read the first line of stdin byte by byte: what follows is the engine's to read."""
    line = bytearray()
    while (byte := os.read(0, 1)) not in {b"", b"\n"}:
        line += byte
        if len(line) > limits.FRONT_LINE_MAX_BYTES:
            raise WarrenError(Code.INVALID_CONFIG, "the settings of the front are too long")
    try:
        return msgspec.json.decode(line, type=FrontSettings)
    except msgspec.MsgspecError as error:
        raise WarrenError(Code.INVALID_CONFIG, f"the settings of the front are wrong: {error}") from error


def _serve(settings: FrontSettings) -> None:
    certificate = _read_pem(settings.certificate)
    private_key = _read_pem(settings.private_key)
    bounds = settings.limits
    connections_max = min(bounds.connections_max, _connections_that_fit())
    relay, turn = _relay(settings.relay, settings.turn)
    listeners = [listener.detach() for listener in front_listen.bind_all(settings.listen)]
    try:
        _native.front_run(
            listeners=listeners,
            control_in=os.dup(0),
            control_out=os.dup(1),
            web_socket=os.fsencode(settings.web_socket),
            hosts=[host.encode() for host in settings.hosts],
            certificate_chain=certificate,
            private_key=private_key,
            head_max_bytes=bounds.head_max_bytes,
            body_max_bytes=bounds.body_max_bytes,
            open_body_max_bytes=bounds.open_body_max_bytes,
            buffered_max_bytes=bounds.buffered_max_bytes,
            buffered_an_address_max_bytes=bounds.buffered_an_address_max_bytes,
            connections_max=connections_max,
            unproven_an_address_max=bounds.unproven_an_address_max,
            head_ms=_ms(bounds.head_s),
            body_ms=_ms(bounds.body_s),
            response_ms=_ms(bounds.response_s),
            idle_ms=_ms(bounds.idle_s),
            unproven_ms=_ms(bounds.unproven_s),
            stall_ms=_ms(bounds.stall_s),
            stop_ms=_ms(bounds.stop_s),
            first_connection=(settings.generation << GENERATION_SHIFT) + 1,
            **relay,
            **turn,
        )
    except ValueError as error:
        raise WarrenError(Code.INVALID_CONFIG, f"the front cannot start: {error}", "check --tls and --url") from error
    except OSError as error:
        raise WarrenError(Code.INTERNAL, f"the front failed: {error}") from error


def _relay(service: RelayService | None, turn: TurnSettings) -> tuple[RelayArguments, TurnArguments]:
    """What the engine is told of the relay's port and who is served there."""
    if service is None:
        return NO_RELAY, turn_arguments(turn)
    secret = _read_secret(turn.secret_file)
    key = relay_keys.load_or_make(Path(service.key))
    sockets = bind_udp(service.listen, may_move=service.may_move)
    streams = bind_tcp_beside(sockets) if secret is not None else []
    relay = arguments(
        service,
        private=key.private_bytes().reveal(),
        public=key.public,
        sockets=[one.detach() for one in sockets],
    )
    return relay, turn_arguments(turn, secret=secret, listeners=[one.detach() for one in streams])


def _read_secret(path: str) -> Secret[bytes] | None:
    if not path:
        return None
    try:
        return parse_secret(Path(path).read_bytes())
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise WarrenError(Code.INVALID_CONFIG, f"{path} cannot be read: {reason}", "check --turn-secret") from error
    except ValueError as error:
        raise WarrenError(
            Code.INVALID_CONFIG, f"{path}: {error}", f"make one: openssl rand -hex 32 > {path}"
        ) from error


def _read_pem(path: str) -> bytes:
    if not path:
        return b""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise WarrenError(
            Code.INVALID_CONFIG, f"{path} cannot be read: {os.strerror(error.errno or 0)}", "check the files of --tls"
        ) from error


def _connections_that_fit() -> int:
    """Raise the descriptor limit as far as the system lets us; a connection takes two (client and web part)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * limits.FRONT_CONNECTIONS_MAX + limits.FRONT_RESERVED_DESCRIPTORS
    reach = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < reach:
        with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it; then fewer connections fit
            resource.setrlimit(resource.RLIMIT_NOFILE, (reach, hard))
            soft = reach
    if soft == resource.RLIM_INFINITY:
        return limits.FRONT_CONNECTIONS_MAX
    return max(1, (soft - limits.FRONT_RESERVED_DESCRIPTORS) // 2)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
