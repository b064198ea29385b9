"""Who may call which method of the daemon's API: the one table that the daemon checks and the documentation prints.

Peer credentials of the socket say who calls: root does all, an operator (chosen by `up --operator`) changes the network
state, everyone on the machine reads.
"""

from enum import IntEnum
from types import MappingProxyType
from typing import Final


class Right(IntEnum):
    """In ascending order: who holds one holds those below it."""

    READER = 1
    OPERATOR = 2
    ROOT = 3


STATUS: Final = "/v1/status"
UP: Final = "/v1/up"
DOWN: Final = "/v1/down"
LEAVE: Final = "/v1/leave"
REIDENTIFY: Final = "/v1/reidentify"
REKEY: Final = "/v1/rekey"
RENEW: Final = "/v1/renew"
PING: Final = "/v1/ping"
NETCHECK: Final = "/v1/netcheck"
WHY: Final = "/v1/why"
WHOAMI: Final = "/v1/whoami"
CONFIG: Final = "/v1/config"
SIGN: Final = "/v1/network/sign"
FOUND: Final = "/v1/network/found"
WAITING: Final = "/v1/network/waiting"
DENY: Final = "/v1/network/deny"
ROOT_EXPORT: Final = "/v1/network/export-root"
ROOT_IMPORT: Final = "/v1/network/import-root"
RECOVERY: Final = "/v1/network/recovery"
HOST_PLAN: Final = "/v1/host/plan"

NEEDED: Final = MappingProxyType(
    {
        ("GET", STATUS): Right.READER,
        ("GET", WHOAMI): Right.READER,
        ("GET", CONFIG): Right.READER,
        ("POST", PING): Right.READER,
        ("POST", NETCHECK): Right.READER,
        ("POST", WHY): Right.READER,
        ("GET", HOST_PLAN): Right.OPERATOR,
        ("POST", UP): Right.OPERATOR,
        ("POST", DOWN): Right.OPERATOR,
        ("POST", LEAVE): Right.OPERATOR,
        ("POST", REIDENTIFY): Right.OPERATOR,
        ("POST", REKEY): Right.OPERATOR,
        ("POST", RENEW): Right.OPERATOR,
        ("POST", SIGN): Right.OPERATOR,
        ("POST", FOUND): Right.OPERATOR,
        ("POST", WAITING): Right.OPERATOR,
        ("POST", DENY): Right.OPERATOR,
        ("POST", RECOVERY): Right.OPERATOR,
        ("POST", ROOT_IMPORT): Right.OPERATOR,
        ("POST", ROOT_EXPORT): Right.ROOT,
    }
)
"""(HTTP method, path) -> the least right. What is not in the table does not exist."""


def allows(held: Right, method: str, path: str) -> bool:
    """Return whether who holds `held` may call; False too for what does not exist."""
    needed = NEEDED.get((method, path))
    return needed is not None and held >= needed
