"""A relay client written from docs/internals/relay.md alone, over UDP or a WebSocket: what the engine's is held to.

Slow, synchronous, and without retries: a lost datagram fails the test that sent it, which on loopback means a bug.
"""

import base64
import contextlib
import hashlib
import hmac
import os
import socket
import ssl
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from warren.model.ids import NetworkId
from warren.model.keys import ExchangeKeyPair, SigningKeyPair
from warren.protocol.relay.certificates import sign_certificate

PATIENCE_S = 60.0
SO_RCVBUFFORCE, BUFFER_BYTES = 33, 8 << 20
NONE = bytes(12)
REFUSALS = {1: "malformed", 2: "signer", 3: "signature", 4: "expired", 5: "other relay", 6: "revoked", 7: "full"}
PING, PONG, OPEN, CLOSE, OPENED, ABSENT, CLOSED, DENIED, CHALLENGE, RESPONSE, FRESH, BYE = range(1, 13)


class Refused(Exception):  # noqa: N818 - the relay's own word
    """The relay refuses the credentials; the text says why."""


def kdf(chain: bytes, data: bytes, count: int) -> list[bytes]:
    """HKDF (RFC 5869, empty info) over HMAC-BLAKE2s."""

    def mac(key: bytes, text: bytes) -> bytes:
        return hmac.new(key, text, hashlib.blake2s).digest()

    root, out = mac(chain, data), [b""]
    for number in range(1, count + 1):
        out.append(mac(root, out[-1] + bytes([number])))
    return out[1:]


