"""SECURITY.md rules 11 and 12: whatever signs somebody on, or lets them in, has an end that the server enforces.

Each secret is made twice: one is tried when its time is up, the other a second before that. How long each lives stands
here as a number of its own, so that a limit that grows is noticed; no housekeeping runs in between, because an end that
only it brings about is none.
"""

import base64
import itertools
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pyotp
from tests.unit.server.people import FRESH_S, PLACE, People, people

from warren.errors import WarrenError
from warren.model.keys import SigningKeyPair
from warren.protocol.rest.device import DeviceAsk
from warren.server.accounts.rules import Scope
from warren.server.db.metadata import metadata
from warren.server.invites.service import consume
from warren.server.providers.service import Returned
from warren.server.signon.service import Session

__all__ = ["people"]

Attempt = Callable[[], Awaitable[object]]
"""Uses a secret; where that opens nothing, the answer is False or a refusal."""

MINUTE, HOUR, DAY = 60, 3600, 86400
_numbers = itertools.count()


async def typed(people: People) -> Attempt:
    """A code is typed, and the person sees who asks."""
    asked, session = await people.signon.ask(DeviceAsk(hostname="cam"), "127.0.0.1"), await people.session()
    return lambda: people.signon.look(session, asked.code)


async def decided(people: People) -> Attempt:
    """A code is approved."""
    asked, session = await people.signon.ask(DeviceAsk(hostname="cam"), "127.0.0.1"), await people.session()
    return lambda: people.signon.decide(session, asked.code, approve=True)


async def taken(people: People) -> Attempt:
    """A program that was approved in time comes for its token."""
    secret = await people.approved(DeviceAsk(hostname="cam"))
    return lambda: is_given(people, secret)


async def taken_again(people: People) -> Attempt:
    """It has its token, and asks once more."""
    secret = await people.approved(DeviceAsk(hostname="cam"))
    assert await is_given(people, secret)
    return lambda: is_given(people, secret)


async def is_given(people: People, secret: str) -> bool:
    """Whether a program is given a token by what it polls with."""
    polled = await people.signon.poll(secret)
    return polled.state == "approved" or bool(polled.token)


async def token_of_program(people: People) -> Attempt:
    """The token of a program that was approved."""
    token = (await people.signon.poll(await people.approved(DeviceAsk(hostname="cam")))).token
    return lambda: people.accounts.caller(token)


async def key_of_machine(people: People) -> Attempt:
    """The key of a machine that was approved."""
    public = SigningKeyPair(os.urandom(32)).public
    polled = await people.signon.poll(await people.approved(DeviceAsk(hostname="cam", join=public.hex())))
    assert polled.key is not None
    return lambda: uses(people, polled.key.id if polled.key else "")


async def uses(people: People, key_id: str) -> object:
    """A key admits somebody."""
    async with people.features.database.write() as connection:
        return await consume(connection, people.features.network.id, key_id, people.now)


async def key(people: People) -> Attempt:
    """A pre-auth key, made for an hour."""
    line = await people.features.key(reusable=False)
    return lambda: people.features.join(line, f"cam{next(_numbers)}")


async def api_token(people: People) -> Attempt:
    """A token, made for a day."""
    made = await people.accounts.create_token(await people.person(), "x", Scope.ADMIN, DAY, actor="x", factor_at=None)
    return lambda: people.accounts.caller(made.secret.reveal())


async def first_link(people: People) -> Attempt:
    """The link by which the first admin comes in."""
    secret = await people.signon.offer_first_link()
    assert secret is not None
    return lambda: people.signon.use_first_link(secret, "alice", "four words nobody joins")


async def whole_session(people: People) -> Attempt:
    """A session, by its cookie."""
    return is_there(people.signon.session, (await people.signon.begin(await people.person())).secret)


async def half_session(people: People) -> Attempt:
    """A session in which the second factor is still missing."""
    user = await people.person()
    await people.passkey(user)
    secret = (await people.signon.begin(user)).secret
    assert await people.signon.session(secret) is None
    return is_there(people.signon.session_at_any_step, secret)


def is_there(find: Callable[[str], Awaitable[Session | None]], secret: str) -> Attempt:
    """A session, or none."""

    async def found() -> bool:
        return await find(secret) is not None

    return found


async def factor_for_approval(people: People) -> Attempt:
    """A second factor counts as shown lately."""
    session = await people.session()

    async def counts() -> bool:
        return not people.signon.waits_for_factor(session)

    return counts


