"""One TCP flow for a fixed time: `sink ADDRESS PORT` prints its bytes a second, `source ADDRESS PORT SECONDS` sends."""

import socket
import sys
import time

BLOCK_BYTES = 1 << 18
STALL_S = 20.0


def sink(address: str, port: int) -> None:
    """Take one connection's bytes and say how many came a second."""
    with socket.create_server((address, port)) as server:
        server.settimeout(STALL_S)
        print("ready", flush=True)
        connection, _ = server.accept()
        space, count, started = bytearray(BLOCK_BYTES), 0, time.monotonic()
        with connection:
            while got := connection.recv_into(space):
                count += got
        print(f"rate {count / (time.monotonic() - started):.0f}", flush=True)


def source(address: str, port: int, seconds: float) -> None:
    """Send for so long."""
    block, end = bytes(BLOCK_BYTES), time.monotonic() + seconds
    with socket.create_connection((address, port), timeout=STALL_S) as connection:
        while time.monotonic() < end:
            connection.sendall(block)


if __name__ == "__main__":
    if sys.argv[1] == "sink":
        sink(sys.argv[2], int(sys.argv[3]))
    else:
        source(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