def siphash(key: bytes, data: bytes) -> bytes:
    """SipHash-2-4, 64 bits."""
    mask = 2**64 - 1
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turn(word: int, by: int) -> int:
        return ((word << by) | (word >> (64 - by))) & mask

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0] = (v[0] + v[1]) & mask
            v[2] = (v[2] + v[3]) & mask
            v[1], v[3] = turn(v[1], 13) ^ v[0], turn(v[3], 16) ^ v[2]
            v[0] = turn(v[0], 32)
            v[2] = (v[2] + v[1]) & mask
            v[0] = (v[0] + v[3]) & mask
            v[1], v[3] = turn(v[1], 17) ^ v[2], turn(v[3], 21) ^ v[0]
            v[2] = turn(v[2], 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 255
    rounds(4)
    return struct.pack("<Q", v[0] ^ v[1] ^ v[2] ^ v[3])


def data_tag(key: bytes, session: int, channel: int, counter: int, payload: bytes) -> bytes:
    """What the tag of a data frame covers: both edges of the payload, and all around it."""
    tail = payload[-16:] if len(payload) >= 16 else bytes(16)
    covered = struct.pack(">IIQQ", session, channel, counter, len(payload)) + payload[:16].ljust(16, b"\0") + tail
    return siphash(key, covered)


class Udp:
    """Datagrams to one address."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.suppress(PermissionError):  # what comes while a test says something else is kept for it
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        self.socket.connect(address)
        self.socket.settimeout(PATIENCE_S)

    def send(self, frame: bytes) -> None:
        self.socket.send(frame)

    def receive(self) -> bytes:
        return self.socket.recv(65_536)

    def close(self) -> None:
        self.socket.close()


class WebSocket:
    """The client's half of RFC 6455, with `length | frame` inside binary messages."""

    def __init__(self, address: tuple[str, int], host: str, tls: ssl.SSLContext | None = None, extra: str = "") -> None:
        plain = socket.create_connection(address, PATIENCE_S)
        self.socket = tls.wrap_socket(plain, server_hostname=host) if tls else plain
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET /relay/v1 HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{extra}"
        self.socket.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        self._unread = b""
        while b"\r\n\r\n" not in self._unread:
            self._unread += self._more()
        answer, _, self._unread = self._unread.partition(b"\r\n\r\n")
        self.status = int(answer.split(b" ")[1])
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())  # noqa: S324
        assert self.status != 101 or accept in answer
        self._stream = b""

    def send(self, *frames: bytes) -> None:
        """All in one message."""
        payload = b"".join(struct.pack(">H", len(frame)) + frame for frame in frames)
        mask = os.urandom(4)
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else struct.pack(">BH", 0xFE, size)
        pad = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload) ^ int.from_bytes(pad)).to_bytes(size)
        self.socket.sendall(b"\x82" + length + mask + masked)

    def receive(self) -> bytes:
        while True:
            if len(self._stream) >= 2 and len(self._stream) - 2 >= (size := struct.unpack(">H", self._stream[:2])[0]):
                frame, self._stream = self._stream[2 : 2 + size], self._stream[2 + size :]
                return frame
            self._stream += self._message()

    def _message(self) -> bytes:
        first, second = self._exactly(2)
        wide = {126: 2, 127: 8}.get(second, 0)
        size = int.from_bytes(self._exactly(wide)) if wide else second
        payload = self._exactly(size)
        if first == 0x88:
            raise ConnectionResetError(f"closed with {payload.hex()}")
        assert first == 0x82, first
        return payload

    def _exactly(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._unread += self._more()
        out, self._unread = self._unread[:count], self._unread[count:]
        return out

    def _more(self) -> bytes:
        got = self.socket.recv(65_536)
        if not got:
            raise ConnectionResetError("the relay ended the stream")
        return got

    def close(self) -> None:
        self.socket.close()


@dataclass
class Credentials:
    """One member's papers."""

    identity: SigningKeyPair
    network: NetworkId
    grant: bytes


class Client:
    """One session. Whatever is said arrives in `said`, payloads in `payloads`."""

    def __init__(self, line: Udp | WebSocket, relay_key: bytes, papers: Credentials, now_s: int) -> None:
        self.line = line
        self.session_key = ExchangeKeyPair(os.urandom(32))
        certificate = sign_certificate(
            papers.identity,
            network=papers.network,
            relay_key=relay_key,
            session_key=self.session_key.public,
            not_after_s=now_s + 3_600,
        )
        self.said: list[tuple[int, bytes]] = []
        self.payloads: list[tuple[int, bytes]] = []
        self.counter = self.letter = self.received = 0
        self._prove(relay_key, papers.grant, certificate)
        self.note(PING, bytes(8))

    def _prove(self, relay_key: bytes, grant: bytes, certificate: bytes) -> None:
        random = os.urandom(16)
        self.line.send(b"\xda\1\1\0" + random + bytes(44))
        answer = self.line.receive()
        assert (answer[:4], answer[4:20], len(answer)) == (b"\xda\2\1\0", random, 44)
        cookie = answer[20:]
        public = self.session_key.public
        chain = hashlib.blake2s(b"warren/relay/v1" + relay_key + public + random + cookie).digest()
        proof, root = kdf(chain, self.session_key.exchange(relay_key), 2)
        header = b"\xda\3\1\0" + random + cookie + public
        papers = struct.pack(">H", len(grant)) + grant + certificate
        self.proof = header + ChaCha20Poly1305(proof).encrypt(NONE, papers, header)
        self.line.send(self.proof)
        answer = self.line.receive()
        answer_key, up, down = kdf(root, answer[20:36], 3)
        if answer[1] == 5:
            raise Refused(REFUSALS[ChaCha20Poly1305(answer_key).decrypt(NONE, answer[36:], answer[:36])[0]])
        assert answer[:4] == b"\xda\4\1\0"
        self.rate_kbit_s = struct.unpack(
            ">I", ChaCha20Poly1305(answer_key).decrypt(NONE, answer[40:], answer[:40])[:4]
        )[0]
        self.session = struct.unpack(">I", answer[36:40])[0]
        (self.up_control, self.up_tag), (self.down_control, self.down_tag) = kdf(up, b"", 2), kdf(down, b"", 2)

    def note(self, kind: int, body: bytes) -> None:
        """Say something once."""
        self._control(0, bytes([kind, len(body)]) + body)

    def say(self, kind: int, body: bytes) -> None:
        """Say something in a letter."""
        self.letter += 1
        self._control(self.letter, bytes([kind, len(body)]) + body)

    def seal(self, channel: int, payload: bytes) -> bytes:
        """A data frame."""
        counter = self._count()
        tag = data_tag(self.up_tag[:16], self.session, channel, counter, payload)
        return struct.pack(">BBHII", 0xD8, counter >> 16 & 255, counter & 65535, self.session, channel) + tag + payload

    def open(self, peer: bytes) -> int:
        """Ask for a channel and wait for it."""
        self.say(OPEN, peer)
        return self.wait_opened(peer)

    def wait_opened(self, peer: bytes) -> int:
        while True:
            for kind, body in self.said:
                if kind == OPENED and body[:32] == peer:
                    return int(struct.unpack(">I", body[32:])[0])
            self.turn()

    def wait_said(self, kind: int) -> bytes:
        """Until the relay said something of this kind."""
        while not (bodies := [body for said, body in self.said if said == kind]):
            self.turn()
        return bodies[-1]

    def wait_payload(self) -> tuple[int, bytes]:
        while not self.payloads:
            self.turn()
        return self.payloads.pop(0)

    def turn(self) -> None:
        """Take one frame."""
        frame = self.line.receive()
        if frame[:2] == b"\xda\6":  # nothing proves it: no session of that number
            assert len(frame) == 8
            return
        counter = int.from_bytes(frame[1:4])
        assert struct.unpack(">I", frame[4:8])[0] == self.session
        if frame[0] == 0xD8:
            channel = struct.unpack(">I", frame[8:12])[0]
            assert frame[12:20] == data_tag(self.down_tag[:16], self.session, channel, counter, frame[20:])
            self.payloads.append((channel, frame[20:]))
            return
        assert frame[0] == 0xD9
        nonce = bytes(4) + struct.pack("<Q", counter)
        plain = ChaCha20Poly1305(self.down_control).decrypt(nonce, frame[8:], frame[:8])
        number, rest = struct.unpack(">I", plain[:4])[0], plain[8:]
        if number not in {0, self.received + 1}:
            return
        while rest:
            kind, size = rest[:2]
            self.said.append((kind, rest[2 : 2 + size]))
            rest = rest[2 + size :]
        if number:
            self.received = number
            self._control(0, b"")

    def _control(self, number: int, items: bytes) -> None:
        counter = self._count()
        header = struct.pack(">BBHI", 0xD9, counter >> 16, counter & 65535, self.session)
        nonce = bytes(4) + struct.pack("<Q", counter)
        plain = struct.pack(">II", number, self.received) + items
        self.line.send(header + ChaCha20Poly1305(self.up_control).encrypt(nonce, plain, header))

    def _count(self) -> int:
        self.counter += 1
        return self.counter - 1
