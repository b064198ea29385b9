"""The pages of second factors: showing one, setting them up, signing on by a passkey alone.

Decides which page follows; what counts is `service.py`'s word. A session that still has to show a factor sees only
`/second`, one that has to set one up only `/factors`; who changes factors has shown one just now.
"""

from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from warren.errors import Code, WarrenError
from warren.server.factors import totp
from warren.server.factors.rules import may_change_factors
from warren.server.factors.service import Held
from warren.server.services import services_of
from warren.server.signon.browsers import (
    FACTORS,
    OPEN,
    SECOND,
    HTTPRequest,
    address_of,
    afterwards_of,
    cookie_of,
    entered,
    own_session,
    read_form,
    said,
    session_at_any_step,
    sign_on_page,
    status_of,
    with_session,
)
from warren.server.signon.pages import page
from warren.server.signon.rules import Step
from warren.server.signon.service import Session

_SCRIPT: Final = "passkeys.js"


# --- showing one ---


@get(SECOND, opt=OPEN, include_in_schema=False)
async def show_second(request: HTTPRequest) -> Response[Any]:
    """Where a second factor is asked for."""
    session = await session_at_any_step(request)
    afterwards = afterwards_of(request.query_params.get("next", ""))
    if session is None:
        return Redirect(f"/sign-on?next={afterwards}", status_code=303)
    if not (await services_of(request).factors.held(session.user.id)).any:
        return Redirect(FACTORS, status_code=303)
    return await _second_page(request, session, afterwards)


@post(SECOND, opt=OPEN, include_in_schema=False)
async def check_second(request: HTTPRequest) -> Response[Any]:
    """Check a code."""
    form = await read_form(request)
    session, services = await own_session(request, form, at_any_step=True), services_of(request)
    afterwards = afterwards_of(form.get("next", ""))
    try:
        await services.factors.check_code(session.user, form.get("code", ""), address_of(request))
        new = await services.signon.go_on(session)
    except WarrenError as error:
        return await _second_page(request, session, afterwards, error)
    return entered(request, new, afterwards)


@post(f"{SECOND}/passkey", opt=OPEN, include_in_schema=False)
async def ask_second_passkey(request: HTTPRequest) -> Response[Any]:
    """The page that asks the browser for a passkey of this person."""
    form = await read_form(request)
    session = await own_session(request, form, at_any_step=True)
    afterwards = afterwards_of(form.get("next", ""))
    options = await services_of(request).factors.ask_to_use(session.user, session.digest)
    return _ask_page(
        options,
        action=f"{SECOND}/passkey/answer",
        csrf=session.csrf,
        next=afterwards,
        back=f"{SECOND}?next={afterwards}",
    )


@post(f"{SECOND}/passkey/answer", opt=OPEN, include_in_schema=False)
async def check_second_passkey(request: HTTPRequest) -> Response[Any]:
    """Check what it signed."""
    form = await read_form(request)
    session, services = await own_session(request, form, at_any_step=True), services_of(request)
    afterwards = afterwards_of(form.get("next", ""))
    try:
        await services.factors.check_passkey(session.user, session.digest, form.get("answer", ""), address_of(request))
        new = await services.signon.go_on(session)
    except WarrenError as error:
        return await _second_page(request, session, afterwards, error)
    return entered(request, new, afterwards)


# --- a passkey alone ---


@post("/sign-on/passkey", opt=OPEN, include_in_schema=False)
async def ask_passkey(request: HTTPRequest) -> Response[Any]:
    """The page that asks the browser for any passkey of this server."""
    afterwards = afterwards_of((await read_form(request)).get("next", ""))
    options = await services_of(request).factors.ask_to_use(None, b"")
    return _ask_page(
        options, action="/sign-on/passkey/answer", csrf="", next=afterwards, back=f"/sign-on?next={afterwards}"
    )


