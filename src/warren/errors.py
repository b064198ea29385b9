"""The catalogue of stable codes, and the one exception that carries them to a user.

A code is part of the contract: scripts match on it, the protocol closes sessions with it, problem+json carries it.
Names may be added, never changed or used for something else.
"""

import errno
from enum import StrEnum


class Code(StrEnum):
    """Why something was refused; the text beside it says what was wrong and what to do."""

    # input of a user
    INVALID_ARGUMENT = "E_INVALID_ARGUMENT"
    INVALID_HOSTNAME = "E_INVALID_HOSTNAME"
    INVALID_KEY = "E_INVALID_KEY"
    INVALID_CONFIG = "E_INVALID_CONFIG"
    # joining
    HOSTNAME_TAKEN = "E_HOSTNAME_TAKEN"
    KEY_UNKNOWN = "E_KEY_UNKNOWN"
    KEY_EXPIRED = "E_KEY_EXPIRED"
    KEY_USED = "E_KEY_USED"
    KEY_REVOKED = "E_KEY_REVOKED"
    PIN_MISMATCH = "E_PIN_MISMATCH"
    NOT_A_MEMBER = "E_NOT_A_MEMBER"
    REMOVED = "E_REMOVED"
    WAITING = "E_WAITING"
    ADDRESSES_EXHAUSTED = "E_ADDRESSES_EXHAUSTED"
    NETWORK_UNKNOWN = "E_NETWORK_UNKNOWN"
    # reaching the other side
    SERVER_UNREACHABLE = "E_SERVER_UNREACHABLE"
    CLOCK = "E_CLOCK"
    SERVER_IDENTITY = "E_SERVER_IDENTITY"
    DAEMON_UNREACHABLE = "E_DAEMON_UNREACHABLE"
    TIMEOUT = "E_TIMEOUT"
    BUSY = "E_BUSY"
    UNAVAILABLE = "E_UNAVAILABLE"
    MISDIRECTED = "E_MISDIRECTED"
    LISTEN_FAILED = "E_LISTEN_FAILED"
    # protocol
    VERSION = "E_VERSION"
    MALFORMED = "E_MALFORMED"
    TOO_LARGE = "E_TOO_LARGE"
    OUT_OF_ORDER = "E_OUT_OF_ORDER"
    BAD_SIGNATURE = "E_BAD_SIGNATURE"
    EXPIRED = "E_EXPIRED"
    UNSUPPORTED = "E_UNSUPPORTED"
    # rights
    FORBIDDEN = "E_FORBIDDEN"
    UNAUTHENTICATED = "E_UNAUTHENTICATED"
    SECOND_FACTOR = "E_SECOND_FACTOR"
    NO_TUN_RIGHTS = "E_NO_TUN_RIGHTS"
    # state of things
    NOT_UP = "E_NOT_UP"
    NOT_FOUND = "E_NOT_FOUND"
    CONFLICT = "E_CONFLICT"
    REPEAT_MISMATCH = "E_REPEAT_MISMATCH"
    ALREADY_RUNNING = "E_ALREADY_RUNNING"
    ADDRESS_COLLISION = "E_ADDRESS_COLLISION"
    HOST_REFUSED = "E_HOST_REFUSED"
    STATE_DAMAGED = "E_STATE_DAMAGED"
    STORE_UNAVAILABLE = "E_STORE_UNAVAILABLE"
    DOWNGRADE = "E_DOWNGRADE"
    INTERNAL = "E_INTERNAL"


class WarrenError(Exception):
    """A refusal or failure that a user can act on.

    `code` is stable, `text` says what was wrong, `fix` what to do (may be empty).
    """

    def __init__(self, code: Code, text: str, fix: str = "") -> None:
        super().__init__(f"{code.value}: {text}" + (f" ({fix})" if fix else ""))
        self.code = code
        self.text = text
        self.fix = fix


_NEXT_STEPS = {
    errno.EROFS: "the disk is read-only: mount it for writing, then try again",
    errno.ENOSPC: "the disk is full: free some space, then try again",
    errno.EDQUOT: "the quota is used up: free some space, then try again",
    errno.EIO: "the disk fails: look at the kernel's log (dmesg)",
    errno.EMFILE: "too many files are open: try again, or raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine: try again later",
    errno.ENOMEM: "memory is short: try again later",
}
_BARRED = "see to its owner, rights and attributes (ls -ld, lsattr), then try again"


def disk_refused(what: str, error: OSError, fix: str = "") -> WarrenError:
    """STORE_UNAVAILABLE with the next step that the system's word asks for; `what` could not be done."""
    step = fix or _NEXT_STEPS.get(error.errno or 0, _BARRED)
    return WarrenError(Code.STORE_UNAVAILABLE, f"{what}: {error.strerror or error}", step)
