"""Malformed input in the shape of everything that a port of ours takes, and none that means anything.

Datagrams are WireGuard's, probes', STUN's and TURN's, the relay's, and what a gateway says of port mappings; streams
are HTTP's, WebSocket's, forms of the sign-on pages, a node's and a relay's session, TURN over TCP.
"""

import contextlib
import random  # noqa: TID251 - only its type; what is drawn is repeated by the seed
import ssl
from collections.abc import Sequence

POOL = 2000
PROBE_MAGIC = bytes.fromhex("d757524e")
WIREGUARD_SIZES = {1: 148, 2: 92, 3: 64, 4: 32}  # WireGuard, 5.4
RELAY_SIZES = {1: 64, 2: 44, 3: 400, 4: 68, 5: 53, 6: 8}  # docs/internals/relay.md, Frames
STUN_MAGIC = bytes.fromhex("2112a442")  # RFC 8489, 5
STUN_TYPES = (0x0001, 0x0101, 0x0003, 0x0004, 0x0006, 0x0008, 0x0009, 0x0016, 0x000A, 0x3FFF)
STUN_ATTRIBUTES = (0x0001, 0x0006, 0x0008, 0x0009, 0x000C, 0x000D, 0x0012, 0x0013, 0x0014, 0x0015, 0x0019, 0x8028)

FORM = b"content-type: application/x-www-form-urlencoded\r\ncontent-length: 120\r\n\r\n"
WITH_EFFECT = (
    b"POST /v1/up HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n{",
    b"POST /v1/down HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
)
"""Bad as they stand. No byte of them is changed: one wrong byte in `transfer-encoding` and root asks for `down`."""


