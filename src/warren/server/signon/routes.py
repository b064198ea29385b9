"""The pages of sign-on, and `/api/v1/device` for programs: see `warren.protocol.rest.device`.

Must not decide who anybody is: `service.py` does. How a form and a cookie are checked stands in `browsers.py`.
"""

import base64
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect

from warren.errors import Code, WarrenError
from warren.limits import OPEN_BODY_MAX_BYTES
from warren.protocol.rest.device import DeviceAsk, DeviceAsked, DevicePoll, DevicePolled
from warren.server.accounts.rules import PASSWORD_MIN_CHARS
from warren.server.problems import refused
from warren.server.services import services_of
from warren.server.signon.browsers import (
    ACCOUNT,
    DEVICE,
    OPEN,
    SECOND,
    HTTPRequest,
    address_of,
    afterwards_of,
    cookie_name,
    cookie_of,
    entered,
    mark_of,
    own_session,
    put_cookie,
    read_form,
    said,
    session_of,
    sign_on_page,
    status_of,
)
from warren.server.signon.pages import page
from warren.server.signon.rules import DEVICE_LIFETIME_S

POLL_EVERY_S: Final = 2


@get("/sign-on", opt=OPEN, include_in_schema=False)
async def show_sign_on(request: HTTPRequest) -> Response[str]:
    """The form for name and password, and a button for each provider."""
    return sign_on_page(request, afterwards_of(request.query_params.get("next", "")))


@post("/sign-on", opt=OPEN, include_in_schema=False)
async def sign_on(request: HTTPRequest) -> Response[Any]:
    """Check them; a session begins, or the form is shown again with the reason."""
    form = await read_form(request)
    name, afterwards = form.get("name", ""), afterwards_of(form.get("next", ""))
    try:
        new = await services_of(request).signon.sign_on(
            name, form.get("password", ""), address_of(request), before=cookie_of(request), mark=mark_of(request)
        )
    except WarrenError as error:
        return sign_on_page(request, afterwards, error, name)
    return entered(request, new, afterwards)


@post("/sign-off", opt=OPEN, include_in_schema=False)
async def sign_off(request: HTTPRequest) -> Response[Any]:
    """End this session, or all of this person's."""
    form = await read_form(request)
    session = await own_session(request, form)
    await services_of(request).signon.sign_off(session, everywhere=form.get("everywhere") == "yes")
    response = Redirect("/sign-on", status_code=303)
    put_cookie(request, response, cookie_name(request), "", lifetime_s=0)
    return response


@get(DEVICE, opt=OPEN, include_in_schema=False)
async def show_device(request: HTTPRequest) -> Response[Any]:
    """Where a person types the code of a program."""
    session = await session_of(request)
    if session is None:
        return Redirect(f"/sign-on?next={DEVICE}", status_code=303)
    if services_of(request).signon.waits_for_factor(session):
        return Redirect(f"{SECOND}?next={DEVICE}", status_code=303)
    return page("device", title="A program asks", wrong="", user=session.user.name, csrf=session.csrf)


@post(DEVICE, opt=OPEN, include_in_schema=False)
async def look_at_device(request: HTTPRequest) -> Response[Any]:
    """Show who asks under the code."""
    form = await read_form(request)
    session = await own_session(request, form)
    try:
        found = await services_of(request).signon.look(session, form.get("code", ""))
    except WarrenError as error:
        wrong, user = f"{error.text}; {error.fix}", session.user.name
        return page(
            "device", status=status_of(error), title="A program asks", wrong=wrong, user=user, csrf=session.csrf
        )
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
    form = await read_form(request)
    session = await own_session(request, form)
    approve = form.get("answer") == "approve"
    try:
        found = await services_of(request).signon.decide(
            session, form.get("code", ""), approve=approve, network=form.get("network", "")
        )
    except WarrenError as error:
        return said(error, session.csrf)
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
    form = await read_form(request)
    name = form.get("name", "")
    try:
        new = await services_of(request).signon.use_first_link(secret, name, form.get("password", ""))
    except WarrenError as error:
        if error.code is Code.NOT_FOUND:
            return said(error, "")
        wrong = f"{error.text}; {error.fix}"
        return page(
            "first", status=status_of(error), title="The first admin", wrong=wrong, name=name, least=PASSWORD_MIN_CHARS
        )
    return entered(request, new, ACCOUNT)


@post(
    "/device",
    opt=OPEN,
    operation_id="askForApproval",
    summary="Ask a person to approve this",
    responses=refused(429),
    request_max_body_size=OPEN_BODY_MAX_BYTES,
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


@post(
    "/device/poll",
    opt=OPEN,
    operation_id="pollApproval",
    summary="Ask what became of it",
    responses=refused(),
    request_max_body_size=OPEN_BODY_MAX_BYTES,
)
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
    sign_off,
    show_device,
    look_at_device,
    decide_device,
    show_first,
    use_first,
)
"""Outside of the API and its description."""
