"""`POST /v1/rekey`: change the WireGuard key; answers when the new one is in use."""

import asyncio

from warren.errors import Code, WarrenError
from warren.limits import REKEY_LOOK_S, UP_TIMEOUT_MAX_S
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.network import Network
from warren.protocol.local.rekey import RekeyRequest, RekeyResult


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Change it."""
    body = request.decode(RekeyRequest)
    if not 0 < body.timeout_s <= UP_TIMEOUT_MAX_S:
        raise WarrenError(Code.INVALID_ARGUMENT, f"a timeout is more than 0 and at most {UP_TIMEOUT_MAX_S:g} s")
    network = scope.roster.find(body.network)
    before = network.keys().wireguard.public
    network.rekeying.ask()
    if not await _is_in_use(network, before, body.timeout_s):
        raise WarrenError(
            Code.TIMEOUT,
            f"{network.name}: the new key is not in use yet; it will be once the server has heard of it",
            "see `warren status`",
        )
    await reply.result(
        RekeyResult(network=network.name, before=before.hex(), after=network.keys().wireguard.public.hex())
    )


async def _is_in_use(network: Network, before: bytes, within_s: float) -> bool:
    """Wait for another key than `before`. WarrenError where a step on the way is refused."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while (left_s := deadline - loop.time()) > 0:
        if await network.until(lambda: network.keys().wireguard.public != before, min(left_s, REKEY_LOOK_S)):
            return True
        if network.rekeying.failure is not None:
            raise network.rekeying.failure
    return False