async def provider_flow(people: People) -> Attempt:
    """Somebody was sent to a provider, and comes back."""
    begun = await people.providers.begin("one", "/account", "127.0.0.1")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}

    def back() -> Awaitable[object]:
        people.provider.claims = {
            "iss": people.provider.issuer, "sub": "anna", "aud": "warren", "nonce": asked["nonce"],
            "iat": people.now, "exp": people.now + 60, "email": "anna@corp.example", "email_verified": True,
        }  # fmt: skip
        return people.providers.finish("one", begun.cookie, Returned(asked["state"], "c", "", None))

    return back


async def passkey_challenge(people: People) -> Attempt:
    """A passkey signs what it was asked to sign."""
    held = await people.passkey(await people.person())
    answer = held.answer(await people.factors.ask_to_use(None, b"browser"), PLACE)
    return lambda: people.factors.check_passkey(None, b"browser", answer, "127.0.0.1")


async def code_of_app(people: People) -> Attempt:
    """What an app showed at the beginning of a step."""
    user = await people.person()
    app = pyotp.TOTP(base64.b32encode(await people.factors.begin_app(user)).decode())
    await people.factors.confirm_app(user, app.at(people.now - 30), "127.0.0.1")
    shown = app.at(people.now)
    return lambda: people.factors.check_code(user, shown, "127.0.0.1")


async def invitation(people: People) -> Attempt:
    """A person is invited."""
    name = f"guest{next(_numbers)}"
    user = await people.accounts.known_by("https://idp.example", name, name=name, groups=())
    await people.invitations.invite(people.features.network, user, "", actor="x")
    return lambda: people.invitations.accept(people.features.network, user, actor="x")


@dataclass(frozen=True, slots=True)
class End:
    """How long a secret lives, the table that it lives in, and how it is used. `used_every_s`: it is used on the way,
    and lives no longer for that."""

    lifetime_s: int
    table: str
    make: Callable[[People], Awaitable[Attempt]]
    used_every_s: int = 0


ENDS = {
    "the link of the first admin": End(DAY, "first_links", first_link),  # first, while there are no users
    "a device's code, typed": End(5 * MINUTE, "device_requests", typed),
    "a device's code, approved": End(5 * MINUTE, "device_requests", decided),
    "what a program was approved for": End(5 * MINUTE, "device_requests", taken),
    "the same, asked for again": End(1 * MINUTE, "device_requests", taken_again),
    "the token of a program": End(90 * DAY, "tokens", token_of_program),
    "an API token": End(DAY, "tokens", api_token),
    "the key of a machine that was approved": End(5 * MINUTE, "join_keys", key_of_machine),
    "a pre-auth key": End(HOUR, "join_keys", key),
    "a session that nobody uses": End(HOUR, "sessions", whole_session),
    "half a session that nobody uses": End(HOUR, "sessions", half_session),
    "a session in use": End(12 * HOUR, "sessions", whole_session, used_every_s=HOUR // 2),
    "half a session in use": End(12 * HOUR, "sessions", half_session, used_every_s=HOUR // 2),
    "a second factor, where one is demanded": End(FRESH_S, "sessions", factor_for_approval),
    "a sign-on at a provider": End(10 * MINUTE, "sign_on_flows", provider_flow),
    "a challenge for a passkey": End(5 * MINUTE, "passkey_challenges", passkey_challenge),
    "a code of an app": End(1 * MINUTE, "totp", code_of_app),
    "an invitation": End(14 * DAY, "invitations", invitation),
}


async def opens(attempt: Attempt) -> bool:
    """Whether a secret is good for anything."""
    try:
        return (await attempt()) is not False
    except WarrenError:
        return False


async def opens_at(people: People, end: End, age_s: int) -> bool:
    """Whether a fresh secret opens something when it is as old as that."""
    attempt, left_s = await end.make(people), age_s
    while end.used_every_s and left_s > end.used_every_s:
        people.features.clock[0] += end.used_every_s
        left_s -= end.used_every_s
        assert await opens(attempt)
    people.features.clock[0] += left_s
    return await opens(attempt)


async def test_every_secret_opens_until_its_end_and_not_from_then_on(people: People) -> None:
    wrong = []
    for name, end in ENDS.items():
        if await opens_at(people, end, end.lifetime_s):
            wrong.append(f"{name} opens after {end.lifetime_s} s")
        people.features.clock[0] += -people.features.clock[0] % 30  # a code of an app counts from its step's beginning
        if not await opens_at(people, end, end.lifetime_s - 1):
            wrong.append(f"{name} is over before {end.lifetime_s} s")
        people.features.clock[0] += -people.features.clock[0] % 30
    assert not wrong


def test_every_table_of_what_ends_has_a_line() -> None:
    ending = {table.name for table in metadata.tables.values() if "expires_at" in table.columns}
    assert ending <= {end.table for end in ENDS.values()}
