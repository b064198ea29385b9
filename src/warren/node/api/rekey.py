"""`POST /v1/rekey`: change the WireGuard key; answers when the new one is in use."""

from warren.errors import Code, WarrenError
from warren.limits import UP_TIMEOUT_MAX_S
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.protocol.local.rekey import RekeyRequest, RekeyResult


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Change it."""
    body = request.decode(RekeyRequest)
    if not 0 < body.timeout_s <= UP_TIMEOUT_MAX_S:
        raise WarrenError(Code.INVALID_ARGUMENT, f"a timeout is more than 0 and at most {UP_TIMEOUT_MAX_S:g} s")
    network = scope.roster.find(body.network)
    before = network.keys().wireguard.public
    network.rekeying.ask()
    if not await network.until(lambda: network.keys().wireguard.public != before, body.timeout_s):
        raise WarrenError(
            Code.TIMEOUT,
            f"{network.name}: the new key is not in use yet; it will be once the server has heard of it",
            "see `warren status`",
        )
    await reply.result(
        RekeyResult(network=network.name, before=before.hex(), after=network.keys().wireguard.public.hex())
    )
