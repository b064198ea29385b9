"""`POST /v1/leave`: out of one network for good; the server is told where it can be reached."""

from warren.errors import WarrenError
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.protocol.local.down import LeaveRequest, LeaveResult


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """End a membership and delete what belongs to it; of a network that cannot be started, put aside what is there."""
    text = request.decode(LeaveRequest).network
    try:
        network = scope.roster.find(text)
    except WarrenError:
        aside = await scope.roster.put_aside(text)
        if aside is None:
            raise
        await reply.result(LeaveResult(network=aside.stem, told_server=False, kept_as=str(aside)))
        return
    name, own = network.name, network.map.me.name if network.map is not None else ""
    told = await scope.roster.leave(network)
    if scope.convergence is not None:
        await scope.convergence.converge()
    await reply.result(LeaveResult(network=name, told_server=told, name=own))
