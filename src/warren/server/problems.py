"""Every error of HTTP as `application/problem+json` with a stable code (RFC 9457).

Decides the code for what Litestar itself refuses (no such path, a wrong method, a body that is none). Must not know
routes. A bug becomes INTERNAL, logged once with its traceback; its caller sees no more than that.
"""

from collections.abc import Callable
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from warren.errors import Code, WarrenError
from warren.log import Log
from warren.protocol.rest.problem import MEDIA_TYPE, Problem, problem_of

RETRY_AFTER_S = {Code.STORE_UNAVAILABLE: 5, Code.BUSY: 5}

log = Log("http")

_CODE_OF_STATUS: Final = {
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    413: Code.TOO_LARGE,
    500: Code.INTERNAL,
    503: Code.STORE_UNAVAILABLE,
}


def refused(*statuses: int) -> dict[int, ResponseSpec]:
    """What a route's description says of its refusals; 400 and 401 are always among them."""
    return {
        status: ResponseSpec(
            Problem,
            generate_examples=False,
            description="refused",
            media_type=MEDIA_TYPE,
        )
        for status in sorted({400, 401, 503, *statuses})
    }


def on_warren_error(_request: Request[Any, Any, Any], error: WarrenError) -> Response[Problem]:
    """A refusal with its code."""
    return _response(problem_of(error, RETRY_AFTER_S.get(error.code, 0)))


def on_http_exception(_request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """What the framework refused."""
    if error.status_code >= 500:
        log.bug("a request failed", error, status=error.status_code)
    detail = _sentence(error)
    code = _CODE_OF_STATUS.get(error.status_code, Code.INVALID_ARGUMENT)
    title = code.name.replace("_", " ").capitalize()
    problem = Problem(code=code.value, title=title, status=error.status_code, detail=detail)
    return _response(problem, getattr(error, "headers", None))


def on_bug(_request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A bug: logged here, named only by its code outside."""
    log.bug("a request failed", error)
    return _response(problem_of(WarrenError(Code.INTERNAL, "the server failed on this request", "see its log")))


HANDLERS: Final[dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Problem]]]] = {
    WarrenError: on_warren_error,
    HTTPException: on_http_exception,
    Exception: on_bug,
}


def _sentence(error: HTTPException) -> str:
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        reasons = [f"{entry.get('key', 'body')}: {entry.get('message', '')}" for entry in error.extra]
        return "; ".join(reasons)[:1000] or error.detail
    return error.detail


def _response(problem: Problem, headers: dict[str, str] | None = None) -> Response[Problem]:
    headers = {name: value for name, value in (headers or {}).items() if name.lower() == "allow"}
    if problem.retry_after_s:
        headers["retry-after"] = str(problem.retry_after_s)
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)
