"""Listening sockets of the front: `[HOST]:PORT` in, bound TCP sockets out.

Decides which addresses a text means and which options the sockets carry; options set here are inherited by every
accepted connection (Linux). Must not know what is spoken on them. An IPv6 socket takes IPv4 only where no host was
named, so `0.0.0.0:443` and `[::]:443` may stand side by side.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Sequence

from warren.errors import Code, WarrenError
from warren.limits import SEGMENT_MAX_BYTES
from warren.model.addresses import parse_listen

BACKLOG = 4096  # connections that wait while accept pauses; the kernel cuts it to net.core.somaxconn
KEEPALIVE_IDLE_S = 60  # a peer that vanished without a word is noticed after 60 + 4 * 15 s
KEEPALIVE_INTERVAL_S = 15
KEEPALIVE_PROBES = 4


def bind_all(addresses: Iterable[str]) -> list[socket.socket]:
    """Bind and listen on every address, or on none. Raises WarrenError INVALID_ARGUMENT or LISTEN_FAILED."""
    with contextlib.ExitStack() as undo:
        bound = [undo.enter_context(_bind(address)) for address in addresses]
        undo.pop_all()
        return bound


def shown(name: Sequence[object]) -> str:
    """Return a socket's name (`getsockname`) as text that `bind_all` takes."""
    host, port = str(name[0]), name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def again(text: str, bound: str) -> str:
    """Return what takes the place of `bound` again that `text` got: where no host was named none is, or a `[::]` that
    took IPv4 too would not any more."""
    host, port = _split(text)
    return bound if host else f":{port or _split(bound)[1]}"


def _bind(text: str) -> socket.socket:
    host, port = _split(text)
    if host:
        return _bind_one(text, host, port, dual=False)
    try:
        return _bind_one(text, "::", port, dual=True)
    except WarrenError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
            return _bind_one(text, "0.0.0.0", port, dual=False)  # noqa: S104 - no host named: every address is meant
        raise


def _split(text: str) -> tuple[str, int]:
    if (place := parse_listen(text)) is not None:
        return place
    raise WarrenError(
        Code.INVALID_ARGUMENT, f"cannot listen on {text!r}", "give [ADDRESS]:PORT, such as :8443 or 192.0.2.1:443"
    )


def _bind_one(text: str, host: str, port: int, *, dual: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as undo:
        try:
            listener = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_MAX_BYTES
            )  # both ways: the client is told
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not dual))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
            listener.bind((host, port))
            listener.listen(BACKLOG)
            listener.setblocking(False)  # noqa: FBT003 - socket's own signature
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise WarrenError(Code.LISTEN_FAILED, f"cannot listen on {text}: {reason}", _advice(error, port)) from error
        undo.pop_all()
        return listener


def _advice(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program holds the port: stop it, or choose another --listen"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"port {port} needs CAP_NET_BIND_SERVICE: use the systemd unit, or a --listen port of 1024 or higher"
    return "choose another --listen"
