"""The page of an invite's link, `/i/ID`: what to do with it.

Decides what a browser is told: the network's name and whether the invite still admits, to whoever has its 50 random
bits. The secret stands behind `#` in the address, which no browser sends: the page cannot repeat it, and says how to
copy it. Must not use the invite up.
"""

from typing import Any, Final

from litestar import Response, get
from litestar.params import FromPath

from warren.server.invites.service import refusal, state_of
from warren.server.services import services_of
from warren.server.signon.browsers import OPEN, HTTPRequest
from warren.server.signon.pages import page


@get("/i/{code:str}", opt=OPEN, include_in_schema=False)
async def show_invite(request: HTTPRequest, code: FromPath[str]) -> Response[Any]:
    """How to join with it, or why not."""
    services = services_of(request)
    row = await services.invites.find(code)
    network = None if row is None else services.networks.get(row.network)
    if row is None or network is None:
        text = "This server knows no such invite. Look whether the whole link arrived."
        return page("done", status=404, title="No such invite", wrong="", text=text, csrf="")
    now = services.invites.now()
    if state_of(row, now) != "live":
        text = f"{refusal(row, row.network, now).text.capitalize()}. Ask whoever sent it for another one."
        return page("done", status=410, title="Not good any more", wrong="", text=text, csrf="")
    return page("invite", title=f"Join {network.row.name}", wrong="", network=network.row.name, code=row.id)


INVITE_PAGES: Final = (show_invite,)
