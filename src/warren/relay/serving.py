"""One relay in this process: the engine serves on a thread, this side hands it its sockets and asks for its counters.

Decides nothing about clients. The engine's call blocks without Python's lock until its control channel ends; that end
is how it is stopped.
"""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from warren import limits
from warren.engine import _native
from warren.errors import Code, WarrenError
from warren.relay.service import RelayArguments
from warren.relay.turn import TurnSettings, turn_arguments

STATS_S = 2.0  # for the engine's answer; a turn takes a millisecond
METRICS_REQUEST_S = 5.0  # for a scraper's request line and headers
METRICS_REQUEST_BYTES = 8 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What the engine serves on: bound sockets, the literal hosts, PEM of certificate and key (empty: plain)."""

    listeners: Sequence[socket.socket]
    hosts: Sequence[str]
    certificate: bytes
    private_key: bytes


class Serving:
    """The engine's call and its control channel: `start()`, then `stats()`, at the end `stop()`."""

    def __init__(self, places: Places, relay: RelayArguments) -> None:
        self._places = places
        self._relay = relay
        self._failure: BaseException | None = None
        self._ended = asyncio.Event()
        self._asking = asyncio.Lock()

    async def start(self) -> tuple[str, ...]:
        """Begin to serve; the UDP addresses, real ports included. Raises what the engine refuses, as WarrenError."""
        loop = asyncio.get_running_loop()
        from_us, to_engine = os.pipe()
        from_engine, to_us = os.pipe()
        self._to_engine = to_engine
        self._lines = asyncio.StreamReader(limit=limits.FRONT_LINE_MAX_BYTES)
        reading = os.fdopen(from_engine, "rb", buffering=0)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(self._lines), reading)
        self._thread = threading.Thread(target=self._run, args=(from_us, to_us, loop), name="relay", daemon=True)
        self._thread.start()
        addresses: list[str] = []
        waited_for = len(self._relay["relay_sockets"]) + len(self._places.listeners)
        for _ in range(waited_for):
            async with asyncio.timeout(limits.FRONT_START_S):
                word, _, rest = (await self._lines.readline()).decode().strip().partition(" ")
            if word == "relay":
                addresses.append(rest)
            elif not word:
                await self._ended.wait()
                raise WarrenError(Code.INVALID_CONFIG, f"the relay does not start: {self._failure}", "check --tls")
        return tuple(addresses)

    async def stats(self) -> dict[str, int]:
        """Every counter by name. Raises WarrenError UNAVAILABLE."""
        async with self._asking:
            try:
                os.write(self._to_engine, b"stats\n")
                async with asyncio.timeout(STATS_S):
                    line = await self._lines.readline()
                return msgspec.json.decode(line.partition(b" ")[2], type=dict[str, int])
            except (OSError, TimeoutError, msgspec.MsgspecError) as error:
                raise WarrenError(Code.UNAVAILABLE, "the relay gives no counters") from error

    async def wait(self) -> None:
        """Until the engine has ended by itself; raises WarrenError INTERNAL where it failed."""
        await self._ended.wait()
        if self._failure is not None:
            raise WarrenError(Code.INTERNAL, f"the relay failed: {self._failure}")

    async def stop(self) -> None:
        """End it, and wait."""
        with contextlib.suppress(OSError):
            os.close(self._to_engine)
        async with asyncio.timeout(limits.FRONT_STOP_S + 1.0):
            await self._ended.wait()

    def _run(self, control_in: int, control_out: int, loop: asyncio.AbstractEventLoop) -> None:
        try:
            _native.front_run(
                listeners=[listener.detach() for listener in self._places.listeners],
                control_in=control_in,
                control_out=control_out,
                web_socket=b"",
                hosts=[host.encode() for host in self._places.hosts],
                certificate_chain=self._places.certificate,
                private_key=self._places.private_key,
                head_max_bytes=limits.FRONT_HEAD_MAX_BYTES,
                body_max_bytes=limits.REQUEST_BODY_MAX_BYTES,
                open_body_max_bytes=limits.OPEN_BODY_MAX_BYTES,
                buffered_max_bytes=limits.FRONT_BUFFERED_MAX_BYTES,
                buffered_an_address_max_bytes=limits.FRONT_BUFFERED_AN_ADDRESS_MAX_BYTES,
                connections_max=limits.FRONT_CONNECTIONS_MAX,
                unproven_an_address_max=limits.FRONT_UNPROVEN_AN_ADDRESS_MAX,
                head_ms=round(limits.FRONT_HEAD_S * 1000),
                body_ms=round(limits.FRONT_BODY_S * 1000),
                response_ms=round(limits.FRONT_RESPONSE_S * 1000),
                idle_ms=round(limits.FRONT_IDLE_S * 1000),
                unproven_ms=round(limits.FRONT_UNPROVEN_S * 1000),
                stall_ms=round(limits.FRONT_STALL_S * 1000),
                stop_ms=round(limits.FRONT_STOP_S * 1000),
                first_connection=1,
                **self._relay,
                **turn_arguments(TurnSettings()),
            )
        except (ValueError, OSError) as error:
            self._failure = error
        finally:
            with contextlib.suppress(RuntimeError):  # the loop may be gone already
                loop.call_soon_threadsafe(self._ended.set)


async def serve_metrics(listener: socket.socket, read: Callable[[], "asyncio.Future[bytes]"]) -> asyncio.Server:
    """Answer every request on this socket with what `read` gives: the text format of Prometheus."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, WarrenError):
            async with asyncio.timeout(METRICS_REQUEST_S):
                await reader.readuntil(b"\r\n\r\n")
                text = await read()
                head = f"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {len(text)}"
                writer.write(head.encode() + b"\r\nconnection: close\r\n\r\n" + text)
                await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, sock=listener, limit=METRICS_REQUEST_BYTES)


def metrics_text(counters: dict[str, int]) -> bytes:
    """The counters as Prometheus reads them."""
    lines = [f"# TYPE warren_relay_{name} gauge\nwarren_relay_{name} {value}\n" for name, value in counters.items()]
    return "".join(lines).encode()
