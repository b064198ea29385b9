"""The relay's UDP sockets: `[HOST]:PORT` in, bound sockets out, at most one a family.

Decides which addresses a text means. Where no host is named, IPv4 and IPv6 have a socket each on one port, so that a
client's address is always one of its own family. Must not know what is spoken on them.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Sequence

from warren.errors import Code, WarrenError
from warren.model.addresses import parse_listen

TURN_BACKLOG = 128  # connections that wait while others are let in, 16 a turn
PORT_TRIES = 32  # to find a port that is free for both families
_NO_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


def bind_udp(addresses: Sequence[str], *, may_move: bool) -> list[socket.socket]:
    """Bind every address, or none. With `may_move` a port that is taken is replaced by one that the system chooses.

    Raises WarrenError INVALID_ARGUMENT or LISTEN_FAILED.
    """
    with contextlib.ExitStack() as undo:
        bound: list[socket.socket] = []
        for address in addresses:
            bound += [undo.enter_context(one) for one in _bind(address, may_move=may_move)]
        families = [one.family for one in bound]
        if len(set(families)) != len(families):
            raise WarrenError(Code.INVALID_ARGUMENT, "a relay listens on one UDP address a family", "give one of each")
        undo.pop_all()
        return bound


def bind_tcp_beside(datagrams: Sequence[socket.socket]) -> list[socket.socket]:
    """Listen on TCP at the addresses and ports of these UDP sockets, for STUN and TURN. WarrenError LISTEN_FAILED."""
    with contextlib.ExitStack() as undo:
        listeners: list[socket.socket] = []
        for one in datagrams:
            name = one.getsockname()
            try:
                listener = undo.enter_context(socket.socket(one.family, socket.SOCK_STREAM))
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if one.family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(name)
                listener.listen(TURN_BACKLOG)
                listener.setblocking(False)  # noqa: FBT003 - socket's own signature
            except OSError as error:
                reason = os.strerror(error.errno) if error.errno else str(error)
                raise WarrenError(
                    Code.LISTEN_FAILED,
                    f"cannot open TCP port {name[1]} for TURN: {reason}",
                    "stop the program that holds the port, or choose another --relay-listen",
                ) from error
            listeners.append(listener)
        undo.pop_all()
        return listeners


def _bind(text: str, *, may_move: bool) -> list[socket.socket]:
    host, port = _split(text)
    tries = 1 if port else PORT_TRIES
    while True:
        tries -= 1
        try:
            return [_bind_one(host, port)] if host else _bind_both(port)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            if taken and port == 0 and tries > 0:
                continue
            if taken and may_move and port != 0:
                port, tries = 0, PORT_TRIES
                continue
            reason = os.strerror(error.errno) if error.errno else str(error)
            fix = "stop the program that holds the port, or choose another" if taken else "choose another address"
            raise WarrenError(Code.LISTEN_FAILED, f"cannot open UDP {text}: {reason}", fix) from error


def _bind_both(port: int) -> list[socket.socket]:
    v4 = _bind_one("0.0.0.0", port)  # noqa: S104 - no host named: every address is meant
    try:
        return [v4, _bind_one("::", int(v4.getsockname()[1]))]
    except OSError as error:
        if error.errno in _NO_FAMILY:
            return [v4]
        v4.close()
        raise


def _bind_one(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((host, port))
        one.setblocking(False)  # noqa: FBT003 - socket's own signature
    except OSError:
        one.close()
        raise
    return one


def _split(text: str) -> tuple[str, int]:
    if (place := parse_listen(text)) is not None:
        return place
    raise WarrenError(Code.INVALID_ARGUMENT, f"cannot open UDP {text!r}", "give [ADDRESS]:PORT, such as :3478")
