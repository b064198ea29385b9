"""A program for tests: try to reach somebody, or be reached, and say what came of it.

    python -m tests.netlab.reaching serve PORT           TCP and UDP: gives back what comes
    python -m tests.netlab.reaching try tcp|udp HOST PORT [BYTES [SECONDS]]
    python -m tests.netlab.reaching hold HOST PORT       a TCP connection: at each SIGUSR1 `back` or `silence`
    python -m tests.netlab.reaching flood HOST COUNT     a UDP datagram to each of so many ports

`try` ends 0 where all of it came back, else 1; it waits so many seconds for each part of it.
"""

# ruff: noqa: T201 - it answers by printing

import asyncio
import contextlib
import signal
import socket
import sys
from typing import Any

TRY_S = 1.0
HOLD_S = 3.0


async def serve(port: int) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, source: object) -> None:
            self.transport.sendto(data, source)

    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(echo, "", port)
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind(("", port))
    sock.setblocking(False)  # noqa: FBT003 - positional only
    await loop.create_datagram_endpoint(Datagrams, sock=sock)
    print("serving", flush=True)
    await server.serve_forever()


def attempt(kind: str, host: str, port: int, size: int, patience_s: float = TRY_S) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as sock:
        sock.settimeout(patience_s)
        try:
            sock.connect((host, port))
            sock.sendall(bytes(size))
            left = size
            while left > 0 and (data := sock.recv(1 << 16)):
                left -= len(data)
        except OSError as error:
            print(error)
            return False
    return left == 0


def hold(host: str, port: int) -> None:
    with socket.create_connection((host, port), HOLD_S) as sock:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        print("connected", flush=True)
        while signal.sigwait([signal.SIGUSR1]):
            try:
                sock.sendall(b"x")
                print("back" if sock.recv(4096) else "ended", flush=True)
            except OSError:
                print("silence", flush=True)


def flood(host: str, count: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in range(count):
            with contextlib.suppress(OSError):  # what the kernel says of the ports before
                sock.sendto(b"x", (host, 1024 + number % 64_000))
    print("sent", count, flush=True)


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "serve":
        asyncio.run(serve(int(words[0])))
    elif what == "try":
        size, patience_s = [*words[3:5], *("5", str(TRY_S))[len(words[3:5]) :]]
        sys.exit(0 if attempt(words[0], words[1], int(words[2]), int(size), float(patience_s)) else 1)
    elif what == "hold":
        hold(words[0], int(words[1]))
    else:
        flood(words[0], int(words[1]))
