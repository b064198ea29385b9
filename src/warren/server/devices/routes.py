"""`/api/v1/networks/{network}/members`: see `warren.protocol.rest.members`."""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from warren.limits import PAGE
from warren.model.ids import Identity, show_identity
from warren.model.keys import KEY_BYTES
from warren.protocol.rest.members import Kicked, Member, Members, Renewal, Renewed
from warren.protocol.rest.paging import ByName
from warren.server.accounts.rules import Right
from warren.server.devices.rules import address_at
from warren.server.devices.service import Removed
from warren.server.devices.store import MemberRow
from warren.server.invites.service import unknown_key
from warren.server.networks.live import LiveNetwork
from warren.server.paging import LINK, Cursor, Limit, answer, wanted
from warren.server.problems import refused
from warren.server.repeats.kept import Keep
from warren.server.repeats.requests import IdempotencyKey, once
from warren.server.services import Services, caller_of, services_of

HTTPRequest = Request[Any, Any, Any]


@get(
    "/networks/{network:str}/members",
    operation_id="listMembers",
    summary="List the members",
    responses=refused(403, 404),
    response_headers=[LINK],
    opt={"right": Right.READ_NETWORK},
)
async def list_members(
    request: HTTPRequest, network: FromPath[str], cursor: Cursor = None, limit: Limit = PAGE
) -> Response[Members]:
    """Every member of a network by name."""
    services = services_of(request)
    page, found = wanted(cursor, limit, ByName), services.networks.find(network)
    return answer(
        request,
        page,
        await services.devices.page(found, after=page.after, limit=page.rows),
        lambda row: ByName(row.hostname or "", row.identity),
        lambda rows, following: Members(members=tuple(_shown(services, found, row) for row in rows), next=following),
    )


@delete(
    "/networks/{network:str}/members/{member:str}",
    operation_id="kickMember",
    summary="Remove a member",
    status_code=200,
    responses=refused(403, 404, 409, 422),
    opt={"right": Right.ADMIN_NETWORK},
)
async def kick_member(
    request: HTTPRequest,
    network: FromPath[str],
    member: FromPath[str],
    keep_key: FromQuery[bool] = False,  # noqa: FBT002  # Litestar passes query parameters by name
    idempotency_key: IdempotencyKey = None,
) -> Kicked:
    """End a membership; the key that admitted it is revoked too unless keep_key."""
    services = services_of(request)
    found = services.networks.find(network)
    actor, shown = caller_of(request).actor, list[Member]()

    async def kick(keep: Keep[Removed]) -> Removed:
        row = await services.devices.find(found, member)
        shown.append(_shown(services, found, row))  # as it was while it was a member
        return await services.devices.remove(found, row.identity, actor=actor, revoke_key=not keep_key, keep=keep)

    return await once(
        request,
        idempotency_key,
        Kicked,
        kick,
        lambda removed: Kicked(
            member=shown[-1],
            revoked_key=removed.revoked_key,
            keeps_rights=found.grant_of(removed.member.identity) is not None,
        ),
    )


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