@post("/sign-on/passkey/answer", opt=OPEN, include_in_schema=False)
async def check_passkey(request: HTTPRequest) -> Response[Any]:
    """A session begins by a passkey that verified its person: that is two factors."""
    form, services = await read_form(request), services_of(request)
    afterwards = afterwards_of(form.get("next", ""))
    try:
        named = await services.factors.check_passkey(None, b"", form.get("answer", ""), address_of(request))
        user = await services.accounts.find(named)
        new = await services.signon.begin(user, shown=True, before=cookie_of(request))
    except WarrenError as error:
        return sign_on_page(request, afterwards, error)
    return entered(request, new, afterwards)


# --- setting up ---


@get(FACTORS, opt=OPEN, include_in_schema=False)
async def show_factors(request: HTTPRequest) -> Response[Any]:
    """What a person has."""
    session = await session_at_any_step(request)
    if session is None:
        return Redirect(f"/sign-on?next={FACTORS}", status_code=303)
    if session.step is Step.SECOND:
        return Redirect(f"{SECOND}?next={FACTORS}", status_code=303)
    return _factors_page(request, session, await services_of(request).factors.held(session.user.id))


@post(f"{FACTORS}/app", opt=OPEN, include_in_schema=False)
async def begin_app(request: HTTPRequest) -> Response[Any]:
    """Begin an app."""
    session, instead = await _changing(request, await read_form(request))
    if instead is not None:
        return instead
    try:
        secret = await services_of(request).factors.begin_app(session.user)
    except WarrenError as error:
        return said(error, session.csrf)
    return _app_page(request, session, secret)


@post(f"{FACTORS}/app/confirm", opt=OPEN, include_in_schema=False)
async def confirm_app(request: HTTPRequest) -> Response[Any]:
    """Its first code: the app counts, and the recovery codes are shown."""
    form, services = await read_form(request), services_of(request)
    session, instead = await _changing(request, form)
    if instead is not None:
        return instead
    try:
        codes = await services.factors.confirm_app(session.user, form.get("code", ""), address_of(request))
    except WarrenError as error:
        secret = await services.factors.pending_app(session.user)
        return said(error, session.csrf) if secret is None else _app_page(request, session, secret, error)
    new = await services.signon.go_on(session)
    return with_session(request, page("recovery", title="Recovery codes", wrong="", codes=codes), new.secret)


@post(f"{FACTORS}/app/remove", opt=OPEN, include_in_schema=False)
async def remove_app(request: HTTPRequest) -> Response[Any]:
    """Take the app away."""
    session, instead = await _changing(request, await read_form(request))
    if instead is None:
        await services_of(request).factors.remove_app(session.user)
    return instead or Redirect(FACTORS, status_code=303)


@post(f"{FACTORS}/recovery", opt=OPEN, include_in_schema=False)
async def renew_recovery(request: HTTPRequest) -> Response[Any]:
    """Fresh recovery codes."""
    session, instead = await _changing(request, await read_form(request))
    if instead is not None:
        return instead
    codes = await services_of(request).factors.renew_recovery_codes(session.user)
    return page("recovery", title="Recovery codes", wrong="", codes=codes)


@post(f"{FACTORS}/passkey", opt=OPEN, include_in_schema=False)
async def begin_passkey(request: HTTPRequest) -> Response[Any]:
    """The page that asks the browser to make a passkey."""
    session, instead = await _changing(request, await read_form(request))
    if instead is not None:
        return instead
    try:
        options = await services_of(request).factors.ask_to_make(session.user, session.digest)
    except WarrenError as error:
        return said(error, session.csrf)
    return page(
        "passkey",
        script=_SCRIPT,
        title="Add a passkey",
        wrong="",
        text="Your browser or phone keeps it, and asks for your finger, face or PIN when it is used.",
        kind="create",
        button="Make the passkey",
        action=f"{FACTORS}/passkey/answer",
        options=options,
        csrf=session.csrf,
        next=FACTORS,
        back=FACTORS,
    )


