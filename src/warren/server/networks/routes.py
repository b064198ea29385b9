"""`/api/v1/networks`: see `warren.protocol.rest.networks`."""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from warren.errors import Code, WarrenError
from warren.limits import PAGE
from warren.model.ids import show_identity, show_network_id
from warren.protocol.rest.networks import (
    Founding,
    Network,
    NetworkCreate,
    NetworkRename,
    Networks,
    TakenOver,
    TakeOver,
)
from warren.protocol.rest.paging import ByDateAndNetwork
from warren.server.accounts.rules import Right
from warren.server.networks.live import LiveNetwork
from warren.server.networks.service import ROOT_OF_OWNER
from warren.server.paging import LINK, Cursor, Limit, answer, wanted
from warren.server.problems import refused
from warren.server.repeats.kept import Keep
from warren.server.repeats.requests import IdempotencyKey, once
from warren.server.services import Services, caller_of, services_of

HTTPRequest = Request[Any, Any, Any]


@get(
    "/networks",
    operation_id="listNetworks",
    summary="List the networks",
    responses=refused(403),
    response_headers=[LINK],
    opt={"right": Right.LIST_NETWORKS},
)
async def list_networks(request: HTTPRequest, cursor: Cursor = None, limit: Limit = PAGE) -> Response[Networks]:
    """Every network that the caller has a role in, the oldest first; a server's admin sees all."""
    services, caller = services_of(request), caller_of(request)
    page = wanted(cursor, limit, ByDateAndNetwork)
    roles = await services.accounts.roles(caller)
    seen = [one for one in services.networks.all() if caller.is_server_admin or one.id in roles]
    rows = sorted((one for one in seen if page.after is None or _key(one) > _after(page.after)), key=_key)
    counts = await services.networks.member_counts()
    return answer(
        request,
        page,
        rows[: page.rows],
        lambda one: ByDateAndNetwork(one.row.created_at, one.id),
        lambda found, following: Networks(
            networks=tuple(_shown(services, one, counts.get(one.id, 0)) for one in found), next=following
        ),
    )


def _key(network: LiveNetwork) -> tuple[int, bytes]:
    return network.row.created_at, network.id


def _after(place: ByDateAndNetwork) -> tuple[int, bytes]:
    return place.at, place.network


@post(
    "/networks",
    operation_id="createNetwork",
    summary="Make a network",
    responses=refused(403, 409, 422, 429),
    opt={"right": Right.CREATE_NETWORK},
)
async def create_network(
    request: HTTPRequest, data: JSONBody[NetworkCreate], idempotency_key: IdempotencyKey = None
) -> Network:
    """Make a network whose root is on this server; who makes it owns it."""
    services, caller = services_of(request), caller_of(request)

    async def make(keep: Keep[LiveNetwork]) -> LiveNetwork:
        actor, owner = caller.actor, caller.user
        if data.genesis:
            return await services.networks.adopt(
                data.name, data.genesis, data.documents, actor=actor, owner=owner, keep=keep
            )
        return await services.networks.create(
            data.name, data.prefix, actor=actor, owner=owner, prefix6=data.prefix6, keep=keep
        )

    return await once(request, idempotency_key, Network, make, lambda made: _shown(services, made, 0))


@get(
    "/founding",
    operation_id="showFounding",
    summary="What a new network's documents name",
    responses=refused(403),
    opt={"right": Right.CREATE_NETWORK},
)
async def show_founding(request: HTTPRequest) -> Founding:
    """For a network whose root lives on its owner's device."""
    services = services_of(request)
    return Founding(
        url=services.base_url,
        server_key=show_identity(services.server_key.public),
        registrar=show_identity(services.networks.registrar_key),
        prefixes=tuple(one.settings.prefix4 for one in services.networks.all()),
    )


@post(
    "/networks/{network:str}/take-over",
    operation_id="takeOverNetwork",
    summary="Take the root key of a network",
    status_code=200,
    responses=refused(403, 404, 422),
    opt={"right": Right.OWN_NETWORK},
)
async def take_over(
    request: HTTPRequest,
    network: FromPath[str],
    data: JSONBody[TakeOver],
    idempotency_key: IdempotencyKey = None,
) -> TakenOver:
    """Show the root key that lives here, in no answer that is kept; with a proof that it arrived, forget it."""
    services = services_of(request)
    found = services.networks.find(network)
    counts = await services.networks.member_counts()
    if not data.proof:
        secret = services.networks.root_secret(found).reveal()
        return TakenOver(network=_shown(services, found, counts.get(found.id, 0)), secret=secret)
    try:
        proof = bytes.fromhex(data.proof)
    except ValueError as error:
        raise WarrenError(Code.MALFORMED, "a proof is a signature in hex") from error
    afterwards = msgspec.structs.replace(_shown(services, found, counts.get(found.id, 0)), root=ROOT_OF_OWNER)
    return await once(
        request,
        idempotency_key,
        TakenOver,
        lambda keep: services.networks.forget_root(found, proof, actor=caller_of(request).actor, keep=keep),
        lambda _: TakenOver(network=afterwards),
    )


@get(
    "/networks/{network:str}",
    operation_id="showNetwork",
    summary="Show a network",
    responses=refused(403, 404),
    opt={"right": Right.READ_NETWORK},
)
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
    opt={"right": Right.OWN_NETWORK},
)
async def rename_network(request: HTTPRequest, network: FromPath[str], data: JSONBody[NetworkRename]) -> Network:
    """Give a network another name; the names of its members change with it."""
    services = services_of(request)
    found = services.networks.find(network)
    await services.networks.rename(found, data.name, actor=caller_of(request).actor)
    counts = await services.networks.member_counts()
    return _shown(services, found, counts.get(found.id, 0))


@delete(
    "/networks/{network:str}",
    operation_id="deleteNetwork",
    summary="Delete a network",
    status_code=200,
    responses=refused(403, 404),
    opt={"right": Right.OWN_NETWORK},
)
async def delete_network(request: HTTPRequest, network: FromPath[str]) -> Network:
    """Forget a network with its members and keys; answers what it was."""
    services = services_of(request)
    found = services.networks.find(network)
    counts = await services.networks.member_counts()
    answer = _shown(services, found, counts.get(found.id, 0))
    await services.networks.delete(found, actor=caller_of(request).actor)
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
        locked=network.is_locked,
        members=members,
        online=services.hub.online(network.id),
        created_at=float(network.row.created_at),
    )
