"""`GET /v1/host/plan`: what the daemon wants of this machine, and what a run would change now."""

from warren.errors import Code, WarrenError
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.preview import preview_items
from warren.protocol.local.host import HostItem, HostPlan


async def answer(scope: Scope, _request: Request, reply: Reply) -> None:
    """Show the plan; nothing is touched."""
    if scope.reconciler is None:
        raise WarrenError(Code.NOT_UP, "the daemon is still starting")
    maps = [network.map for network in scope.roster.networks if network.map is not None]
    wanted, changes = await scope.reconciler.preview(maps)
    items = (HostItem(kind=one.kind, text=one.text, action=one.action) for one in preview_items(wanted, changes))
    await reply.result(HostPlan(items=tuple(items)))
