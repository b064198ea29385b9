"""Giving up what the daemon does not need, before it does anything else (capabilities(7), prctl(2)).

Decides what is kept: CAP_NET_ADMIN for links, addresses, routes and the TUN, CAP_NET_BIND_SERVICE for a port below
1024. All else leaves the effective, permitted, inheritable and bounding sets, so that nothing started later has more.
Works on the calling thread and is inherited by those that come: it has to be called before any thread exists. Files of
the state folder stay usable, because they belong to this user. No core is dumped: it would hold keys.
"""

import ctypes
import os
import resource
from pathlib import Path

from warren.log import Log

CAP_NET_BIND_SERVICE = 10
CAP_NET_ADMIN = 12
KEPT = frozenset({CAP_NET_BIND_SERVICE, CAP_NET_ADMIN})

_CAP_SETPCAP = 8
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_VERSION_3 = 0x20080522  # linux/capability.h: two 32-bit words a set

log = Log("privileges")


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def drop() -> None:
    """Keep KEPT, as far as it is held, and nothing else; what the system refuses is logged, and the daemon goes on."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    _try(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    held = held_capabilities()
    if _CAP_SETPCAP in held:
        number = 0
        while libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) >= 0:
            if number not in KEPT:
                _try(libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0), "the bounding set")
            number += 1
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    mask = sum(1 << number for number in held & KEPT)
    header = _Header(_VERSION_3, 0)
    sets = (_Sets * 2)(_Sets(mask, mask, 0), _Sets(0, 0, 0))
    _try(libc.capset(ctypes.byref(header), ctypes.byref(sets)), "the capability sets")


def held_capabilities() -> frozenset[int]:
    """The numbers of the effective capabilities of this process, as the kernel shows them."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            mask = int(value, 16)
            return frozenset(number for number in range(mask.bit_length()) if mask >> number & 1)
    return frozenset()


def _try(result: int, what: str) -> None:
    if result != 0:
        log.warning("privileges stay", what=what, reason=os.strerror(ctypes.get_errno()))
