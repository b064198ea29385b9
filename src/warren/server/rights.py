"""The guard of every route: who calls, and whether they may.

Decides nothing itself: which socket a request came in by is in its scope, a token's holder is the accounts' word, what
a right takes is `accounts/rules.py`'s. Invariant: a handler that runs has a `Caller` in its scope, and a route without
`open` or `right` is refused to everybody but the admin socket.
"""

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from warren.errors import Code, WarrenError
from warren.server.accounts import rules
from warren.server.accounts.rules import ADMIN_SOCKET, Caller, Right, Role
from warren.server.factors.rules import Action
from warren.server.services import CALLER_KEY, STATE_KEY, Services

ADMIN_KEY: Final = "warren_admin"
"""In the scope of what came in by the admin socket; `door` puts it there."""

Connection = ASGIConnection[Any, Any, Any, Any]


async def may_call(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let a call through, or raise WarrenError UNAUTHENTICATED, FORBIDDEN or NETWORK_UNKNOWN."""
    state = connection.scope["state"]
    if handler.opt.get("open"):
        return
    services: Services = connection.app.state[STATE_KEY]
    caller = ADMIN_SOCKET if state.get(ADMIN_KEY) is True else await _holder(services, connection)
    right = handler.opt.get("right", Right.SERVER)
    refused = rules.refusal(caller, right, await _role(services, caller, connection.path_params.get("network")))
    if refused is not None:
        raise refused
    if (
        caller.user is not None
        and right in rules.ADMINISTERS
        and services.factors.demands.refuses(Action.ADMIN, caller.factor_at, services.accounts.now())
    ):
        raise WarrenError(
            Code.SECOND_FACTOR, "this server takes a second factor, shown lately, for what administers", "warren login"
        )
    state[CALLER_KEY] = caller


async def _holder(services: Services, connection: Connection) -> Caller:
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer:
        raise WarrenError(
            Code.UNAUTHENTICATED,
            "this call needs a token",
            "sign on: warren login --server URL; or run the command on the server's machine with --server DIR",
        )
    return await services.accounts.caller(bearer.strip())


async def _role(services: Services, caller: Caller, named: str | None) -> Role | None:
    """The caller's role in the network that the path names."""
    if named is None or caller.is_server_admin:
        return None
    try:
        network = services.networks.find(named)
    except WarrenError as error:
        raise rules.unknown_network() from error
    return (await services.accounts.roles(caller)).get(network.id)
