"""`/api/v1/audit` and `/api/v1/networks/{network}/audit`: see `warren.protocol.rest.audit`."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get
from litestar.params import FromPath, QueryParameter

from warren.limits import AUDIT_PAGE, AUDIT_PAGE_MAX
from warren.protocol.rest.audit import AuditEntry, AuditPage
from warren.server.accounts.rules import Right
from warren.server.audit.store import AuditRow
from warren.server.problems import refused
from warren.server.services import services_of

HTTPRequest = Request[Any, Any, Any]
_NUMBER_MAX: Final = 2**63 - 1
Before = Annotated[int | None, QueryParameter(ge=1, le=_NUMBER_MAX, description="entries with smaller numbers only")]
Limit = Annotated[int, QueryParameter(ge=1, le=AUDIT_PAGE_MAX, description="how many at most")]
Word = Annotated[str, QueryParameter(max_length=64, description="entries of this action, or of a kind of action, only")]


@get(
    "/audit",
    operation_id="listAudit",
    summary="Show the audit log",
    responses=refused(403),
    opt={"right": Right.SERVER},
)
async def list_audit(
    request: HTTPRequest, before: Before = None, limit: Limit = AUDIT_PAGE, action: Word = ""
) -> AuditPage:
    """Everything that changed who may do what, in every network and the server itself, the newest first."""
    rows = await services_of(request).audit.newest(None, before=before, limit=limit, action=action)
    return _page(rows, limit)


@get(
    "/networks/{network:str}/audit",
    operation_id="listNetworkAudit",
    summary="Show a network's audit log",
    responses=refused(403, 404),
    opt={"right": Right.ADMIN_NETWORK},
)
async def list_network_audit(
    request: HTTPRequest, network: FromPath[str], before: Before = None, limit: Limit = AUDIT_PAGE, action: Word = ""
) -> AuditPage:
    """What of it happened in this network."""
    services = services_of(request)
    found = services.networks.find(network)
    return _page(await services.audit.newest(found.id, before=before, limit=limit, action=action), limit)


def _page(rows: list[AuditRow], limit: int) -> AuditPage:
    shown = rows[:limit]
    return AuditPage(entries=tuple(map(_shown, shown)), next=shown[-1].number if len(rows) > limit else None)


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
