"""Malformed input for every port: a program, since it has to run on hosts of the lab, and what it sends as a function.

    python -m tests.faults.noise udp HOST PORT SECONDS RATE SEED
    python -m tests.faults.noise stream HOST PORT SECONDS SEED        (HOST `unix`: PORT is a path)

Prints how many datagrams or connections it made.
"""

# ruff: noqa: T201 - it answers by printing

import contextlib
import random  # noqa: TID251 - the root of a test program; what it draws is repeated by the seed
import socket
import sys
import time

POOL = 2000
PROBE_MAGIC = bytes.fromhex("d757524e")
SIZES = {1: 148, 2: 92, 3: 64, 4: 32}  # WireGuard, 5.4
REPLY_MAX_S = 0.2

UPGRADE = (
    b"GET /node/v1 HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
WITH_EFFECT = (
    b"POST /v1/up HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n{",
    b"POST /v1/down HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
)
"""Bad as they stand. No byte of them is changed: one wrong byte in `transfer-encoding` and root asks for `down`."""
HEADS = (
    *WITH_EFFECT,
    b"GET / HTTP/1.1\r\nhost: %s\r\n\r\n",
    b"GET /v1/status HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /v1/ping HTTP/1.1\r\nhost: localhost\r\ncontent-length: 400\r\n\r\n" + b"[" * 400,
    UPGRADE,
    b"A" * 20_000,
    b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 3000,
    b"",
)


def datagrams(rng: random.Random) -> list[bytes]:
    """Of every shape that a port of ours tells apart, and none that means anything."""
    pool = []
    for _ in range(POOL):
        kind = rng.randrange(8)
        if kind < 4:
            size = SIZES[kind + 1] + rng.choice((0, 0, 0, -1, 1, 16, 1000))
            pool.append(bytes([kind + 1, 0, 0, rng.choice((0, 0, 7))]) + rng.randbytes(size - 4))
        elif kind == 4:
            pool.append(PROBE_MAGIC + rng.randbytes(rng.randrange(1400)))
        elif kind == 5:  # STUN's shape (RFC 8489, 5)
            pool.append(b"\x01\x01\x00\x0c\x21\x12\xa4\x42" + rng.randbytes(24))
        elif kind == 6:
            pool.append(b"")
        else:
            pool.append(rng.randbytes(rng.randrange(1, 1472)))
    return pool


def stream(rng: random.Random) -> bytes:
    """What one connection sends: a bad head, or a good one and then bad frames or bytes."""
    head = rng.choice(HEADS)
    if rng.random() < 0.3 and head not in WITH_EFFECT:
        head = bytes(byte if rng.random() > 0.02 else rng.randrange(256) for byte in head)
    return head + rng.choice((b"", rng.randbytes(200), b"\x82\xfe\xff\xff" + rng.randbytes(300), b"\x8f\xff" * 50))


def send_datagrams(host: str, port: int, seconds: float, rate: int, rng: random.Random) -> int:
    """At this rate a second for so long; returns how many went out."""
    pool, sent, began = datagrams(rng), 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect((host, port))
        while (passed := time.monotonic() - began) < seconds:
            while sent < passed * rate:
                with contextlib.suppress(OSError):  # a full queue, or a port that is closed for a moment
                    out.send(pool[sent % POOL])
                sent += 1
            time.sleep(0.002)  # the rate of a load generator, no wait for anything
    return sent


def send_streams(host: str, place: str, seconds: float, rng: random.Random) -> int:
    """One connection after the other; returns how many."""
    made, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        family = socket.AF_UNIX if host == "unix" else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as out:
            out.settimeout(REPLY_MAX_S if rng.random() < 0.1 else 0.01)
            try:
                out.connect(place if host == "unix" else (host, int(place)))
                out.sendall(stream(rng))
                out.recv(4096)
            except OSError:
                pass  # refused, cut or slow: what it is for
        made += 1
    return made


if __name__ == "__main__":
    mode, host, place, seconds, *rest = sys.argv[1:]
    rng = random.Random(int(rest[-1]))  # noqa: S311 - noise, not secrets
    if mode == "udp":
        print(send_datagrams(host, int(place), float(seconds), int(rest[0]), rng))
    else:
        print(send_streams(host, place, float(seconds), rng))
