"""`/api/v1/me`, `/users` and `/tokens`: see `warren.protocol.rest.users` and `warren.protocol.rest.tokens`."""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from warren.errors import Code, WarrenError
from warren.limits import PAGE
from warren.protocol.rest.paging import ByDate
from warren.protocol.rest.tokens import Token, TokenCreate, TokenCreated, Tokens
from warren.protocol.rest.users import Me, User, UserChange, UserCreate, Users
from warren.server.accounts.rules import Caller, Right, Scope, may_revoke
from warren.server.accounts.service import Accounts, is_live
from warren.server.accounts.store import TokenRow, UserRow
from warren.server.paging import LINK, Cursor, Limit, answer, wanted
from warren.server.problems import refused
from warren.server.repeats.requests import IdempotencyKey, once
from warren.server.services import caller_of, services_of

HTTPRequest = Request[Any, Any, Any]


@get("/me", operation_id="showMe", summary="Show who calls", responses=refused(), opt={"right": Right.OWN_ACCOUNT})
async def show_me(request: HTTPRequest) -> Me:
    """Who holds this token, and what it may be used for."""
    caller = caller_of(request)
    user = None if caller.user is None else _shown(await services_of(request).accounts.find(caller.user))
    scopes = tuple(scope.value for scope in Scope if scope in caller.scopes)
    return Me(name=caller.name, admin=caller.is_server_admin, scopes=scopes, user=user)


@get(
    "/users",
    operation_id="listUsers",
    summary="List the users",
    responses=refused(403),
    response_headers=[LINK],
    opt={"right": Right.SERVER},
)
async def list_users(request: HTTPRequest, cursor: Cursor = None, limit: Limit = PAGE) -> Response[Users]:
    """Every account of this server, the oldest first."""
    page = wanted(cursor, limit, ByDate)
    return answer(
        request,
        page,
        await services_of(request).accounts.page(after=page.after, limit=page.rows),
        lambda row: ByDate(row.created_at, row.id),
        lambda rows, following: Users(users=tuple(map(_shown, rows)), next=following),
    )


@post(
    "/users",
    operation_id="createUser",
    summary="Make a user of this server",
    responses=refused(403, 409, 422),
    opt={"right": Right.SERVER},
)
async def create_user(request: HTTPRequest, data: JSONBody[UserCreate], idempotency_key: IdempotencyKey = None) -> User:
    """Make a person who signs on with a name and password."""
    accounts, actor = services_of(request).accounts, caller_of(request).actor
    return await once(
        request,
        idempotency_key,
        User,
        lambda keep: accounts.create(data.name, data.password, is_admin=data.admin, actor=actor, keep=keep),
        _shown,
    )


@patch(
    "/users/{user:str}",
    operation_id="changeUser",
    summary="Shut a user out, or let them in again",
    responses=refused(403, 404),
    opt={"right": Right.SERVER},
)
async def change_user(request: HTTPRequest, user: FromPath[str], data: JSONBody[UserChange]) -> User:
    """Shut a person out: tokens and sessions of theirs are refused, their machines are removed from every network."""
    services, actor = services_of(request), caller_of(request).actor
    found = await services.accounts.find(user)
    changed = await services.accounts.set_disabled(found, disabled=data.disabled, actor=actor)
    if not data.disabled:
        return _shown(changed)
    await services.signon.sign_off_everywhere(found.id)
    return _shown(changed, kept=await services.devices.remove_of_user(found.id, actor=actor))


@delete(
    "/users/{user:str}/factors",
    operation_id="takeFactors",
    summary="Take a user's second factors away",
    status_code=200,
    responses=refused(403, 404),
    opt={"right": Right.SERVER},
)
async def take_factors(request: HTTPRequest, user: FromPath[str]) -> User:
    """For who lost them: app, passkeys and recovery codes are gone, every session ends; the password stays."""
    services = services_of(request)
    found = await services.accounts.find(user)
    await services.factors.take_all(found, actor=caller_of(request).actor)
    await services.signon.sign_off_everywhere(found.id)
    return _shown(found)


