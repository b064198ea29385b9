"""The pages of sign-on, and `/api/v1/device` for programs: see `warren.protocol.rest.device`.

Every form is checked twice: the browser has to say that it comes from a page of ours (`Sec-Fetch-Site`, else `Origin`),
and after sign-on it carries its session's token. The cookie is bound to the host (`__Host-`), to HTTP and to this site.
Where a browser goes after sign-on is one of a few paths of ours, never what a request says.
"""

import base64
import ipaddress
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect

from warren.errors import Code, WarrenError
from warren.limits import FORM_MAX_FIELDS
from warren.protocol.rest.device import DeviceAsk, DeviceAsked, DevicePoll, DevicePolled
from warren.protocol.rest.problem import STATUS_OF
from warren.server.accounts.rules import PASSWORD_MIN_CHARS
from warren.server.problems import refused
from warren.server.services import services_of
from warren.server.signon.pages import page
from warren.server.signon.rules import DEVICE_LIFETIME_S, SESSION_LIFETIME_S
from warren.server.signon.service import Session

OPEN: Final = {"open": True}
HTTPRequest = Request[Any, Any, Any]
DEVICE: Final = "/device"
AFTERWARDS: Final = frozenset({DEVICE, "/account"})
POLL_EVERY_S: Final = 2


@get("/sign-on", opt=OPEN, include_in_schema=False)
async def show_sign_on(request: HTTPRequest) -> Response[str]:
    """The form for name and password."""
    return page("sign_on", title="Sign on", wrong="", name="", next=_afterwards(request.query_params.get("next", "")))


@post("/sign-on", opt=OPEN, include_in_schema=False)
async def sign_on(request: HTTPRequest) -> Response[Any]:
    """Check them; a session begins, or the form is shown again with the reason."""
    form = await _form(request)
    name, afterwards = form.get("name", ""), _afterwards(form.get("next", ""))
    try:
        secret = await services_of(request).signon.sign_on(name, form.get("password", ""), address_of(request))
    except WarrenError as error:
        wrong = f"{error.text}; {error.fix}"
        return page("sign_on", status=_status(error), title="Sign on", wrong=wrong, name=name, next=afterwards)
    return _with_session(request, Redirect(afterwards, status_code=303), secret)


@get("/account", opt=OPEN, include_in_schema=False)
async def show_account(request: HTTPRequest) -> Response[Any]:
    """Who is signed on."""
    session = await _session(request)
    if session is None:
        return Redirect("/sign-on?next=/account", status_code=303)
    return page("done", title="Signed on", wrong="", text=f"You are {session.user.name}.", csrf=session.csrf)


@post("/sign-off", opt=OPEN, include_in_schema=False)
async def sign_off(request: HTTPRequest) -> Response[Any]:
    """End this session, or all of this person's."""
    form = await _form(request)
    session = await _own(request, form)
    await services_of(request).signon.sign_off(session, everywhere=form.get("everywhere") == "yes")
    response = Redirect("/sign-on", status_code=303)
    response.delete_cookie(_cookie(request), path="/")
    return response


@get(DEVICE, opt=OPEN, include_in_schema=False)
async def show_device(request: HTTPRequest) -> Response[Any]:
    """Where a person types the code of a program."""
    session = await _session(request)
    if session is None:
        return Redirect(f"/sign-on?next={DEVICE}", status_code=303)
    return page("device", title="A program asks", wrong="", user=session.user.name, csrf=session.csrf)


@post(DEVICE, opt=OPEN, include_in_schema=False)
async def look_at_device(request: HTTPRequest) -> Response[Any]:
    """Show who asks under the code."""
    form = await _form(request)
    session = await _own(request, form)
    try:
        found = await services_of(request).signon.look(session, form.get("code", ""))
    except WarrenError as error:
        wrong, user = f"{error.text}; {error.fix}", session.user.name
        return page("device", status=_status(error), title="A program asks", wrong=wrong, user=user, csrf=session.csrf)
    return page(
        "decide",
        title="Approve this program?",
        wrong="",
        user=session.user.name,
        csrf=session.csrf,
        code=found.code,
        hostname=found.hostname,
        system=found.system,
        address=found.address,
        joins=found.join_public is not None,
        wished=found.wished,
        networks=[one.row.name for one in await services_of(request).signon.networks_of(session)],
    )


@post(f"{DEVICE}/decide", opt=OPEN, include_in_schema=False)
async def decide_device(request: HTTPRequest) -> Response[Any]:
    """Approve or deny it."""
    form = await _form(request)
    session = await _own(request, form)
    approve = form.get("answer") == "approve"
    try:
        found = await services_of(request).signon.decide(
            session, form.get("code", ""), approve=approve, network=form.get("network", "")
        )
    except WarrenError as error:
        return _said(error, session.csrf)
    what = found.hostname or "The program"
    text = f"{what} goes on by itself; close this page." if approve else f"{what} was refused."
    return page("done", title="Approved" if approve else "Denied", wrong="", text=text, csrf=session.csrf)


