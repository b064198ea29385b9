"""`Idempotency-Key` on a route: the parameter, and the change that is carried out once.

Every route takes it that makes something or uses something up: the answer that was lost on its way is given again, and
nothing is made twice. Decides what a repeated request has to have in common: the token, method, address and body.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request
from litestar.params import HeaderParameter

from warren.server.repeats import rules
from warren.server.repeats.kept import Keep
from warren.server.repeats.rules import Asked
from warren.server.services import caller_of, services_of

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=rules.KEY_MAX_CHARS + 2,
        description="a fresh random word: the same request with the same word is carried out once and answered again "
        "for a day; another request with it is refused with 422",
    ),
]
AnswerT = TypeVar("AnswerT", bound=msgspec.Struct)
ResultT = TypeVar("ResultT")


async def once(
    request: Request[Any, Any, Any],
    key: str | None,
    kind: type[AnswerT],
    change: Callable[[Keep[ResultT]], Awaitable[ResultT]],
    shown: Callable[[ResultT], AnswerT],
) -> AnswerT:
    """What `Repeats.once` answers to this request. Raises WarrenError INVALID_ARGUMENT for what is no key."""
    asked = None if key is None else await _asked(request, rules.parse_key(key))
    return await services_of(request).repeats.once(asked, kind, change, shown)


async def _asked(request: Request[Any, Any, Any], key: str) -> Asked:
    caller = caller_of(request)
    said = rules.said_of(request.method, request.url.path, request.scope["query_string"], await request.body())
    return Asked(caller=caller.token or "", person=caller.user or "", key=key, said=said)
