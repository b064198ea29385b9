"""The relay's frames once more, in Python: what tests speak to a real relay, and a lying relay to nodes.

Written from `engine/proto/src/relay/frame.rs`, `schedule.rs`, `seal.rs`, `letters.rs` and `item.rs`, whose words these
are; a mistake on either side shows as a session that does not come about. Pure.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

DATA, CONTROL, HANDSHAKE = 0xD8, 0xD9, 0xDA
HELLO, COOKIE, PROOF, WELCOME, REFUSAL, UNKNOWN = 1, 2, 3, 4, 5, 6
PING, PONG, OPEN, CLOSE, OPENED, ABSENT, CLOSED, DENIED, CHALLENGE, RESPONSE, FRESH, BYE = range(1, 13)
RANDOM_BYTES, COOKIE_BYTES = 16, 24
DATA_HEADER_BYTES, CONTROL_HEADER_BYTES, WELCOME_HEADER_BYTES, PROOF_HEADER_BYTES = 20, 8, 40, 76
_DOMAIN = b"warren/relay/v1"
_STUN_COOKIE, _STUN_HEADER_BYTES = bytes.fromhex("2112a442"), 20
_HELLO_BYTES = 64
_MASK = 2**64 - 1
_EDGE_BYTES = 16


def hello(random: bytes) -> bytes:
    """A client asks for a cookie."""
    return (bytes((HANDSHAKE, HELLO, 1, 0)) + random).ljust(_HELLO_BYTES, b"\0")


def cookie(random: bytes, value: bytes) -> bytes:
    """The relay's cookie."""
    return bytes((HANDSHAKE, COOKIE, 1, 0)) + random + value


def is_stun_request(frame: bytes) -> bool:
    """Whether it asks what its source looks like (RFC 8489, a binding request)."""
    return len(frame) >= _STUN_HEADER_BYTES and frame[:2] == b"\0\1" and frame[4:8] == _STUN_COOKIE


def stun_answer(request: bytes, source: tuple[str, int]) -> bytes:
    """The binding response with XOR-MAPPED-ADDRESS only."""
    packed = ip_address(source[0]).packed
    mask = _STUN_COOKIE + request[8:20]
    port = source[1] ^ int.from_bytes(_STUN_COOKIE[:2], "big")
    family = 1 if len(packed) == 4 else 2
    value = struct.pack(">BBH", 0, family, port) + bytes(a ^ b for a, b in zip(packed, mask, strict=False))
    attribute = struct.pack(">HH", 0x0020, len(value)) + value
    return b"\1\1" + len(attribute).to_bytes(2, "big") + request[4:20] + attribute


def item(kind: int, body: bytes = b"") -> bytes:
    """One thing said."""
    return bytes((kind, len(body))) + body


def items(plain: bytes) -> tuple[int, int, list[tuple[int, bytes]]]:
    """A letter: its number (0: a note), what it acknowledges, what it says."""
    number, acknowledged = struct.unpack_from(">II", plain)
    said, at = [], 8
    while at < len(plain):
        kind, length = plain[at], plain[at + 1]
        said.append((kind, plain[at + 2 : at + 2 + length]))
        at += 2 + length
    return number, acknowledged, said


def letter(number: int, acknowledged: int, *said: bytes) -> bytes:
    """The plaintext of a control frame."""
    return struct.pack(">II", number, acknowledged) + b"".join(said)


def _kdf(chain: bytes, given: bytes, count: int) -> list[bytes]:
    root, made = _hmac(chain, given), [b""]
    for number in range(1, count + 1):
        made.append(_hmac(root, made[-1] + bytes((number,))))
    return made[1:]


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.blake2s).digest()


@dataclass(frozen=True, slots=True)
class Direction:
    """The keys of one direction."""

    control: ChaCha20Poly1305
    tag: bytes

    @classmethod
    def of(cls, secret: bytes) -> "Direction":
        """From the direction's secret."""
        control, tag = _kdf(secret, b"", 2)
        return cls(ChaCha20Poly1305(control), tag[:16])


