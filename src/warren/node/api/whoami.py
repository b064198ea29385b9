"""`GET /v1/whoami`: who this machine is in each network, and what the caller may do."""

from warren.model.ids import show_identity, show_network_id
from warren.node.api.caller import user_of_uid
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.network import Network
from warren.protocol.local.whoami import Whoami, WhoamiNetwork


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Say it."""
    operator = scope.wanted.operator_uid
    await reply.result(
        Whoami(
            networks=tuple(_network(network) for network in scope.roster.networks),
            right=request.right.name.lower(),
            operator=user_of_uid(operator) if operator is not None else None,
        )
    )


def _network(network: Network) -> WhoamiNetwork:
    me = network.map.me if network.map is not None else None
    member = network.held.view.members.get(network.me) if network.held is not None else None
    membership = member.membership if member is not None else None
    return WhoamiNetwork(
        network=network.name,
        network_id=show_network_id(network.id),
        name=me.name if me is not None else network.parts.membership.hostname,
        fqdn=me.fqdn if me is not None else "",
        addresses=tuple(str(address) for address in me.addresses) if me is not None else (),
        identity=show_identity(network.me),
        user=membership.user if membership is not None else "",
        tags=membership.tags if membership is not None else (),
        server=network.parts.membership.server,
        expires=float(membership.expires) if membership is not None and membership.expires is not None else None,
    )
