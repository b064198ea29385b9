"""Thousands of clients with a session at a relay that do nothing, from one process.

    python -m benchmarks.idle_clients RELAY_ADDRESS RELAY_PORT RELAY_KEY_HEX SIGNER_SEED_FILE COUNT SOURCE...

Each has an identity, a session key, a certificate and a grant of its own, as nodes have; the signer is that of the
relay's own server. Sources share the clients, because a relay lets one address prove only so many keys a second.
Prints `connected COUNT` and keeps the sessions until SIGTERM.
"""

import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from tests.netlab import relay_wire as wire
from tests.netlab.relay_wire import End, Handshake

from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair
from warren.protocol.relay.certificates import sign_certificate
from warren.protocol.relay.grants import Grant, sign_grant

AT_ONCE = 40  # handshakes under way: below a relay's burst for one source
AGAIN_S = 0.5
ALIVE_S = 15.0  # below the 65 s after which a relay forgets
LIFE_S = 3600
GIVE_UP_S = 120.0


@dataclass(slots=True)
class Client:
    """One idle member."""

    port: socket.socket
    relay: tuple[str, int]
    relay_key: bytes
    grant: bytes
    certificate: bytes
    session_key: X25519PrivateKey
    random: bytes = field(default_factory=lambda: os.urandom(wire.RANDOM_BYTES))
    handshake: Handshake | None = None
    end: End | None = None
    is_connected: bool = False
    sent: bytes = b""
    sent_at: float = 0.0

    @classmethod
    def new(cls, relay: tuple[str, int], relay_key: bytes, signer: SigningKeyPair, source: str) -> "Client":
        """A new member of some network."""
        identity, network = SigningKeyPair(os.urandom(32)), NetworkId(bytes(32))
        session_key, now = X25519PrivateKey.from_private_bytes(os.urandom(32)), int(time.time())
        public = session_key.public_key().public_bytes_raw()
        grant = Grant(
            network=network, identity=Identity(identity.public), relays=None, issued_s=now, not_after_s=now + LIFE_S
        )
        certificate = sign_certificate(
            identity, network=network, relay_key=relay_key, session_key=public, not_after_s=now + LIFE_S
        )
        port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        port.bind((source, 0))
        port.settimeout(0)
        return cls(port, relay, relay_key, sign_grant(grant, signer), certificate, session_key)

    def send(self, frame: bytes, now: float) -> None:
        """Send, and remember it to be sent again."""
        self.sent, self.sent_at = frame, now
        self.port.sendto(frame, self.relay)

    def handle(self, frame: bytes, now: float) -> None:
        """What the relay says; InvalidTag where it is not genuine."""
        if frame[0] == wire.HANDSHAKE and frame[1] == wire.COOKIE and self.handshake is None:
            value, public = frame[20:44], self.session_key.public_key().public_bytes_raw()
            shared = self.session_key.exchange(X25519PublicKey.from_public_bytes(self.relay_key))
            self.handshake = Handshake.of(shared, self.relay_key, public, self.random, value)
            header = wire.proof_header(self.random, value, public)
            self.send(self.handshake.prove(header, self.grant, self.certificate), now)
        elif frame[0] == wire.HANDSHAKE and frame[1] == wire.WELCOME and self.handshake is not None:
            if self.end is None:
                answer, up, down = self.handshake.keys(frame[20:36])
                answer.decrypt(bytes(12), frame[wire.WELCOME_HEADER_BYTES :], frame[: wire.WELCOME_HEADER_BYTES])
                self.end = End(int.from_bytes(frame[36:40], "big"), up, down)
            self.ping(now)
        elif frame[0] == wire.CONTROL and self.end is not None:
            number, _, said = wire.items(self.end.open_control(frame))
            if number:
                self.port.sendto(self.end.control(wire.letter(0, number)), self.relay)
            self.is_connected |= any(kind == wire.PONG for kind, _ in said)
        elif frame[0] == wire.HANDSHAKE and frame[1] in {wire.REFUSAL, wire.UNKNOWN}:
            raise RuntimeError(f"the relay does not take an idle client: {frame[1]}")

    def ping(self, now: float) -> None:
        """A sign of life, by which the session also begins."""
        assert self.end is not None
        self.send(self.end.control(wire.letter(0, 0, wire.item(wire.PING, bytes(8)))), now)


def connect(clients: list[Client]) -> None:
    """Bring all of them into a session; TimeoutError where that takes too long."""
    waiting, poller = list(reversed(clients)), select.epoll()
    under_way: dict[int, Client] = {}
    give_up_at = time.monotonic() + GIVE_UP_S
    while waiting or under_way:
        now = time.monotonic()
        if now > give_up_at:
            raise TimeoutError(f"{len(waiting) + len(under_way)} of {len(clients)} clients have no session")
        while waiting and len(under_way) < AT_ONCE:
            client = waiting.pop()
            under_way[client.port.fileno()] = client
            poller.register(client.port, select.EPOLLIN)
            client.send(wire.hello(client.random), now)
        for descriptor, _ in poller.poll(AGAIN_S):
            client = under_way[descriptor]
            client.handle(client.port.recv(2048), time.monotonic())
            if client.is_connected:
                del under_way[descriptor]
                poller.unregister(descriptor)
        for client in under_way.values():
            if now - client.sent_at > AGAIN_S:
                client.send(client.sent, now)


def main(address: str, port: str, key: str, seed_file: str, count: str, *sources: str) -> None:
    """Connect, say so, stay."""
    ended: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    with open(seed_file, "rb") as file:  # noqa: PTH123 - a program's own argument
        signer = SigningKeyPair(file.read())
    relay, relay_key = (address, int(port)), bytes.fromhex(key)
    clients = [Client.new(relay, relay_key, signer, sources[number % len(sources)]) for number in range(int(count))]
    connect(clients)
    print(f"connected {len(clients)}", flush=True)
    alive_at = time.monotonic() + ALIVE_S
    while not ended:
        select.select([], [], [], 0.2)
        if time.monotonic() > alive_at:
            alive_at = time.monotonic() + ALIVE_S
            for client in clients:
                client.ping(time.monotonic())


if __name__ == "__main__":
    main(*sys.argv[1:])
