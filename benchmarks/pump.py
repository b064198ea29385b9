"""One end of a TCP flow: `sink ADDRESS PORT WINDOW` tells how many bytes came in time, `source` with the same sends.

WINDOW is a file that does not exist yet. Once it does, it says in seconds of CLOCK_MONOTONIC, which every process of
this machine shares: when sources begin, from when until when bytes that arrive are counted, when sources end.
"""

import socket
import sys
import time
from pathlib import Path

BLOCK_BYTES = 1 << 18
STALL_S = 20.0
POLL_S = 0.002  # for the file, before anything flows


def sink(address: str, port: int, window: Path) -> None:
    """Take one connection's bytes and say how many came while they counted."""
    with socket.create_server((address, port)) as server:
        server.settimeout(STALL_S)
        print("listens", flush=True)
        connection, _ = server.accept()
        space, count = bytearray(BLOCK_BYTES), 0
        _, from_s, until_s, _ = signalled(window)
        with connection:
            while got := connection.recv_into(space):
                count += got if from_s <= time.monotonic() < until_s else 0
        print(f"arrived {count}", flush=True)


def source(address: str, port: int, window: Path) -> None:
    """Connect, and send when all do."""
    block = bytes(BLOCK_BYTES)
    with socket.create_connection((address, port), timeout=STALL_S) as connection:
        print("connected", flush=True)
        begin_s, _, _, end_s = signalled(window)
        time.sleep(max(0.0, begin_s - time.monotonic()))
        while time.monotonic() < end_s:
            connection.sendall(block)


def signalled(window: Path) -> list[float]:
    """The four instants, as soon as they are told."""
    while not window.exists():
        time.sleep(POLL_S)
    return [float(word) for word in window.read_text("ascii").split()]


if __name__ == "__main__":
    {"sink": sink, "source": source}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