@get(
    "/tokens",
    operation_id="listTokens",
    summary="List API tokens",
    responses=refused(403, 404),
    response_headers=[LINK],
    opt={"right": Right.OWN_ACCOUNT},
)
async def list_tokens(
    request: HTTPRequest, user: FromQuery[str | None] = None, cursor: Cursor = None, limit: Limit = PAGE
) -> Response[Tokens]:
    """The caller's tokens, the newest first, without secrets."""
    accounts, page = services_of(request).accounts, wanted(cursor, limit, ByDate)
    owner = await _owner(accounts, caller_of(request), user)
    now = accounts.now()
    return answer(
        request,
        page,
        await accounts.tokens(owner.id, after=page.after, limit=page.rows),
        lambda row: ByDate(row.created_at, row.id),
        lambda rows, following: Tokens(tokens=tuple(_token(row, now) for row in rows), next=following),
    )


@post(
    "/tokens",
    operation_id="createToken",
    summary="Make an API token",
    responses=refused(403, 404, 422, 429),
    opt={"right": Right.OWN_ACCOUNT_CHANGE},
)
async def create_token(
    request: HTTPRequest,
    data: JSONBody[TokenCreate],
    user: FromQuery[str | None] = None,
    idempotency_key: IdempotencyKey = None,
) -> TokenCreated:
    """Make a token; its secret is in this answer and nowhere else."""
    accounts, caller = services_of(request).accounts, caller_of(request)
    owner = await _owner(accounts, caller, user)
    return await once(
        request,
        idempotency_key,
        TokenCreated,
        lambda keep: accounts.create_token(
            owner,
            data.name,
            Scope(data.scope),
            data.expires_s,
            actor=caller.actor,
            factor_at=_vouched_until(accounts, caller, data.expires_s),
            keep=keep,
        ),
        lambda made: TokenCreated(secret=made.secret.reveal(), token=_token(made.row, accounts.now())),
    )


@delete(
    "/tokens/{token:str}",
    operation_id="revokeToken",
    summary="Revoke an API token",
    status_code=200,
    responses=refused(403, 404),
    opt={"right": Right.OWN_ACCOUNT},
)
async def revoke_token(request: HTTPRequest, token: FromPath[str], user: FromQuery[str | None] = None) -> Token:
    """End a token; one may always end itself."""
    accounts, caller = services_of(request).accounts, caller_of(request)
    if not may_revoke(caller, token):
        raise WarrenError(Code.FORBIDDEN, "this token ends no other", "use one that was made with --scope admin")
    owner = await _owner(accounts, caller, user)
    return _token(await accounts.revoke_token(token, owner.id, actor=caller.actor), accounts.now())


async def _owner(accounts: Accounts, caller: Caller, named: str | None) -> UserRow:
    """Whose tokens are meant: the caller's own; the admin socket, which is nobody, has to name somebody."""
    if caller.user is not None and named in {None, caller.user, caller.name}:
        return await accounts.find(caller.user)
    if caller.user is not None:
        raise WarrenError(Code.FORBIDDEN, "tokens of others are not yours to see or make", "leave `user` out")
    if named is None:
        raise WarrenError(Code.INVALID_ARGUMENT, "on this socket nobody is signed on", "say whose token: --user NAME")
    return await accounts.find(named)


def _vouched_until(accounts: Accounts, caller: Caller, expires_s: int) -> int | None:
    """When a second factor was shown for a token that is made by this call: as it was for the caller's own; whoever may
    use the server's machine vouches for a program's token until its end."""
    return accounts.now() + expires_s if caller.user is None else caller.factor_at


def _shown(row: UserRow, *, kept: tuple[str, ...] = ()) -> User:
    return User(
        id=row.id,
        issuer=row.issuer,
        subject=row.subject,
        name=row.name,
        admin=row.is_admin,
        created_at=float(row.created_at),
        disabled_at=None if row.disabled_at is None else float(row.disabled_at),
        groups=msgspec.json.decode(row.groups, type=tuple[str, ...]),
        kept=kept,
    )


def _token(row: TokenRow, now: int) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scope=row.scope,
        state="revoked" if row.revoked_at is not None else "live" if is_live(row, now) else "expired",
        created_at=float(row.created_at),
        expires_at=float(row.expires_at),
        revoked_at=None if row.revoked_at is None else float(row.revoked_at),
    )
