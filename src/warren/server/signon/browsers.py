"""What a browser sends and is given: forms that only our own pages send, the session's cookie, where it may go next.

Every form is checked twice: the browser has to say that it comes from a page of ours (`Sec-Fetch-Site`, else `Origin`),
and after sign-on it carries its session's token. The cookie is bound to the host (`__Host-`), to HTTP and to this site.
Where a browser goes after sign-on is one of a few paths of ours, never what a request says.
"""

import ipaddress
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

from litestar import Request, Response
from litestar.response import Redirect

from warren.errors import Code, WarrenError
from warren.limits import FORM_MAX_FIELDS, OPEN_BODY_MAX_BYTES
from warren.protocol.rest.problem import STATUS_OF
from warren.server.services import services_of
from warren.server.signon.pages import page
from warren.server.signon.rules import KNOWN_BROWSER_LIFETIME_S, SESSION_LIFETIME_S, Step
from warren.server.signon.service import NewSession, Session
from warren.server.words import check_texts

HTTPRequest = Request[Any, Any, Any]
OPEN: Final = {"open": True}
DEVICE: Final = "/device"
ACCOUNT: Final = "/account"
FACTORS: Final = "/factors"
SECOND: Final = "/second"
AFTERWARDS: Final = frozenset({DEVICE, ACCOUNT, FACTORS})


def address_of(request: HTTPRequest) -> str:
    """Who is there, as the front saw it: an IPv4 address or the /64 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(request.headers.get("x-warren-peer", ""))
    except ValueError:
        return "this machine"
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


async def read_form(request: HTTPRequest) -> dict[str, str]:
    """The fields of a form that a page of ours sent. Raises WarrenError FORBIDDEN, TOO_LARGE or INVALID_ARGUMENT."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = services_of(request).base_url
    if (site != "same-origin") if site is not None else origin != own:
        raise WarrenError(
            Code.FORBIDDEN, "this form was not sent by a page of this server", f"open {own} and try again"
        )
    return fields_of(await request.body())


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of a form's body. Raises WarrenError TOO_LARGE or INVALID_ARGUMENT."""
    if len(body) > OPEN_BODY_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, "that is more than a form of ours holds")
    try:
        fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FORM_MAX_FIELDS)
    except ValueError as error:
        raise WarrenError(Code.INVALID_ARGUMENT, "that is no form") from error
    check_texts(text for pair in fields for text in pair)
    return dict(fields)


def cookie_of(request: HTTPRequest) -> str:
    """The secret of the session that the browser says it has; empty where it says none."""
    return request.cookies.get(cookie_name(request), "")


async def session_of(request: HTTPRequest) -> Session | None:
    """Who is signed on in this browser, if anybody."""
    return await services_of(request).signon.session(cookie_of(request))


async def session_at_any_step(request: HTTPRequest) -> Session | None:
    """The same, also where a second factor is still missing."""
    return await services_of(request).signon.session_at_any_step(cookie_of(request))


async def own_session(request: HTTPRequest, form: dict[str, str], *, at_any_step: bool = False) -> Session:
    """The session of a form. Raises WarrenError UNAUTHENTICATED or FORBIDDEN."""
    session = await (session_at_any_step(request) if at_any_step else session_of(request))
    if session is None:
        raise WarrenError(Code.UNAUTHENTICATED, "you are not signed on any more", "sign on again")
    if not session.is_own_form(form.get("csrf", "")):
        raise WarrenError(Code.FORBIDDEN, "this form belongs to another session", "open the page again")
    return session


def cookie_name(request: HTTPRequest) -> str:
    """`__Host-` binds a cookie to this host alone; browsers take it over TLS only."""
    return "__Host-warren" if services_of(request).base_url.startswith("https://") else "warren"


def mark_of(request: HTTPRequest) -> str:
    """The mark of an earlier sign-on that the browser shows; empty where it shows none."""
    return request.cookies.get(_mark_name(request), "")


def _mark_name(request: HTTPRequest) -> str:
    return f"{cookie_name(request)}-known"


def with_session(request: HTTPRequest, response: Response[Any], secret: str) -> Response[Any]:
    """The answer, with the cookie of a session."""
    put_cookie(request, response, cookie_name(request), secret, lifetime_s=SESSION_LIFETIME_S)
    return response


def put_cookie(
    request: HTTPRequest,
    response: Response[Any],
    name: str,
    value: str,
    *,
    lifetime_s: int,
    samesite: Literal["lax", "strict"] = "lax",
) -> None:
    """Give the browser a cookie of ours, or take it back with a lifetime of 0: one whose name binds it to the host is
    only taken back by what could have given it (RFC 6265bis, 5.7)."""
    response.set_cookie(
        name,
        value,
        max_age=lifetime_s,
        path="/",
        secure=services_of(request).base_url.startswith("https://"),
        httponly=True,
        samesite=samesite,
    )


def entered(request: HTTPRequest, new: NewSession, afterwards: str) -> Response[Any]:
    """On to where the person wanted, or first to the page of second factors."""
    goes = {Step.WHOLE: afterwards, Step.SECOND: f"{SECOND}?next={afterwards}", Step.SET_UP: FACTORS}
    response = with_session(request, Redirect(goes[new.step], status_code=303), new.secret)
    if new.mark:
        put_cookie(
            request,
            response,
            _mark_name(request),
            new.mark,
            lifetime_s=KNOWN_BROWSER_LIFETIME_S,
            samesite="strict",
        )
    return response


def afterwards_of(asked: str) -> str:
    """Where the browser goes after sign-on: a page of ours, whatever was asked."""
    return asked if asked in AFTERWARDS else "/account"


def status_of(error: WarrenError) -> int:
    """The HTTP status of a refusal."""
    return STATUS_OF.get(error.code, 400)


def sign_on_page(
    request: HTTPRequest, afterwards: str, error: WarrenError | None = None, name: str = ""
) -> Response[str]:
    """Where a person signs on, with why it did not work the last time."""
    return page(
        "sign_on",
        status=200 if error is None else status_of(error),
        title="Sign on",
        wrong="" if error is None else f"{error.text}; {error.fix}",
        name=name,
        next=afterwards,
        providers=services_of(request).providers.all(),
        takes_passkeys=services_of(request).factors.place.takes_passkeys,
    )


def said(error: WarrenError, csrf: str) -> Response[str]:
    """The page that says why something did not work."""
    return page(
        "done",
        status=status_of(error),
        title="That did not work",
        wrong="",
        text=f"{error.text}; {error.fix}",
        csrf=csrf,
    )
