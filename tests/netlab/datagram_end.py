"""A stream of small UDP datagrams at a steady rate, or its other end; run on a host, by `datagrams.py`.

    python datagram_end.py send ADDRESS PORT RATE_HZ
    python datagram_end.py receive ADDRESS PORT

Both go on until SIGTERM and then print a line of JSON. A datagram is its number; the receiver notes which came, how
often, and between which two it waited longest. It imports little on purpose: it starts in 20 ms.
"""

import json
import select
import signal
import socket
import struct
import sys
import time

DATAGRAM_BYTES = 200
MISSING_SHOWN = 20
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 32 << 20
_ended: list[bool] = []


def send(address: str, port: int, rate_hz: float) -> dict[str, object]:
    """Number after number; a refusal of the system (no route for a moment) is a datagram that was not sent."""
    number, refused, start = 0, 0, time.monotonic()
    padding = bytes(DATAGRAM_BYTES - 8)
    with _socket(address) as out:
        out.connect((address, port))
        _say("ready")
        while not _ended:
            ahead_s = start + number / rate_hz - time.monotonic()
            if ahead_s > 0:
                select.select([], [], [], ahead_s)
                continue
            try:
                out.send(struct.pack(">Q", number) + padding)
            except OSError:
                refused += 1
            number += 1
    return {"sent": number, "refused": refused}


def receive(address: str, port: int) -> dict[str, object]:
    """Count until the end, and a little longer for what is on its way."""
    seen, doubled, first, last, longest_s, longest_at = set(), 0, None, None, 0.0, 0
    with _socket(address) as taken:
        # what this program is too late for, on a full machine, was not lost on the way
        try:
            taken.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        except PermissionError:  # in a user namespace the system's limit stays
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        taken.bind((address, port))
        _say("ready")
        while True:
            if not select.select([taken], [], [], 0.1)[0]:
                if _ended:
                    break
                continue
            (number,) = struct.unpack_from(">Q", taken.recv(2048))
            now = time.monotonic()
            if last is not None and now - last > longest_s:
                longest_s, longest_at = now - last, number
            first, last = (now if first is None else first), now
            doubled += number in seen
            seen.add(number)
    top = max(seen, default=-1)
    missing = [number for number in range(top) if number not in seen]
    return {
        "received": len(seen), "doubled": doubled, "highest": top, "lost": len(missing),
        "missing": missing[:MISSING_SHOWN], "longest_s": longest_s, "longest_at": longest_at,
    }  # fmt: skip


def _socket(address: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: _ended.append(True))
    if sys.argv[1] == "send":
        _say(json.dumps(send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
    else:
        _say(json.dumps(receive(sys.argv[2], int(sys.argv[3]))))
