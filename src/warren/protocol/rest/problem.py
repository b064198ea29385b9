"""Errors over HTTP (RFC 9457, `application/problem+json`): our stable code, what was wrong, what to do."""

from types import MappingProxyType
from typing import Final

import msgspec

from warren.errors import Code, WarrenError

MEDIA_TYPE: Final = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is stable, `detail` says what was wrong, `fix` what to do."""

    code: str
    title: str
    status: int
    detail: str
    fix: str = ""
    type: str = "about:blank"
    retry_after_s: int = 0


STATUS_OF: Final = MappingProxyType(
    {
        Code.INVALID_ARGUMENT: 400,
        Code.INVALID_HOSTNAME: 400,
        Code.INVALID_KEY: 400,
        Code.INVALID_CONFIG: 400,
        Code.MALFORMED: 400,
        Code.UNAUTHENTICATED: 401,
        Code.FORBIDDEN: 403,
        Code.SECOND_FACTOR: 403,
        Code.NO_TUN_RIGHTS: 403,
        Code.NOT_A_MEMBER: 403,
        Code.REMOVED: 403,
        Code.NOT_FOUND: 404,
        Code.NETWORK_UNKNOWN: 404,
        Code.CONFLICT: 409,
        Code.HOSTNAME_TAKEN: 409,
        Code.ADDRESSES_EXHAUSTED: 409,
        Code.ADDRESS_COLLISION: 409,
        Code.ALREADY_RUNNING: 409,
        Code.NOT_UP: 409,
        Code.TOO_LARGE: 413,
        Code.REPEAT_MISMATCH: 422,
        Code.BUSY: 429,
        Code.UNSUPPORTED: 501,
        Code.SERVER_UNREACHABLE: 502,
        Code.STORE_UNAVAILABLE: 503,
        Code.TIMEOUT: 504,
        Code.INTERNAL: 500,
        Code.STATE_DAMAGED: 500,
    }
)
"""Code -> HTTP status; what is not named is 400."""


def problem_of(error: WarrenError, retry_after_s: int = 0) -> Problem:
    """Return the problem that says what the error says."""
    return Problem(
        code=error.code.value,
        title=error.code.name.replace("_", " ").capitalize(),
        status=STATUS_OF.get(error.code, 400),
        detail=error.text,
        fix=error.fix,
        retry_after_s=retry_after_s,
    )


def error_of(problem: Problem) -> WarrenError:
    """Return the error that the problem says; a code that this program does not know becomes INTERNAL, named in the
    text.
    """
    try:
        return WarrenError(Code(problem.code), problem.detail, problem.fix)
    except ValueError:
        return WarrenError(Code.INTERNAL, f"{problem.code}: {problem.detail}", problem.fix)
