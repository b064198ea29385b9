"""`/api/v1/audit` and `/api/v1/networks/{network}/audit`: see `warren.protocol.rest.audit`."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath, QueryParameter

from warren.limits import PAGE
from warren.model.ids import NetworkId
from warren.protocol.rest.audit import AuditEntry, AuditPage
from warren.protocol.rest.paging import ByNumber
from warren.server.accounts.rules import Right
from warren.server.audit.store import AuditRow
from warren.server.paging import LINK, Cursor, Limit, answer, wanted
from warren.server.problems import refused
from warren.server.services import services_of

HTTPRequest = Request[Any, Any, Any]
Word = Annotated[str, QueryParameter(max_length=64, description="entries of this action, or of a kind of action, only")]


@get(
    "/audit",
    operation_id="listAudit",
    summary="Show the audit log",
    responses=refused(403),
    response_headers=[LINK],
    opt={"right": Right.SERVER},
)
async def list_audit(
    request: HTTPRequest, cursor: Cursor = None, limit: Limit = PAGE, action: Word = ""
) -> Response[AuditPage]:
    """Everything that changed who may do what, in every network and the server itself, the newest first."""
    return await _page(request, None, cursor, limit, action)


@get(
    "/networks/{network:str}/audit",
    operation_id="listNetworkAudit",
    summary="Show a network's audit log",
    responses=refused(403, 404),
    response_headers=[LINK],
    opt={"right": Right.ADMIN_NETWORK},
)
async def list_network_audit(
    request: HTTPRequest, network: FromPath[str], cursor: Cursor = None, limit: Limit = PAGE, action: Word = ""
) -> Response[AuditPage]:
    """What of it happened in this network."""
    return await _page(request, services_of(request).networks.find(network).id, cursor, limit, action)


async def _page(
    request: HTTPRequest, network: NetworkId | None, cursor: str | None, limit: int, action: str
) -> Response[AuditPage]:
    page = wanted(cursor, limit, ByNumber)
    return answer(
        request,
        page,
        await services_of(request).audit.newest(network, after=page.after, limit=page.rows, action=action),
        lambda row: ByNumber(row.number),
        lambda rows, following: AuditPage(entries=tuple(map(_shown, rows)), next=following),
    )


def _shown(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        number=row.number,
        at=float(row.at),
        actor=row.actor,
        action=row.action,
        network="" if row.network is None else row.network.hex(),
        subject=row.subject,
        detail=msgspec.json.decode(row.detail, type=dict[str, Any]),
    )
