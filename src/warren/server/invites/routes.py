"""`/api/v1/networks/{network}/keys`: see `warren.protocol.rest.keys`."""

from collections.abc import Collection
from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import FromPath, JSONBody

from warren.limits import PAGE
from warren.protocol.rest.keys import Key, KeyCreate, KeyCreated, Keys
from warren.protocol.rest.paging import ByDate
from warren.server.accounts.rules import Right
from warren.server.invites.service import state_of
from warren.server.invites.store import KeyRow
from warren.server.networks.live import LiveNetwork
from warren.server.paging import LINK, Cursor, Limit, answer, wanted
from warren.server.problems import refused
from warren.server.repeats.requests import IdempotencyKey, once
from warren.server.services import caller_of, services_of

HTTPRequest = Request[Any, Any, Any]


@get(
    "/networks/{network:str}/keys",
    operation_id="listKeys",
    summary="List the pre-auth keys",
    responses=refused(403, 404),
    response_headers=[LINK],
    opt={"right": Right.ADMIN_NETWORK},
)
async def list_keys(
    request: HTTPRequest, network: FromPath[str], cursor: Cursor = None, limit: Limit = PAGE
) -> Response[Keys]:
    """Every key of a network, the newest first, without secrets."""
    services = services_of(request)
    page, found = wanted(cursor, limit, ByDate), services.networks.find(network)
    now, delegated = services.invites.now(), found.invite_keys()
    return answer(
        request,
        page,
        await services.invites.page(found, after=page.after, limit=page.rows),
        lambda row: ByDate(row.created_at, row.id),
        lambda rows, following: Keys(keys=tuple(_shown(found, row, now, delegated) for row in rows), next=following),
    )


@post(
    "/networks/{network:str}/keys",
    operation_id="createKey",
    summary="Make a pre-auth key",
    responses=refused(403, 404, 422, 429),
    opt={"right": Right.ADMIN_NETWORK},
)
async def create_key(
    request: HTTPRequest,
    network: FromPath[str],
    data: JSONBody[KeyCreate],
    idempotency_key: IdempotencyKey = None,
) -> KeyCreated:
    """Make a key; its secret is in this answer and nowhere else."""
    services = services_of(request)
    found = services.networks.find(network)
    return await once(
        request,
        idempotency_key,
        KeyCreated,
        lambda keep: services.invites.create(
            found,
            reusable=data.reusable or data.uses is not None,
            ephemeral=data.ephemeral,
            tags=data.tags,
            expires_s=data.expires_s,
            uses=data.uses,
            actor=caller_of(request).actor,
            keep=keep,
        ),
        lambda made: KeyCreated(secret=made.secret.reveal(), key=_shown(found, made.row, services.invites.now())),
    )


@delete(
    "/networks/{network:str}/keys/{key_id:str}",
    operation_id="revokeKey",
    summary="Revoke a pre-auth key",
    status_code=200,
    responses=refused(403, 404),
    opt={"right": Right.ADMIN_NETWORK},
)
async def revoke_key(request: HTTPRequest, network: FromPath[str], key_id: FromPath[str]) -> Key:
    """Revoke a key; whom it admitted stays. This server admits nobody by it any more; a `delegated` one is believed by
    machines until an admin signs its end."""
    services = services_of(request)
    found = services.networks.find(network)
    row = await services.invites.revoke(found, key_id, actor=caller_of(request).actor)
    return _shown(found, row, services.invites.now(), found.invite_keys())


def _shown(network: LiveNetwork, row: KeyRow, now: int, delegated: Collection[bytes] = ()) -> Key:
    return Key(
        id=row.id,
        network=network.row.name,
        reusable=row.reusable,
        ephemeral=row.ephemeral,
        tags=msgspec.json.decode(row.tags, type=tuple[str, ...]),
        state=state_of(row, now),
        uses=row.uses,
        uses_max=row.uses_max,
        delegated=row.public in delegated,
        created_at=float(row.created_at),
        expires_at=float(row.expires_at),
        used_at=None if row.used_at is None else float(row.used_at),
        revoked_at=None if row.revoked_at is None else float(row.revoked_at),
    )
