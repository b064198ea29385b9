"""Who calls: the credentials that the kernel gives for the other end of a unix socket (unix(7), SO_PEERCRED).

Decides the right that a caller holds: root and the daemon's own user do all, the operator changes, everyone reads.
Must not know methods; `protocol.local.rights` has the table.
"""

import os
import pwd
import socket
import struct
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.protocol.local.rights import Right

_CREDENTIALS = struct.Struct("iII")


@dataclass(frozen=True, slots=True)
class Caller:
    """A process at the other end of the socket, as it was when it connected."""

    pid: int
    uid: int
    gid: int


def caller_of(connection: socket.socket) -> Caller:
    """The credentials of the other end; OSError where the kernel gives none."""
    pid, uid, gid = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return Caller(pid, uid, gid)


def right_of(caller: Caller, operator_uid: int | None) -> Right:
    """The right that the caller holds."""
    if caller.uid in {0, os.geteuid()}:
        return Right.ROOT
    return Right.OPERATOR if caller.uid == operator_uid else Right.READER


def uid_of_user(name: str) -> int:
    """The user id of a user of this machine, by name or number; WarrenError INVALID_ARGUMENT where there is none."""
    try:
        if name.isascii() and name.isdigit() and len(name) <= 10:
            return pwd.getpwuid(int(name)).pw_uid
        return pwd.getpwnam(name).pw_uid
    except (KeyError, OverflowError, ValueError) as error:
        raise WarrenError(
            Code.INVALID_ARGUMENT, f"this machine has no user '{name[:64]}'", "getent passwd lists those that it has"
        ) from error


def user_of_uid(uid: int) -> str:
    """The name of a user id, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
