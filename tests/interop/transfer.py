"""Moves bytes from one host to another over one TCP connection, and compares what arrived with what was sent.

As a program it is one end: `transfer.py receive ADDRESS PORT` or `send ADDRESS PORT BYTES RATE`; SIGUSR1 says that what
was sent is enough. The stream is random blocks, each begun by its number, so that a block that is lost, doubled or
moved changes the digest. Digests are made beside the transfer with SHA-256; the speed includes that.
"""

import hashlib
import json
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

BLOCK_BYTES = 1 << 20
PIECE_BYTES = 1 << 16
PORT = 5001
STALL_S = 110.0  # nothing moved for so long: dead, for TCP itself waits a minute where a third is lost
_BLOCK = hashlib.shake_128(b"a block that no compression shortens").digest(BLOCK_BYTES)


@dataclass(frozen=True, slots=True)
class End:
    """What one end saw."""

    count: int
    sha256: str
    seconds: float
    stall_s: float = 0.0  # the longest time in which nothing came


def blocks(count: int) -> Iterator[bytes]:
    """The stream, `count` bytes in all."""
    for number in range(-(-count // BLOCK_BYTES)):
        yield (number.to_bytes(8, "big") + _BLOCK[8:])[: count - number * BLOCK_BYTES]


def _pieces(count: int) -> Iterator[memoryview]:
    """The stream in writes so small that a slow one flows evenly."""
    for block in blocks(count):
        whole = memoryview(block)
        yield from (whole[at : at + PIECE_BYTES] for at in range(0, len(block), PIECE_BYTES))


def receive(address: str, port: int) -> End:
    """Take one connection's bytes to their end."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    digest, count = hashlib.sha256(), 0
    with socket.create_server((address, port), family=family) as server:
        server.settimeout(STALL_S)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        connection, _ = server.accept()
        start = last = time.monotonic()
        stall_s = 0.0
        with connection:
            connection.settimeout(STALL_S)
            space = bytearray(BLOCK_BYTES)
            while got := connection.recv_into(space):
                now = time.monotonic()
                stall_s, last = max(stall_s, now - last), now
                digest.update(memoryview(space)[:got])
                count += got
            seconds = time.monotonic() - start
            connection.sendall(b"whole")
    return End(count, digest.hexdigest(), seconds, stall_s)


def send(address: str, port: int, count: int, bytes_per_s: float, enough: Sequence[int] = ()) -> End:
    """Send so many bytes, not faster than so (0: as fast as it goes), and wait until the other end has them.

    Something in `enough` ends it before.
    """
    digest, sent = hashlib.sha256(), 0
    with socket.create_connection((address, port), timeout=STALL_S) as connection:
        start = time.monotonic()
        for piece in _pieces(count):
            if enough:
                break
            digest.update(piece)
            connection.sendall(piece)
            sent += len(piece)
            ahead_s = sent / bytes_per_s - (time.monotonic() - start) if bytes_per_s else 0.0
            time.sleep(max(ahead_s, 0.0))
        connection.shutdown(socket.SHUT_WR)
        if connection.recv(16) != b"whole":
            raise ConnectionError("the receiver did not get it all")
        seconds = time.monotonic() - start
    return End(sent, digest.hexdigest(), seconds)


def main(words: list[str]) -> None:
    """One end, told by its result as JSON."""
    match words:
        case ["receive", address, port]:
            end = receive(address, int(port))
        case ["send", address, port, count, bytes_per_s]:
            told: list[int] = []
            signal.signal(signal.SIGUSR1, lambda number, _: told.append(number))
            end = send(address, int(port), int(count), float(bytes_per_s), told)
        case _:
            raise SystemExit(f"what is {words}?")
    sys.stdout.write(json.dumps(asdict(end)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
