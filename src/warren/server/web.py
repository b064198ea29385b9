"""The ASGI application of the server: routes, rights, errors, the OpenAPI description.

Decides what answers without authentication: only routes marked open (SECURITY.md rule 18: a test compares them with the
approved list); every other asks `rights.py`. Which side a request came in by is the socket it arrived on, written into
its scope by `door`, which no header can change. Must not know what routes do.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from h11 import LocalProtocolError
from litestar import Litestar, Request, Router, asgi, get
from litestar.datastructures import State
from litestar.exceptions import ClientException
from litestar.openapi.config import OpenAPIConfig

from warren import __version__
from warren.limits import REQUEST_BODY_MAX_BYTES
from warren.protocol.rest.audit import AuditEntry, AuditPage
from warren.protocol.rest.device import DeviceAsk, DeviceAsked, DevicePoll, DevicePolled
from warren.protocol.rest.domains import Domain, DomainProof, Domains, DomainsChange
from warren.protocol.rest.invitations import Came, Invitation, Invitations, Invite, ListedNetwork, Listing, Said
from warren.protocol.rest.keys import KeyCreate, KeyCreated, Keys
from warren.protocol.rest.members import Kicked, Members
from warren.protocol.rest.networks import Network, NetworkCreate, NetworkRename, Networks
from warren.protocol.rest.policies import Policy, PolicySet
from warren.protocol.rest.problem import Problem
from warren.protocol.rest.tokens import Token, TokenCreate, TokenCreated, Tokens
from warren.protocol.rest.users import Me, User, UserChange, UserCreate, Users
from warren.server.accounts.routes import (
    change_user,
    create_token,
    create_user,
    list_tokens,
    list_users,
    revoke_token,
    show_me,
    take_factors,
)
from warren.server.audit.routes import list_audit, list_network_audit
from warren.server.bodies import BodyRequest
from warren.server.devices.routes import kick_member, list_members, renew_member
from warren.server.domains.routes import DOMAIN_ROUTES
from warren.server.factors.routes import PAGES as FACTOR_PAGES
from warren.server.invitations.pages import INVITATION_PAGES
from warren.server.invitations.routes import INVITATION_ROUTES
from warren.server.invites.pages import INVITE_PAGES
from warren.server.invites.routes import create_key, list_keys, revoke_key
from warren.server.metrics import CONTENT_TYPE, Metrics
from warren.server.networks.routes import (
    create_network,
    delete_network,
    list_networks,
    rename_network,
    show_founding,
    show_network,
    take_over,
)
from warren.server.policies.routes import set_policy, show_policy
from warren.server.problems import HANDLERS
from warren.server.providers.routes import PAGES as PROVIDER_PAGES
from warren.server.rights import ADMIN_KEY, may_call
from warren.server.services import STATE_KEY, Services, services_of
from warren.server.serving import Application, Receive, Scope, Send
from warren.server.sessions.endpoint import PATH as NODE_PATH
from warren.server.signon.routes import PAGES, ask_device, poll_device
from warren.server.words import names_are_text

API = "/api/v1"
OPEN = {"open": True}
"""`opt` of a route that needs no authentication."""

Scrape = Callable[[], Awaitable[bytes]]
"""Everything that is counted, in Prometheus' text format."""

_NO_STORE: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
)

ROUTES: Final = (
    list_networks,
    show_founding,
    take_over,
    create_network,
    show_network,
    rename_network,
    delete_network,
    show_policy,
    set_policy,
    list_keys,
    create_key,
    revoke_key,
    list_members,
    kick_member,
    renew_member,
    show_me,
    list_users,
    create_user,
    change_user,
    take_factors,
    list_tokens,
    create_token,
    revoke_token,
    ask_device,
    poll_device,
    list_audit,
    list_network_audit,
    *INVITATION_ROUTES,
    *DOMAIN_ROUTES,
)


@get("/health", opt=OPEN, include_in_schema=False)
async def health(request: Request[Any, Any, Any]) -> Mapping[str, str]:
    """Whether the server can do its work."""
    trouble = await services_of(request).health.trouble()
    if trouble is not None:
        raise trouble
    return {"status": "ok", "version": __version__}


@get(f"{API}/openapi.json", opt=OPEN, include_in_schema=False)
async def openapi() -> Mapping[str, Any]:
    """The description of /api/v1, made when first asked for."""
    return describe()


