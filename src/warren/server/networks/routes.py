"""`/api/v1/networks`: see `warren.protocol.rest.networks`."""

from typing import Any

from litestar import Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from warren.model.ids import show_identity, show_network_id
from warren.protocol.rest.networks import Network, NetworkCreate, NetworkRename, Networks
from warren.server.networks.live import LiveNetwork
from warren.server.problems import refused
from warren.server.services import ADMIN_ACTOR, Services, services_of

HTTPRequest = Request[Any, Any, Any]


@get("/networks", operation_id="listNetworks", summary="List the networks", responses=refused())
async def list_networks(request: HTTPRequest) -> Networks:
    """Every network of this server, the oldest first."""
    services = services_of(request)
    counts = await services.networks.member_counts()
    return Networks(
        networks=tuple(_shown(services, network, counts.get(network.id, 0)) for network in services.networks.all())
    )


@post("/networks", operation_id="createNetwork", summary="Make a network", responses=refused(409, 429))
async def create_network(request: HTTPRequest, data: JSONBody[NetworkCreate]) -> Network:
    """Make a network whose root is on this server."""
    services = services_of(request)
    network = await services.networks.create(data.name, data.prefix, actor=ADMIN_ACTOR)
    return _shown(services, network, 0)


@get("/networks/{network:str}", operation_id="showNetwork", summary="Show a network", responses=refused(404))
async def show_network(request: HTTPRequest, network: FromPath[str]) -> Network:
    """One network by name or id."""
    services = services_of(request)
    found = services.networks.find(network)
    counts = await services.networks.member_counts()
    return _shown(services, found, counts.get(found.id, 0))


@patch(
    "/networks/{network:str}",
    operation_id="renameNetwork",
    summary="Rename a network",
    responses=refused(403, 404, 409),
)
async def rename_network(request: HTTPRequest, network: FromPath[str], data: JSONBody[NetworkRename]) -> Network:
    """Give a network another name; the names of its members change with it."""
    services = services_of(request)
    found = services.networks.find(network)
    await services.networks.rename(found, data.name, actor=ADMIN_ACTOR)
    counts = await services.networks.member_counts()
    return _shown(services, found, counts.get(found.id, 0))


@delete(
    "/networks/{network:str}",
    operation_id="deleteNetwork",
    summary="Delete a network",
    status_code=200,
    responses=refused(404),
)
async def delete_network(request: HTTPRequest, network: FromPath[str]) -> Network:
    """Forget a network with its members and keys; answers what it was."""
    services = services_of(request)
    found = services.networks.find(network)
    counts = await services.networks.member_counts()
    answer = _shown(services, found, counts.get(found.id, 0))
    await services.networks.delete(found, actor=ADMIN_ACTOR)
    return answer


def _shown(services: Services, network: LiveNetwork, members: int) -> Network:
    return Network(
        id=show_network_id(network.id),
        name=network.row.name,
        suffix=network.settings.suffix,
        prefixes=(network.settings.prefix4, network.settings.prefix6),
        root=network.row.root,
        root_key=show_identity(network.row.root_key),
        server_key=show_identity(services.server_key.public),
        locked=False,
        members=members,
        online=services.hub.online(network.id),
        created_at=float(network.row.created_at),
    )
