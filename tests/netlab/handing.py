"""Sockets of a host in the hands of the test: a small program opens them in the host and passes their descriptors back.

    left = laptop.udp(ANY)[0]
    left.sendto(b"probe", ("203.0.113.10", 7000))

A socket stays in the namespace in which it was made, so a test speaks from as many hosts as it likes in one loop,
without a program or protocol in each.
"""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Sequence

ANY = ("0.0.0.0", 0)  # noqa: S104 - of a host of the lab
ANY6 = ("::", 0)
HANDED_S = 30.0  # a Python start and a bind on a loaded machine
SO_RCVBUFFORCE, BUFFER_BYTES = 33, 8 << 20
HANDED_MAX = 64  # descriptors in one message: well below the kernel's 253


def open_udp(enter: Sequence[str], *places: tuple[str, int]) -> list[socket.socket]:
    """UDP sockets bound to these places in the host that `enter` leads into; RuntimeError with what went wrong."""
    assert len(places) <= HANDED_MAX
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    words = [f"{address}|{port}" for address, port in places]
    with ours, theirs:
        ours.settimeout(HANDED_S)
        with subprocess.Popen(
            [*enter, sys.executable, "-I", "-S", __file__, str(theirs.fileno()), *words],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            theirs.close()
            _, descriptors, _, _ = socket.recv_fds(ours, 1, HANDED_MAX)
            assert child.stderr is not None
            if len(descriptors) != len(places):
                raise RuntimeError(f"no sockets at {places}: {child.stderr.read()}")
    opened = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    for one in opened:
        one.settimeout(0)
        with contextlib.suppress(PermissionError):  # what a test on a full machine is late for is not lost
            one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    return opened


def main(channel: str, *words: str) -> None:
    """Open what the words say, and hand it over."""
    opened = []
    for word in words:
        address, _, port = word.rpartition("|")
        one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        if one.family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, int(port)))
        opened.append(one)
    with socket.socket(fileno=int(channel)) as to:
        socket.send_fds(to, [b"!"], [one.fileno() for one in opened])


if __name__ == "__main__":
    main(*sys.argv[1:])