def build(services: Services, node: Application) -> Application:
    """The application. `node` serves the WebSocket of nodes."""
    application: Any = Litestar(  # its own ASGI types are narrower than ours
        route_handlers=[
            health,
            openapi,
            Router(API, route_handlers=list(ROUTES)),
            *PAGES,
            *PROVIDER_PAGES,
            *FACTOR_PAGES,
            *INVITATION_PAGES,
            *INVITE_PAGES,
            asgi(NODE_PATH, opt=OPEN, copy_scope=False)(node),
        ],
        guards=[names_are_text, may_call],
        exception_handlers=HANDLERS,
        openapi_config=None,
        request_class=BodyRequest,
        request_max_body_size=REQUEST_BODY_MAX_BYTES,
        logging_config=None,
        state=State({STATE_KEY: services}),
    )
    built: Application = application
    return built


STRUCTS: Final = (
    Domain,
    Domains,
    DomainsChange,
    DomainProof,
    Came,
    Invitation,
    Invitations,
    Invite,
    ListedNetwork,
    Listing,
    Said,
    AuditEntry,
    AuditPage,
    Keys,
    KeyCreate,
    KeyCreated,
    Kicked,
    Members,
    Network,
    NetworkCreate,
    NetworkRename,
    Policy,
    PolicySet,
    Networks,
    Problem,
    DeviceAsk,
    DeviceAsked,
    DevicePoll,
    DevicePolled,
    Me,
    Token,
    TokenCreate,
    TokenCreated,
    Tokens,
    User,
    UserChange,
    UserCreate,
    Users,
)
"""What bodies are made of."""

_description: dict[str, Any] = {}


def describe() -> Mapping[str, Any]:
    """OpenAPI 3.1 of /api/v1. Built once, from an application that never serves: a start does not pay for it."""
    if not _description:
        described = Litestar(
            route_handlers=[Router(API, route_handlers=list(ROUTES))],
            logging_config=None,
            openapi_config=OpenAPIConfig(
                title="Warren",
                version=__version__,
                description="People and tools to a Warren server.",
                use_handler_docstrings=True,
            ),
        )
        _description.update(described.openapi_schema.to_schema())
        # Litestar's own schemas of structs leave out what msgspec refuses (unknown fields, kinds of elements).
        _, schemas = msgspec.json.schema_components(STRUCTS, ref_template="#/components/schemas/{name}")
        _description["components"]["schemas"].update(schemas)
    return _description


def door(application: Application, metrics: Metrics, *, admin: bool, scrape: Scrape | None = None) -> Application:
    """The application as one socket shows it: what came in here is, or is not, the admin's. `scrape` gives /metrics."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})[ADMIN_KEY] = admin
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        if scrape is not None and scope["path"] == "/metrics":
            await serve_metrics(scrape, scope, send)
            return

        async def send_counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                metrics.requests.labels(str(message["status"])).inc()
                named = {name.lower() for name, _ in message["headers"]}
                own = (header for header in _NO_STORE if header[0] not in named)
                message["headers"] = [*message["headers"], *own]
            try:
                await send(message)
            except LocalProtocolError:  # what came behind the request was none, so uvicorn has hung up on it
                while (await receive())["type"] != "http.disconnect":
                    continue

        await application(scope, _until_cut_off(receive), send_counted)

    return serve


def _until_cut_off(receive: Receive) -> Receive:
    """`receive`, but who hangs up in the middle of a body made a bad request; Litestar would call it a bug of ours."""
    whole = False

    async def receive_whole() -> Any:
        nonlocal whole
        message = await receive()
        if message["type"] == "http.disconnect" and not whole:
            raise ClientException("the request ended in the middle of its body")
        whole = whole or not message.get("more_body", False)
        return message

    return receive_whole


def metrics_only(scrape: Scrape) -> Application:
    """The application of --metrics-listen."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  # the shape of ASGI
        if scope["type"] == "http" and scope["path"] == "/metrics":
            await serve_metrics(scrape, scope, send)
        elif scope["type"] == "http":
            await _answer(send, 404, b"", b"text/plain")
        else:
            await send({"type": "websocket.close"})

    return serve


async def serve_metrics(scrape: Scrape, scope: Scope, send: Send) -> None:
    """Answer /metrics."""
    if scope["method"] in {"GET", "HEAD"}:
        await _answer(send, 200, await scrape(), CONTENT_TYPE.encode())
    else:
        await _answer(send, 405, b"", b"text/plain")


async def _answer(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]})
    await send({"type": "http.response.body", "body": body})