@get("/first/{secret:str}", opt=OPEN, include_in_schema=False)
async def show_first(request: HTTPRequest, secret: FromPath[str]) -> Response[Any]:
    """The form of the first admin."""
    if not await services_of(request).signon.is_first_link(secret):
        return page("done", status=404, title="No such link", wrong="", text="It was used, or is too old.", csrf="")
    return page("first", title="The first admin", wrong="", name="", least=PASSWORD_MIN_CHARS)


@post("/first/{secret:str}", opt=OPEN, include_in_schema=False)
async def use_first(request: HTTPRequest, secret: FromPath[str]) -> Response[Any]:
    """Make the first admin, once."""
    form = await _form(request)
    name = form.get("name", "")
    try:
        session = await services_of(request).signon.use_first_link(secret, name, form.get("password", ""))
    except WarrenError as error:
        if error.code is Code.NOT_FOUND:
            return _said(error, "")
        wrong = f"{error.text}; {error.fix}"
        return page(
            "first", status=_status(error), title="The first admin", wrong=wrong, name=name, least=PASSWORD_MIN_CHARS
        )
    return _with_session(request, Redirect("/account", status_code=303), session)


@post(
    "/device", opt=OPEN, operation_id="askForApproval", summary="Ask a person to approve this", responses=refused(429)
)
async def ask_device(request: HTTPRequest, data: JSONBody[DeviceAsk]) -> DeviceAsked:
    """A program without a browser begins."""
    services = services_of(request)
    asked = await services.signon.ask(data, address_of(request))
    return DeviceAsked(
        secret=asked.secret,
        code=asked.code,
        url=f"{services.base_url}{DEVICE}",
        interval_s=POLL_EVERY_S,
        expires_s=DEVICE_LIFETIME_S,
    )


@post("/device/poll", opt=OPEN, operation_id="pollApproval", summary="Ask what became of it", responses=refused())
async def poll_device(request: HTTPRequest, data: JSONBody[DevicePoll]) -> DevicePolled:
    """What became of a request; a token where it was approved, once."""
    services = services_of(request)
    polled = await services.signon.poll(data.secret, data.wait_s)
    name = "" if polled.user is None else polled.user.name
    if polled.key is None:
        return DevicePolled(state=polled.state, token=polled.token, name=name)  # type: ignore[arg-type]
    network = services.networks.find(polled.key.network.hex())
    pin = base64.urlsafe_b64encode(services.invites.pin(network)).decode().rstrip("=")
    return DevicePolled(state="approved", name=name, key_id=polled.key.id, pin=pin, network=network.row.name)


PAGES: Final = (
    show_sign_on,
    sign_on,
    show_account,
    sign_off,
    show_device,
    look_at_device,
    decide_device,
    show_first,
    use_first,
)
"""Outside of the API and its description."""


def address_of(request: HTTPRequest) -> str:
    """Who is there, as the front saw it: an IPv4 address or the /64 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(request.headers.get("x-warren-peer", ""))
    except ValueError:
        return "this machine"
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


async def _form(request: HTTPRequest) -> dict[str, str]:
    """The fields of a form that a page of ours sent. Raises WarrenError FORBIDDEN or INVALID_ARGUMENT."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = services_of(request).base_url
    if (site != "same-origin") if site is not None else origin != own:
        raise WarrenError(
            Code.FORBIDDEN, "this form was not sent by a page of this server", f"open {own} and try again"
        )
    try:
        fields = parse_qsl(
            (await request.body()).decode("utf-8"), keep_blank_values=True, max_num_fields=FORM_MAX_FIELDS
        )
    except ValueError as error:
        raise WarrenError(Code.INVALID_ARGUMENT, "that is no form") from error
    return dict(fields)


async def _session(request: HTTPRequest) -> Session | None:
    return await services_of(request).signon.session(request.cookies.get(_cookie(request), ""))


async def _own(request: HTTPRequest, form: dict[str, str]) -> Session:
    """The session of a form. Raises WarrenError UNAUTHENTICATED or FORBIDDEN."""
    session = await _session(request)
    if session is None:
        raise WarrenError(Code.UNAUTHENTICATED, "you are not signed on any more", "sign on again")
    if not session.is_own_form(form.get("csrf", "")):
        raise WarrenError(Code.FORBIDDEN, "this form belongs to another session", "open the page again")
    return session


def _cookie(request: HTTPRequest) -> str:
    """`__Host-` binds a cookie to this host alone; browsers take it over TLS only."""
    return "__Host-warren" if services_of(request).base_url.startswith("https://") else "warren"


def _with_session(request: HTTPRequest, response: Response[Any], secret: str) -> Response[Any]:
    response.set_cookie(
        _cookie(request),
        secret,
        max_age=SESSION_LIFETIME_S,
        path="/",
        secure=services_of(request).base_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return response


def _afterwards(asked: str) -> str:
    return asked if asked in AFTERWARDS else "/account"


def _status(error: WarrenError) -> int:
    return STATUS_OF.get(error.code, 400)


def _said(error: WarrenError, csrf: str) -> Response[str]:
    return page(
        "done", status=_status(error), title="That did not work", wrong="", text=f"{error.text}; {error.fix}", csrf=csrf
    )