@post(f"{FACTORS}/passkey/answer", opt=OPEN, include_in_schema=False)
async def add_passkey(request: HTTPRequest) -> Response[Any]:
    """Keep what it made."""
    form, services = await read_form(request), services_of(request)
    session, instead = await _changing(request, form)
    if instead is not None:
        return instead
    try:
        await services.factors.add_passkey(session.user, session.digest, form.get("answer", ""), form.get("name", ""))
    except WarrenError as error:
        return said(error, session.csrf)
    return entered(request, await services.signon.go_on(session), FACTORS)


@post(f"{FACTORS}/passkey/remove", opt=OPEN, include_in_schema=False)
async def remove_passkey(request: HTTPRequest) -> Response[Any]:
    """Take one away."""
    form = await read_form(request)
    session, instead = await _changing(request, form)
    if instead is not None:
        return instead
    try:
        await services_of(request).factors.remove_passkey(session.user, bytes.fromhex(form.get("id", "")))
    except (WarrenError, ValueError) as error:
        known = error if isinstance(error, WarrenError) else WarrenError(Code.NOT_FOUND, "there is no such passkey")
        return said(known, session.csrf)
    return Redirect(FACTORS, status_code=303)


PAGES: Final = (
    show_second,
    check_second,
    ask_second_passkey,
    check_second_passkey,
    ask_passkey,
    check_passkey,
    show_factors,
    begin_app,
    confirm_app,
    remove_app,
    renew_recovery,
    begin_passkey,
    add_passkey,
    remove_passkey,
)


async def _changing(request: HTTPRequest, form: dict[str, str]) -> tuple[Session, Response[Any] | None]:
    """The session of a form that changes factors, and the page to show instead where it may not. Raises WarrenError."""
    session, services = await own_session(request, form, at_any_step=True), services_of(request)
    held = await services.factors.held(session.user.id)
    may = may_change_factors(has_factor=held.any, shown_at=session.factor_at, now=services.accounts.now())
    return session, None if may else Redirect(f"{SECOND}?next={FACTORS}", status_code=303)


async def _second_page(
    request: HTTPRequest, session: Session, afterwards: str, error: WarrenError | None = None
) -> Response[Any]:
    services = services_of(request)
    held = await services.factors.held(session.user.id)
    return page(
        "second",
        status=200 if error is None else status_of(error),
        title="Second factor",
        wrong="" if error is None else f"{error.text}; {error.fix}",
        user=session.user.name,
        csrf=session.csrf,
        next=afterwards,
        has_app=held.has_app,
        has_codes=held.recovery_codes > 0,
        has_passkeys=bool(held.passkeys) and services.factors.place.takes_passkeys,
    )


def _ask_page(options: str, *, action: str, csrf: str, next: str, back: str) -> Response[Any]:  # noqa: A002 - the field
    return page(
        "passkey",
        script=_SCRIPT,
        title="Use a passkey",
        wrong="",
        text="Your browser asks for your finger, face or PIN.",
        kind="get",
        button="Use the passkey",
        action=action,
        options=options,
        csrf=csrf,
        next=next,
        back=back,
    )


def _factors_page(request: HTTPRequest, session: Session, held: Held) -> Response[Any]:
    return page(
        "factors",
        title="Second factors",
        wrong="",
        demanded=session.step is Step.SET_UP,
        held=held,
        csrf=session.csrf,
        takes_passkeys=services_of(request).factors.place.takes_passkeys,
    )


def _app_page(request: HTTPRequest, session: Session, secret: bytes, error: WarrenError | None = None) -> Response[Any]:
    link = totp.link(secret, user=session.user.name, server=services_of(request).factors.place.host)
    return page(
        "app",
        status=200 if error is None else status_of(error),
        title="Set up an app",
        wrong="" if error is None else f"{error.text}; {error.fix}",
        secret=totp.show_secret(secret),
        drawing=totp.drawing(link),
        csrf=session.csrf,
    )
