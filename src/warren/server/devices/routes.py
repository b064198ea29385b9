"""`/api/v1/networks/{network}/members`: see `warren.protocol.rest.members`."""

from typing import Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from warren.model.ids import Identity, show_identity
from warren.model.keys import KEY_BYTES
from warren.protocol.rest.members import Kicked, Member, Members, Renewal, Renewed
from warren.server.accounts.rules import Right
from warren.server.devices.rules import address_at
from warren.server.devices.store import MemberRow
from warren.server.invites.service import unknown_key
from warren.server.networks.live import LiveNetwork
from warren.server.problems import refused
from warren.server.services import Services, caller_of, services_of

HTTPRequest = Request[Any, Any, Any]


@get(
    "/networks/{network:str}/members",
    operation_id="listMembers",
    summary="List the members",
    responses=refused(403, 404),
    opt={"right": Right.READ_NETWORK},
)
async def list_members(request: HTTPRequest, network: FromPath[str]) -> Members:
    """Every member of a network by name."""
    services = services_of(request)
    found = services.networks.find(network)
    return Members(members=tuple(_shown(services, found, row) for row in await services.devices.all(found)))


@delete(
    "/networks/{network:str}/members/{member:str}",
    operation_id="kickMember",
    summary="Remove a member",
    status_code=200,
    responses=refused(403, 404, 409),
    opt={"right": Right.ADMIN_NETWORK},
)
async def kick_member(
    request: HTTPRequest,
    network: FromPath[str],
    member: FromPath[str],
    keep_key: FromQuery[bool] = False,  # noqa: FBT002  # Litestar passes query parameters by name
) -> Kicked:
    """End a membership; the key that admitted it is revoked too unless keep_key."""
    services = services_of(request)
    found = services.networks.find(network)
    row = await services.devices.find(found, member)
    shown = _shown(services, found, row)
    removed = await services.devices.remove(
        found, row.identity, actor=caller_of(request).actor, revoke_key=not keep_key
    )
    return Kicked(member=shown, revoked_key=removed.revoked_key)


@post(
    "/networks/{network:str}/members/{member:str}/renew",
    operation_id="renewMember",
    summary="Renew a person's machine",
    status_code=200,
    responses=refused(400, 403, 404, 409),
    opt={"open": True},
)
async def renew_member(
    request: HTTPRequest, network: FromPath[str], member: FromPath[str], data: JSONBody[Renewal]
) -> Renewed:
    """Give a machine a later end by a key of its person. Without authentication: the key's signature says it all, and
    whoever names something that is not there hears the same."""
    services = services_of(request)
    named, identity = _read_hex(network), _read_hex(member)
    found = services.networks.get(named)
    if found is None or len(identity) != KEY_BYTES:
        raise unknown_key()
    body = await services.devices.renew_by_key(found, Identity(identity), data.key_id, bytes.fromhex(data.signature))
    return Renewed(expires_at=float(body.expires or 0))


def _read_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _shown(services: Services, network: LiveNetwork, row: MemberRow) -> Member:
    body = network.membership(row.identity)
    name = row.hostname or ""
    ipv4 = () if row.offset is None else (str(address_at(network.prefix4, row.offset)),)
    return Member(
        identity=show_identity(row.identity),
        name=name,
        fqdn=f"{name}.{network.settings.suffix}",
        addresses=(*ipv4, network.ipv6_of(row.identity)),
        user=row.user,
        tags=msgspec.json.decode(row.tags, type=tuple[str, ...]),
        ephemeral=row.ephemeral,
        online=services.hub.is_online(network.id, row.identity),
        joined_at=float(row.joined_at),
        last_seen=None if row.last_seen is None else float(row.last_seen),
        expires_at=None if body is None or body.expires is None else float(body.expires),
        os=row.os,
        key_id=row.key_id,
    )