def _upgrade(path: bytes, host: bytes) -> bytes:
    return (
        b"GET " + path + b" HTTP/1.1\r\nhost: " + host + b"\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )  # fmt: skip


def _post(path: bytes, host: bytes) -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\nhost: " + host + b"\r\norigin: http://" + host + b"\r\n" + FORM


def heads(host: bytes) -> tuple[bytes, ...]:
    """Beginnings of connections; `host` is what the server is called, since any other name ends a request at once."""
    return (
        *WITH_EFFECT,
        b"GET / HTTP/1.1\r\nhost: %s\r\n\r\n",
        b"GET /v1/status HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/ping HTTP/1.1\r\nhost: localhost\r\ncontent-length: 400\r\n\r\n" + b"[" * 400,
        _upgrade(b"/node/v1", host),
        _upgrade(b"/relay/v1", host),
        _post(b"/sign-on", host),
        _post(b"/device", host),
        _post(b"/api/v1/device", host),
        b"GET /first/" + b"%00" * 40 + b" HTTP/1.1\r\nhost: " + host + b"\r\n\r\n",
        b"GET /account HTTP/1.1\r\nhost: " + host + b"\r\ncookie: __Host-warren=" + b"x" * 400 + b"\r\n\r\n",
        b"A" * 20_000,
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 3000,
        b"",
    )


def datagrams(rng: random.Random) -> list[bytes]:
    """As many as POOL."""
    makers = (_wireguard, _wireguard, _relay, _relay, _stun, _probe, _noise)
    return [rng.choice(makers)(rng) for _ in range(POOL)]


def gateway_datagrams(rng: random.Random) -> list[bytes]:
    """As many as POOL, of a gateway that maps ports: PCP (RFC 6887, 7.2), NAT-PMP (RFC 6886, 3.3), a found device."""
    return [rng.choice((_pcp, _nat_pmp, _found, _noise))(rng) for _ in range(POOL)]


def stream(rng: random.Random, host: bytes = b"127.0.0.1") -> bytes:
    """What one connection sends: a bad head, or a good one and then bad frames or bytes."""
    head = rng.choice(heads(host))
    if rng.random() < 0.3 and head not in WITH_EFFECT:
        head = bytes(byte if rng.random() > 0.02 else rng.randrange(256) for byte in head)
    return head + rng.choice(
        (b"", rng.randbytes(200), b"\x82\xfe\xff\xff" + rng.randbytes(300), b"\x8f\xff" * 50, _frames(rng))
    )


def hello() -> bytes:
    """The first words of a TLS client (RFC 8446, 4.1.2), right ones."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    said = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), said, server_hostname="vpn.example.org")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return said.read()


def bent(data: bytes, rng: random.Random) -> bytes:
    """The same with some bytes wrong, perhaps cut, perhaps with noise behind it."""
    wrong = bytes(byte if rng.random() > 0.01 else rng.randrange(256) for byte in data)
    return rng.choice(
        (wrong, wrong[: rng.randrange(len(wrong))], wrong + rng.randbytes(500), data + rng.randbytes(300))
    )


def turn_stream(rng: random.Random) -> bytes:
    """What one connection to TURN's port sends (RFC 8656, 12.5 and RFC 8489, 6.2.2): messages, channels, or neither."""
    return b"".join(rng.choice((_stun, _stun, _channel, _noise))(rng) for _ in range(rng.randrange(1, 8)))


def _wireguard(rng: random.Random) -> bytes:
    kind = rng.randint(1, 4)
    size = WIREGUARD_SIZES[kind] + rng.choice((0, 0, 0, -1, 1, 16, 1000))
    return bytes([kind, 0, 0, rng.choice((0, 0, 7))]) + rng.randbytes(size - 4)


def _relay(rng: random.Random) -> bytes:
    first = rng.choice((0xD8, 0xD9, 0xDA, 0xDA, 0xDA))
    if first != 0xDA:
        return bytes([first]) + rng.randbytes(rng.randrange(1400))
    kind = rng.randint(1, 7)
    size = RELAY_SIZES.get(kind, 30) + rng.choice((0, 0, 0, -1, 1, 900))
    return bytes([0xDA, kind, rng.choice((1, 1, 1, 0, 255)), 0]) + rng.randbytes(size - 4)


def _stun(rng: random.Random) -> bytes:
    body = b"".join(_attribute(rng) for _ in range(rng.randrange(6)))
    length = len(body) if rng.random() < 0.8 else rng.randrange(65536)
    kind: Sequence[int] = STUN_TYPES
    return rng.choice(kind).to_bytes(2, "big") + length.to_bytes(2, "big") + STUN_MAGIC + rng.randbytes(12) + body


def _attribute(rng: random.Random) -> bytes:
    value = rng.randbytes(rng.choice((0, 4, 4, 8, 20, 20, 100)))
    length = len(value) if rng.random() < 0.9 else rng.randrange(65536)
    return rng.choice(STUN_ATTRIBUTES).to_bytes(2, "big") + length.to_bytes(2, "big") + value


def _channel(rng: random.Random) -> bytes:
    data = rng.randbytes(rng.randrange(200))
    return rng.randint(0x4000, 0x4FFF).to_bytes(2, "big") + rng.choice((len(data), 65535)).to_bytes(2, "big") + data


def _probe(rng: random.Random) -> bytes:
    return PROBE_MAGIC + rng.randbytes(rng.randrange(1400))


def _pcp(rng: random.Random) -> bytes:
    return bytes([rng.choice((2, 2, 2, 1)), rng.choice((0x80, 0x81, 0x82, 1)), 0, rng.randrange(20)]) + rng.randbytes(
        rng.choice((20, 20, 56, 56, 55, 1100))
    )


def _nat_pmp(rng: random.Random) -> bytes:
    return bytes([0, rng.choice((128, 129, 130, 1)), 0, rng.randrange(8)]) + rng.randbytes(rng.choice((8, 12, 11, 200)))


def _found(rng: random.Random) -> bytes:
    place = rng.choice((b"http://192.0.2.1:80/x.xml", b"http://[", b"file:///", b"http://a" * 300, rng.randbytes(40)))
    return bent(b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: " + place + b"\r\n\r\n", rng)


def _noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice((0, rng.randrange(1, 1472))))


def _frames(rng: random.Random) -> bytes:
    """Good binary messages (RFC 6455, 5.2, masked by zeros) of the relay's stream: lengths, then senseless frames."""
    sent = b""
    for _ in range(rng.randrange(1, 5)):
        frame = _relay(rng)
        inner = (len(frame) if rng.random() < 0.8 else rng.randrange(65536)).to_bytes(2, "big") + frame
        sent += b"\x82\xfe" + len(inner).to_bytes(2, "big") + bytes(4) + inner
    return sent
