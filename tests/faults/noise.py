"""Malformed input for every port: a program, since it has to run on hosts of the lab. What it sends says `shapes.py`.

    python -m tests.faults.noise udp HOST PORT SECONDS RATE SEED
    python -m tests.faults.noise stream HOST PORT SECONDS SEED        (HOST `unix`: PORT is a path)
    python -m tests.faults.noise turn HOST PORT SECONDS SEED

Prints how many datagrams or connections it made.
"""

# ruff: noqa: T201 - it answers by printing

import contextlib
import random  # noqa: TID251 - the root of a test program; what it draws is repeated by the seed
import socket
import sys
import time
from collections.abc import Callable

from tests.faults import shapes

REPLY_MAX_S = 0.2


def send_datagrams(host: str, port: int, seconds: float, rate: int, rng: random.Random) -> int:
    """At this rate a second for so long; returns how many went out."""
    pool, sent, began = shapes.datagrams(rng), 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect((host, port))
        while (passed := time.monotonic() - began) < seconds:
            while sent < passed * rate:
                with contextlib.suppress(OSError):  # a full queue, or a port that is closed for a moment
                    out.send(pool[sent % len(pool)])
                sent += 1
            time.sleep(0.002)  # the rate of a load generator, no wait for anything
    return sent


def send_streams(host: str, place: str, seconds: float, rng: random.Random, make: Callable[[], bytes]) -> int:
    """One connection after the other; returns how many."""
    made, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        family = socket.AF_UNIX if host == "unix" else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as out:
            out.settimeout(REPLY_MAX_S if rng.random() < 0.1 else 0.01)
            try:
                out.connect(place if host == "unix" else (host, int(place)))
                out.sendall(make())
                out.recv(4096)
            except OSError:
                pass  # refused, cut or slow: what it is for
        made += 1
    return made


def main(mode: str, host: str, place: str, seconds: float, rest: list[str]) -> int:
    """Make noise; how much."""
    rng = random.Random(int(rest[-1]))  # noqa: S311 - noise, not secrets
    if mode == "udp":
        return send_datagrams(host, int(place), seconds, int(rest[0]), rng)
    name = b"localhost" if host == "unix" else f"{host}:{place}".encode()
    makers = {"stream": lambda: shapes.stream(rng, name), "turn": lambda: shapes.turn_stream(rng)}
    return send_streams(host, place, seconds, rng, makers[mode])


if __name__ == "__main__":
    mode, host, place, seconds, *rest = sys.argv[1:]
    print(main(mode, host, place, float(seconds), rest))
