"""The two pages of sign-on by a provider: the way there and the way back.

The way there begins with a form of ours (no GET with effect) and is a page that sends the browser on by itself: a
redirect would be stopped by the policy that keeps our forms to us. The way back has to be a GET; what makes it good is
the cookie of the way there. Must not know what a provider says.
"""

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from warren.errors import WarrenError
from warren.limits import SIGN_ON_FLOW_LIFETIME_S
from warren.server.providers.service import BACK, Returned
from warren.server.services import services_of
from warren.server.signon.browsers import (
    ACCOUNT,
    OPEN,
    HTTPRequest,
    address_of,
    afterwards_of,
    cookie_name,
    cookie_of,
    entered,
    put_cookie,
    read_form,
    sign_on_page,
)
from warren.server.signon.pages import page


@post("/sign-on/with/{provider:str}", opt=OPEN, include_in_schema=False)
async def go_to_provider(request: HTTPRequest, provider: FromPath[str]) -> Response[Any]:
    """Send the browser to a provider."""
    services = services_of(request)
    afterwards = afterwards_of((await read_form(request)).get("next", ""))
    try:
        begun = await services.providers.begin(provider, afterwards, address_of(request))
    except WarrenError as error:
        return sign_on_page(request, afterwards, error)
    response = page("going", title="Sign on", wrong="", url=begun.url)
    put_cookie(request, response, _flow_cookie(request), begun.cookie, lifetime_s=SIGN_ON_FLOW_LIFETIME_S)
    return response


@get(f"{BACK}/{{provider:str}}", opt=OPEN, include_in_schema=False)
async def come_back(request: HTTPRequest, provider: FromPath[str]) -> Response[Any]:
    """Take the browser back; a session begins, or the sign-on page says why not."""
    services, said = services_of(request), request.query_params
    returned = Returned(
        state=said.get("state", ""), code=said.get("code", ""), error=said.get("error", ""), iss=said.get("iss")
    )
    try:
        signed_on = await services.providers.finish(provider, request.cookies.get(_flow_cookie(request), ""), returned)
        new = await services.signon.begin(
            signed_on.user, shown=signed_on.provider.second_factor, before=cookie_of(request)
        )
    except WarrenError as error:
        response: Response[Any] = sign_on_page(request, ACCOUNT, error)
    else:
        response = entered(request, new, signed_on.afterwards)
    put_cookie(request, response, _flow_cookie(request), "", lifetime_s=0)
    return response


PAGES: Final = (go_to_provider, come_back)


def _flow_cookie(request: HTTPRequest) -> str:
    return f"{cookie_name(request)}-flow"
