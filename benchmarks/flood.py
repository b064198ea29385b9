"""UDP as fast as one core sends it: `flood.py ADDRESS SECONDS` prints what it offered."""

import socket
import sys
import time

DATAGRAM_BYTES = 1300
PORT = 9  # discard: nobody listens, and the receiver's kernel says so to its own side only
BATCH = 64


def main(address: str, seconds: float) -> None:
    """Send for so long."""
    block, count, end = bytes(DATAGRAM_BYTES), 0, time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        while time.monotonic() < end:
            for _ in range(BATCH):
                try:
                    out.sendto(block, (address, PORT))
                except OSError:  # an ICMP answer, or a full queue
                    continue
                count += 1
    print(f"{count * DATAGRAM_BYTES * 8 / seconds / 1e9:.2f} Gbit/s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
