"""Malformed input for every port: a program, since it has to run on hosts of the lab. What it sends says `shapes.py`.

    python -m tests.faults.noise udp HOST PORT SECONDS RATE SEED
    python -m tests.faults.noise gateway HOST PORT SECONDS RATE SEED  (half to the port, half to all hosts)
    python -m tests.faults.noise stream HOST PORT SECONDS SEED        (HOST `unix`: PORT is a path)
    python -m tests.faults.noise turn HOST PORT SECONDS SEED
    python -m tests.faults.noise tls HOST PORT SECONDS SEED         (before, in and behind a handshake)

Prints how many datagrams or connections it made; of datagrams first how many seconds that took.
"""

# ruff: noqa: T201 - it answers by printing

import contextlib
import random  # noqa: TID251 - the root of a test program; what it draws is repeated by the seed
import socket
import ssl
import sys
import time
from collections.abc import Callable

from tests.faults import shapes

from warren.wire import pcp

REPLY_MAX_S = 0.2
LATE_MAX_S = 20.0
ALL_HOSTS = "224.0.0.1"


def send_datagrams(outs: list[socket.socket], pool: list[bytes], seconds: float, rate: int) -> int:
    """As many as this rate makes in so many seconds, to each place in turn, longer where this machine has no time;
    returns how many the kernel took."""
    sent, began, wanted = 0, time.monotonic(), int(rate * seconds)
    while (passed := time.monotonic() - began) < seconds + LATE_MAX_S and sent < wanted:
        while sent < min(passed * rate, wanted):
            try:
                outs[sent % len(outs)].send(pool[sent % len(pool)])
            except OSError:  # a full queue, or a port that is closed for a moment: not sent
                break
            sent += 1
        time.sleep(0.002)  # the rate of a load generator, no wait for anything
    print(f"{time.monotonic() - began:.3f}")
    return sent


def towards(host: str, port: int, source: int = 0) -> socket.socket:
    """A socket for datagrams from this port to that place;"""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.bind(("", source))
    out.connect((host, port))
    return out


def send_as_gateway(host: str, port: int, seconds: float, rate: int, rng: random.Random) -> int:
    """To the port that asks a gateway for mappings, from the gateway's own, and to where it announces its restarts."""
    asked = towards(host, port, pcp.SERVER_PORT)
    announced = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    announced.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(asked.getsockname()[0]))
    announced.connect((ALL_HOSTS, pcp.ANNOUNCE_PORT))
    with asked, announced:
        return send_datagrams([asked, announced], shapes.gateway_datagrams(rng), seconds, rate)


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


def send_tls(host: str, port: int, seconds: float, rng: random.Random) -> int:
    """Half of the connections with a hello that is bent, half with bad requests within TLS; returns how many."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made, began, hello = 0, time.monotonic(), shapes.hello()
    while time.monotonic() - began < seconds:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1.0) as out:
            if made % 2:
                out.settimeout(0.02)
                out.sendall(shapes.bent(hello, rng))
                out.recv(4096)
            else:
                with context.wrap_socket(out) as inside:
                    inside.settimeout(0.02)
                    inside.sendall(shapes.stream(rng, f"{host}:{port}".encode()))
                    inside.recv(4096)
        made += 1
    return made


def main(mode: str, host: str, place: str, seconds: float, rest: list[str]) -> int:
    """Make noise; how much."""
    rng = random.Random(int(rest[-1]))  # noqa: S311 - noise, not secrets
    if mode == "tls":
        return send_tls(host, int(place), seconds, rng)
    if mode == "gateway":
        return send_as_gateway(host, int(place), seconds, int(rest[0]), rng)
    if mode == "udp":
        with towards(host, int(place)) as out:
            return send_datagrams([out], shapes.datagrams(rng), seconds, int(rest[0]))
    name = b"localhost" if host == "unix" else f"{host}:{place}".encode()
    makers = {"stream": lambda: shapes.stream(rng, name), "turn": lambda: shapes.turn_stream(rng)}
    return send_streams(host, place, seconds, rng, makers[mode])


if __name__ == "__main__":
    mode, host, place, seconds, *rest = sys.argv[1:]
    print(main(mode, host, place, float(seconds), rest))
