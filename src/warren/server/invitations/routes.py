"""Invitations over REST: see `warren.protocol.rest.invitations`."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath, JSONBody

from warren.errors import Code, WarrenError
from warren.limits import PAGE
from warren.protocol.rest.invitations import Came, Invitation, Invitations, Invite, ListedNetwork, Listing, Said
from warren.protocol.rest.paging import ByDateAndNetwork, ByDateAndPair
from warren.server.accounts.rules import Right
from warren.server.accounts.store import UserRow
from warren.server.invitations import rules
from warren.server.invitations.store import InvitationRow, ListingRow
from warren.server.networks.live import LiveNetwork
from warren.server.paging import LINK, Cursor, Limit, Wanted, answer, wanted
from warren.server.problems import refused
from warren.server.repeats.requests import IdempotencyKey, once
from warren.server.services import Services, caller_of, services_of

HTTPRequest = Request[Any, Any, Any]
_ONE: Final = "/networks/{network:str}"


@get(
    f"{_ONE}/invitations",
    operation_id="listInvitations",
    summary="List who is invited and who asks",
    responses=refused(403, 404),
    response_headers=[LINK],
    opt={"right": Right.ADMIN_NETWORK},
)
async def list_invitations(
    request: HTTPRequest, network: FromPath[str], cursor: Cursor = None, limit: Limit = PAGE
) -> Response[Invitations]:
    """What waits of a network, the longest first."""
    services, page = services_of(request), wanted(cursor, limit, ByDateAndPair)
    found = services.networks.find(network)
    return await _page(request, page, await services.invitations.of_network(found, after=page.after, limit=page.rows))


@post(
    f"{_ONE}/invitations",
    operation_id="inviteUser",
    summary="Invite a user, or let one in who asked",
    responses=refused(403, 404, 409, 422, 429),
    opt={"right": Right.ADMIN_NETWORK},
)
async def invite_user(
    request: HTTPRequest, network: FromPath[str], data: JSONBody[Invite], idempotency_key: IdempotencyKey = None
) -> Came:
    """They are in when they accept; at once, where they had asked."""
    services, actor = services_of(request), caller_of(request).actor
    found = services.networks.find(network)
    user = await services.accounts.find_anybody(data.user)
    return await once(
        request,
        idempotency_key,
        Came,
        lambda keep: services.invitations.invite(found, user, data.text, actor=actor, keep=keep),
        lambda is_in: Came(network=found.row.name, user=user.id, state="in" if is_in else "invited"),
    )


@delete(
    f"{_ONE}/invitations/{{user:str}}",
    operation_id="withdrawInvitation",
    summary="Withdraw an invitation, deny a question, end a plain member's role",
    status_code=200,
    responses=refused(403, 404, 422),
    opt={"right": Right.ADMIN_NETWORK},
)
async def withdraw_invitation(
    request: HTTPRequest, network: FromPath[str], user: FromPath[str], idempotency_key: IdempotencyKey = None
) -> Came:
    """Machines that the person added stay members until they are kicked."""
    services, actor = services_of(request), caller_of(request).actor
    found = services.networks.find(network)
    meant = await services.accounts.find_anybody(user)
    return await once(
        request,
        idempotency_key,
        Came,
        lambda keep: services.invitations.withdraw(found, meant, actor=actor, keep=keep),
        lambda _: Came(network=found.row.name, user=meant.id, state="out"),
    )


@put(
    f"{_ONE}/listing",
    operation_id="listNetwork",
    summary="List a network, so that people may ask to be let in",
    responses=refused(403, 404),
    opt={"right": Right.OWN_NETWORK},
)
async def publish_network(request: HTTPRequest, network: FromPath[str], data: JSONBody[Said]) -> Listing:
    """Everybody who is signed on to the server sees its name and these words."""
    services = services_of(request)
    found = services.networks.find(network)
    await services.invitations.publish(found, data.text, actor=caller_of(request).actor)
    about = (await services.invitations.listed()).get(found.id, "")
    return Listing(networks=(ListedNetwork(name=found.row.name, about=about, state="in"),))


@delete(
    f"{_ONE}/listing",
    operation_id="unlistNetwork",
    summary="List a network no more",
    status_code=200,
    responses=refused(403, 404),
    opt={"right": Right.OWN_NETWORK},
)
async def unpublish_network(request: HTTPRequest, network: FromPath[str]) -> Listing:
    """Who asked before waits on."""
    services = services_of(request)
    found = services.networks.find(network)
    await services.invitations.unpublish(found, actor=caller_of(request).actor)
    return Listing(networks=(ListedNetwork(name=found.row.name, about="", state="in"),))


@get(
    "/invitations",
    operation_id="listOwnInvitations",
    summary="List the caller's invitations and questions",
    responses=refused(403),
    response_headers=[LINK],
    opt={"right": Right.OWN_ACCOUNT},
)
async def list_own_invitations(
    request: HTTPRequest, cursor: Cursor = None, limit: Limit = PAGE
) -> Response[Invitations]:
    """What waits of the person who calls."""
    services, page = services_of(request), wanted(cursor, limit, ByDateAndPair)
    user = await _caller(request)
    return await _page(request, page, await services.invitations.of_user(user.id, after=page.after, limit=page.rows))


@post(
    "/invitations/{invited:str}",
    operation_id="acceptInvitation",
    summary="Accept an invitation",
    status_code=200,
    responses=refused(403, 404, 422),
    opt={"right": Right.JOIN_NETWORK},
)
async def accept_invitation(
    request: HTTPRequest, invited: FromPath[str], idempotency_key: IdempotencyKey = None
) -> Came:
    """Come into the network of this name or id as a person: machines are added by signing on."""
    services, user = services_of(request), await _caller(request)
    found = _find(services, invited, rules.not_invited())
    actor = caller_of(request).actor
    return await once(
        request,
        idempotency_key,
        Came,
        lambda keep: services.invitations.accept(found, user, actor=actor, keep=keep),
        lambda _: Came(network=found.row.name, user=user.id, state="in"),
    )


@delete(
    "/invitations/{invited:str}",
    operation_id="declineInvitation",
    summary="Decline an invitation, or take a question back",
    status_code=200,
    responses=refused(403, 404, 422),
    opt={"right": Right.JOIN_NETWORK},
)
async def decline_invitation(
    request: HTTPRequest, invited: FromPath[str], idempotency_key: IdempotencyKey = None
) -> Came:
    """Want it no more."""
    services, user = services_of(request), await _caller(request)
    found = _find(services, invited, rules.not_invited())
    actor = caller_of(request).actor
    return await once(
        request,
        idempotency_key,
        Came,
        lambda keep: services.invitations.decline(found, user, actor=actor, keep=keep),
        lambda _: Came(network=found.row.name, user=user.id, state="out"),
    )


@get(
    "/listing",
    operation_id="showListing",
    summary="List the networks that people may ask to be let into",
    responses=refused(403),
    response_headers=[LINK],
    opt={"right": Right.LIST_NETWORKS},
)
async def show_listing(request: HTTPRequest, cursor: Cursor = None, limit: Limit = PAGE) -> Response[Listing]:
    """Their names, what their owners say of them, and how far the caller is with each."""
    services, caller = services_of(request), caller_of(request)
    page = wanted(cursor, limit, ByDateAndNetwork)
    roles = await services.accounts.roles(caller)
    waiting = {} if caller.user is None else {
        one.network: one.kind for one in await services.invitations.of_user(caller.user)
    }  # fmt: skip

    def shown(row: ListingRow) -> Iterator[ListedNetwork]:
        network = services.networks.get(row.network)
        if network is not None:
            state = "in" if row.network in roles else _state(waiting.get(row.network, ""))
            yield ListedNetwork(name=network.row.name, about=row.about, state=state)

    return answer(
        request,
        page,
        await services.invitations.listing(after=page.after, limit=page.rows),
        lambda row: ByDateAndNetwork(row.listed_at, row.network),
        lambda rows, following: Listing(networks=tuple(one for row in rows for one in shown(row)), next=following),
    )


@post(
    "/listing/{listed:str}",
    operation_id="askToBeLetIn",
    summary="Ask to be let into a listed network",
    status_code=200,
    responses=refused(403, 404, 409, 422, 429),
    opt={"right": Right.JOIN_NETWORK},
)
async def ask_to_be_let_in(
    request: HTTPRequest, listed: FromPath[str], data: JSONBody[Said], idempotency_key: IdempotencyKey = None
) -> Came:
    """One of its admins decides; who is invited already is in at once."""
    services, user = services_of(request), await _caller(request)
    found = _find(services, listed, rules.not_listed())
    actor = caller_of(request).actor
    return await once(
        request,
        idempotency_key,
        Came,
        lambda keep: services.invitations.ask(found, user, data.text, actor=actor, keep=keep),
        lambda is_in: Came(network=found.row.name, user=user.id, state="in" if is_in else "asked"),
    )


INVITATION_ROUTES: Final = (
    list_invitations,
    invite_user,
    withdraw_invitation,
    publish_network,
    unpublish_network,
    list_own_invitations,
    accept_invitation,
    decline_invitation,
    show_listing,
    ask_to_be_let_in,
)


async def _caller(request: HTTPRequest) -> UserRow:
    caller = caller_of(request)
    if caller.user is None:
        raise WarrenError(Code.INVALID_ARGUMENT, "on this socket nobody is signed on", "warren login --server URL")
    return await services_of(request).accounts.find(caller.user)


def _find(services: Services, named: str, otherwise: WarrenError) -> LiveNetwork:
    """The network; a foreign one that is there is refused as one that is not."""
    try:
        return services.networks.find(named)
    except WarrenError as error:
        raise otherwise from error


def _state(kind: str) -> Literal["invited", "asked", "out"]:
    return "invited" if kind == rules.Kind.INVITED else "asked" if kind == rules.Kind.ASKED else "out"


async def _page(
    request: HTTPRequest, page: Wanted[ByDateAndPair], rows: Sequence[InvitationRow]
) -> Response[Invitations]:
    services = services_of(request)
    users = {row.user: await services.accounts.find(row.user) for row in rows}
    names = {one.id: one.row.name for one in services.networks.all()}
    return answer(
        request,
        page,
        rows,
        lambda row: ByDateAndPair(row.created_at, row.user, row.network),
        lambda kept, following: Invitations(
            invitations=tuple(_shown(row, names.get(row.network, ""), users[row.user]) for row in kept),
            next=following,
        ),
    )


def _shown(row: InvitationRow, network: str, user: UserRow) -> Invitation:
    return Invitation(
        network=network,
        user=row.user,
        name=user.name,
        issuer=user.issuer,
        kind=row.kind,
        by=row.by,
        text=row.text,
        created_at=float(row.created_at),
        expires_at=float(row.expires_at),
    )
