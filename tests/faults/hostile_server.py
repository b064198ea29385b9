"""A server that lies: it speaks the real protocol with the keys and documents it is given, and says what a test wants.

    python -m tests.faults.hostile_server PORT CONTROL SERVER_KEY_HEX NETWORK_HEX GENESIS_HEX

It carries signals, or alters them on the way (`do_signals`).

It proves SERVER_KEY, lets everybody resume whose membership it was told of, and greets with the documents it was told
of. CONTROL is a unix socket: one line of JSON in (`lying.py` writes them), one line out. It is a program of its own
because it has to live in a host of the lab.
"""

# ruff: noqa: T201 - it tells by printing that it listens

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from warren.model.keys import SigningKeyPair
from warren.protocol.control.events import Greeted, RecordPublished, ResumeWanted, ServerEvent, SignalWanted
from warren.protocol.control.frames import encode
from warren.protocol.control.messages import MapUpdate, Presence, Signalled
from warren.protocol.control.server_role import ServerSession
from warren.trust.ed25519 import is_signed

LINE_MAX_BYTES = 64 * 1024 * 1024
SIGNALS_KEPT_MAX = 10_000
Words = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Carried:
    """A signal as this server saw it."""

    sender: bytes
    to: bytes
    sealed: bytes


class HostileServer:
    """All sessions, and what they are told."""

    def __init__(self, key: SigningKeyPair, network: bytes, genesis: bytes) -> None:
        self.key = key
        self.network = network
        self.genesis = genesis
        self.memberships: dict[bytes, bytes] = {}
        self.greeting: tuple[bytes, ...] = ()
        self.sockets: dict[bytes, ServerConnection] = {}
        self.published: dict[bytes, list[bytes]] = {}
        self.resumes: list[bytes] = []
        self.forwards = True
        self.does = "carry"
        self.carried: list[Carried] = []
        self.version = 1
        self.unix_s = 0
        self.stranger = b""
        self.greeted = 0

    # --- nodes ---

    async def handle(self, socket: ServerConnection) -> None:
        """One node's session, to its end."""
        session = ServerSession(server_key=self.key.public, sign=self.key.sign, verify=is_signed, now=time.monotonic())
        identity = b""
        try:
            async for frame in socket:
                session.handle_bytes(frame if isinstance(frame, bytes) else b"", time.monotonic())
                while (event := session.poll_event()) is not None:
                    identity = await self._answer(session, event, identity)
                while (out := session.poll_transmit()) is not None:
                    await socket.send(out)
                if session.is_open and identity and self.sockets.get(identity) is not socket:
                    self.sockets[identity] = socket
                    await self._map(socket, self.greeting, full=True)
                if session.is_closed:
                    break
        except ConnectionClosed:
            pass
        finally:
            if self.sockets.get(identity) is socket:
                del self.sockets[identity]

    async def _answer(self, session: ServerSession, event: ServerEvent, identity: bytes) -> bytes:
        now = time.monotonic()
        match event:
            case Greeted():
                self.greeted += 1
                session.challenge(
                    network=self.network, genesis=self.genesis, nonce=os.urandom(32), now=now, unix_s=self.unix_s
                )
            case ResumeWanted():
                self.resumes.append(event.identity)
                session.admit(self.memberships.get(event.identity, b"nothing"), now)
                return event.identity
            case RecordPublished():
                self.published.setdefault(identity, []).append(event.document)
                session.done(event.id)
            case SignalWanted() if self.forwards and event.to in self.sockets:
                await self._carry(Carried(identity, event.to, event.sealed))
            case _:
                pass
        return identity

    async def _carry(self, signal: "Carried") -> None:
        """Keep a copy; then hand it on, or one of the lies about it."""
        if len(self.carried) < SIGNALS_KEPT_MAX:
            self.carried.append(signal)
        match self.does:
            case "flip":
                at = len(self.carried) % len(signal.sealed)
                altered = bytearray(signal.sealed)
                altered[at] ^= 1 << (len(self.carried) % 8)
                await self._hand(signal.to, signal.sender, bytes(altered))
            case "swap":
                await self._hand(signal.to, self.stranger, signal.sealed)
                await self._hand(signal.sender, signal.to, signal.sealed)
            case "replay":
                for old in [one for one in self.carried if one.to == signal.to and one.sender == signal.sender][:1]:
                    await self._hand(old.to, old.sender, old.sealed)
            case _:
                await self._hand(signal.to, signal.sender, signal.sealed)

    async def _hand(self, to: bytes, sender: bytes, sealed: bytes) -> None:
        if to in self.sockets:
            await self.sockets[to].send(encode(Signalled(sender=sender, sealed=sealed)))

    async def _map(self, socket: ServerConnection, documents: tuple[bytes, ...], *, full: bool) -> None:
        self.version += 1
        presence = tuple(Presence(identity=one, online=True) for one in self.memberships if one in self.sockets)
        await socket.send(encode(MapUpdate(version=self.version, full=full, documents=documents, presence=presence)))

    # --- the test ---

    async def obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Do what the lines of one control connection say."""
        while line := await reader.readline():
            words = json.loads(line)
            do: Callable[[Words], Awaitable[object]] = getattr(self, f"do_{words['do']}")
            answer = await do(words)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def do_know(self, words: Words) -> None:
        """Who may resume with which membership, and what every session is told first."""
        self.memberships = {bytes.fromhex(one): bytes.fromhex(raw) for one, raw in words["memberships"].items()}
        self.greeting = tuple(map(bytes.fromhex, words["greeting"]))

    async def do_time(self, words: Words) -> None:
        """Say that it is this time, Unix seconds, to whom comes from now on."""
        self.unix_s = int(words["unix_s"])

    async def do_map(self, words: Words) -> int:
        """Tell documents; returns to how many sessions."""
        sockets = self._to(words)
        for socket in sockets:
            await self._map(socket, tuple(map(bytes.fromhex, words["documents"])), full=words["full"])
        return len(sockets)

    async def do_frames(self, words: Words) -> int:
        """Send frames as they are, `times` over; a node that hangs up meanwhile ends it. Returns how many went out."""
        frames = [bytes.fromhex(one) for one in words["frames"]]
        sent = 0
        for socket in self._to(words):
            try:
                for _ in range(words["times"]):
                    for frame in frames:
                        await socket.send(frame.decode("latin-1") if words["text"] else frame)
                        sent += 1
            except ConnectionClosed:
                pass
        return sent

    async def do_bytes(self, words: Words) -> None:
        """Write below WebSocket, `times` over; past a reader that does not read nothing piles up here."""
        for socket in self._to(words):
            for _ in range(words["times"]):
                if socket.transport.is_closing() or socket.transport.get_write_buffer_size() > 4 * 1024 * 1024:
                    break
                socket.transport.write(bytes.fromhex(words["data"]))
                await asyncio.sleep(words["gap_s"])

    async def do_signal(self, words: Words) -> int:
        """Say that `sender` sent these sealed bytes, `times` over."""
        frame = encode(Signalled(sender=bytes.fromhex(words["sender"]), sealed=bytes.fromhex(words["sealed"])))
        return await self.do_frames(words | {"frames": [frame.hex()], "text": False})

    async def do_signals(self, words: Words) -> list[list[str]]:
        """What to do with signals from here on: carry, flip, swap (`stranger`: in whose name), replay.

        Returns those so far (sender, to, sealed), and forgets them unless they are to be replayed.
        """
        told = [[one.sender.hex(), one.to.hex(), one.sealed.hex()] for one in self.carried]
        self.does, self.stranger = words["how"], bytes.fromhex(words.get("stranger", ""))
        if self.does != "replay":
            self.carried.clear()
        return told

    async def do_drop(self, words: Words) -> None:
        """Cut connections without a word."""
        for socket in self._to(words):
            socket.transport.abort()

    async def do_seen(self, words: Words) -> Words:  # noqa: ARG002 - one shape for all
        """What nodes did."""
        return {
            "greeted": self.greeted,
            "sessions": [one.hex() for one in self.sockets],
            "resumes": [one.hex() for one in self.resumes],
            "published": {one.hex(): [raw.hex() for raw in many] for one, many in self.published.items()},
        }

    def _to(self, words: Words) -> list[ServerConnection]:
        to = words.get("to")
        return [socket for one, socket in list(self.sockets.items()) if to is None or one.hex() == to]


async def main(port: int, control: str, key: bytes, network: bytes, genesis: bytes) -> None:
    """Serve until killed."""
    server = HostileServer(SigningKeyPair(key), network, genesis)
    await asyncio.start_unix_server(server.obey, control, limit=LINE_MAX_BYTES)
    async with serve(server.handle, None, port, compression=None, ping_interval=None, max_size=2**20):
        print("listening", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], *map(bytes.fromhex, sys.argv[3:6])))
