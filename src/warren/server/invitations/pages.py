"""What a person sees of invitations on their account's page, and the form that answers one.

Decides what is shown; what an answer does is `service.py`'s word. Works without script.
"""

from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from warren.errors import WarrenError
from warren.server.invitations import rules
from warren.server.invitations.rules import Kind
from warren.server.services import Services, services_of
from warren.server.signon.browsers import ACCOUNT, OPEN, HTTPRequest, own_session, read_form, said, session_of
from warren.server.signon.pages import page
from warren.server.signon.service import Session


@dataclass(frozen=True, slots=True)
class _Line:
    """A network on the page."""

    id: str
    name: str
    by: str
    text: str
    asked: bool = False


@get(ACCOUNT, opt=OPEN, include_in_schema=False)
async def show_account(request: HTTPRequest) -> Response[Any]:
    """Who is signed on, in which networks, invited to which, and what may be asked for."""
    session, services = await session_of(request), services_of(request)
    if session is None:
        return Redirect(f"/sign-on?next={ACCOUNT}", status_code=303)
    networks = [one.row.name for one in await services.signon.networks_of(session)]
    invited, listed = await _lines(services, session, set(networks))
    return page(
        "account",
        title="Signed on",
        wrong="",
        user=session.user.name,
        networks=networks,
        invitations=invited,
        listed=listed,
        csrf=session.csrf,
    )


@post(f"{ACCOUNT}/invitation", opt=OPEN, include_in_schema=False)
async def answer_invitation(request: HTTPRequest) -> Response[Any]:
    """Accept, decline, or ask."""
    form, services = await read_form(request), services_of(request)
    session = await own_session(request, form)
    try:
        network = services.networks.get(_network_id(form.get("network", "")))
        if network is None:
            raise rules.not_invited()
        user, actor = session.user, f"{session.user.name} ({session.user.id})"
        match form.get("answer"):
            case "accept":
                await services.invitations.accept(network, user, actor=actor)
            case "ask":
                await services.invitations.ask(network, user, "", actor=actor)
            case _:
                await services.invitations.decline(network, user, actor=actor)
    except WarrenError as error:
        return said(error, session.csrf)
    return Redirect(ACCOUNT, status_code=303)


INVITATION_PAGES: Final = (show_account, answer_invitation)


def _network_id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


async def _lines(services: Services, session: Session, own: set[str]) -> tuple[list[_Line], list[_Line]]:
    """Invitations, and listed networks that this person is in no part of yet."""
    waiting = {one.network: one for one in await services.invitations.of_user(session.user.id)}
    names = {one.id: one.row.name for one in services.networks.all()}
    invited = [
        _Line(one.network.hex(), names[one.network], one.by, one.text)
        for one in waiting.values()
        if one.kind == Kind.INVITED and one.network in names
    ]
    listed = [
        _Line(network.hex(), names[network], "", about, asked=network in waiting)
        for network, about in (await services.invitations.listed()).items()
        if names.get(network, "") not in own and network in names
        and (network not in waiting or waiting[network].kind == Kind.ASKED)
    ]  # fmt: skip
    listed += [  # who came by a mail domain of a network that lists itself nowhere
        _Line(one.network.hex(), names[one.network], "", "", asked=True)
        for one in waiting.values()
        if one.kind == Kind.ASKED and one.network in names and one.network.hex() not in {line.id for line in listed}
    ]
    return invited, listed