@dataclass(frozen=True, slots=True)
class Handshake:
    """What both sides know after a cookie."""

    proof: ChaCha20Poly1305
    root: bytes

    @classmethod
    def of(cls, shared: bytes, relay_key: bytes, session_key: bytes, random: bytes, value: bytes) -> "Handshake":
        """`shared` is the X25519 secret of session key and relay key, `value` the cookie."""
        chain = hashlib.blake2s(_DOMAIN + relay_key + session_key + random + value).digest()
        proof, root = _kdf(chain, shared, 2)
        return cls(ChaCha20Poly1305(proof), root)

    def prove(self, header: bytes, grant: bytes, certificate: bytes) -> bytes:
        """The client's whole proof behind its header."""
        sealed = self.proof.encrypt(bytes(12), struct.pack(">H", len(grant)) + grant + certificate, header)
        return header + sealed

    def keys(self, relay_random: bytes) -> tuple[ChaCha20Poly1305, Direction, Direction]:
        """What seals the answer, and the keys up and down."""
        answer, up, down = _kdf(self.root, relay_random, 3)
        return ChaCha20Poly1305(answer), Direction.of(up), Direction.of(down)


def proof_header(random: bytes, value: bytes, session_key: bytes) -> bytes:
    """Up to what is sealed."""
    return bytes((HANDSHAKE, PROOF, 1, 0)) + random + value + session_key


def welcome_header(random: bytes, relay_random: bytes, session: int) -> bytes:
    """Up to what is sealed."""
    return bytes((HANDSHAKE, WELCOME, 1, 0)) + random + relay_random + session.to_bytes(4, "big")


class End:
    """One side of a session: seals what goes out, opens what comes in."""

    def __init__(self, session: int, out: Direction, into: Direction) -> None:
        self.session = session
        self._out, self._into = out, into
        self._next = 0

    def control(self, plain: bytes) -> bytes:
        """A control frame."""
        header = self._header(CONTROL, self.session)
        return header + self._out.control.encrypt(_nonce(self._next - 1), plain, header)

    def open_control(self, frame: bytes) -> bytes:
        """Its plaintext; InvalidTag where it is not genuine. The counter's low 24 bits suffice for a short session."""
        header = frame[:CONTROL_HEADER_BYTES]
        return self._into.control.decrypt(_nonce(int.from_bytes(frame[1:4], "big")), frame[8:], header)

    def data(self, channel: int, payload: bytes) -> bytes:
        """A data frame."""
        head = self._header(DATA, self.session) + channel.to_bytes(4, "big")
        return head + tag(self._out.tag, self.session, channel, self._next - 1, payload) + payload

    def open_data(self, frame: bytes) -> tuple[int, bytes] | None:
        """Its channel and payload; None where the tag is wrong."""
        counter, channel = int.from_bytes(frame[1:4], "big"), int.from_bytes(frame[8:12], "big")
        payload = frame[DATA_HEADER_BYTES:]
        is_genuine = tag(self._into.tag, self.session, channel, counter, payload) == frame[12:20]
        return (channel, payload) if is_genuine else None

    def _header(self, kind: int, session: int) -> bytes:
        counter, self._next = self._next, self._next + 1
        return bytes((kind,)) + counter.to_bytes(3, "big") + session.to_bytes(4, "big")


def _nonce(counter: int) -> bytes:
    return bytes(4) + counter.to_bytes(8, "little")


def tag(key: bytes, session: int, channel: int, counter: int, payload: bytes) -> bytes:
    """Of a data frame: SipHash-2-4 over where it belongs and both edges of the payload."""
    tail = payload[-_EDGE_BYTES:] if len(payload) >= _EDGE_BYTES else b""
    covered = struct.pack(">IIQQ", session, channel, counter, len(payload))
    covered += payload[:_EDGE_BYTES].ljust(_EDGE_BYTES, b"\0") + tail.ljust(_EDGE_BYTES, b"\0")
    return siphash(key, covered).to_bytes(8, "little")


def siphash(key: bytes, data: bytes) -> int:
    """SipHash-2-4 (Aumasson, Bernstein 2012) of whole words; written out, since it is made for every frame."""
    k0, k1 = struct.unpack("<QQ", key)
    a, b, c, d = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573
    words = [*struct.unpack(f"<{len(data) // 8}Q", data), (len(data) & 0xFF) << 56]
    for word, rounds in (*((word, 2) for word in words), (0, 4)):
        if rounds == 4:
            c ^= 0xFF
        d ^= word
        for _ in range(rounds):
            a = (a + b) & _MASK
            b = ((b << 13 | b >> 51) & _MASK) ^ a
            c = (c + d) & _MASK
            d = ((d << 16 | d >> 48) & _MASK) ^ c
            a = ((a << 32 | a >> 32) & _MASK) + d & _MASK
            d = ((d << 21 | d >> 43) & _MASK) ^ a
            c = (c + b) & _MASK
            b = ((b << 17 | b >> 47) & _MASK) ^ c
            c = (c << 32 | c >> 32) & _MASK
        a ^= word
    return int(a ^ b ^ c ^ d)
