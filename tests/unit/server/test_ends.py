"""SECURITY.md rules 11 and 12: whatever signs somebody on, or lets them in, has an end that the server enforces.

Each secret is made twice: one is tried when its time is up, the other a second before that. How long each lives stands
here as a number of its own, so that a limit that grows is noticed; no housekeeping runs in between, because an end that
only it brings about is none.
"""

import base64
import hashlib
import itertools
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import cbor2
import msgspec
import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from tests.server.lying_provider import LyingProvider
from tests.unit.server.conftest import Features

from warren.errors import WarrenError
from warren.model.keys import Secret, SigningKeyPair
from warren.protocol.rest.device import DeviceAsk
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role, Scope
from warren.server.accounts.service import Accounts
from warren.server.accounts.store import UserRow
from warren.server.db.metadata import metadata
from warren.server.factors import store as factor_store
from warren.server.factors.passkeys import Place
from warren.server.factors.rules import Action, Demands
from warren.server.factors.service import Factors
from warren.server.factors.store import PasskeyRow
from warren.server.invitations.service import Invitations
from warren.server.invites.service import consume
from warren.server.providers.domains import Domains
from warren.server.providers.service import Providers, Returned
from warren.server.providers.settings import Provider
from warren.server.signon.service import Session, SignOn

Attempt = Callable[[], Awaitable[object]]
"""Uses a secret; where that opens nothing, the answer is False or a refusal."""

MINUTE, HOUR, DAY = 60, 3600, 86400
PLACE = Place("warren.example", "https://warren.example")
FRESH_S = 600
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class World:
    """All of a server that knows secrets of people."""

    features: Features
    accounts: Accounts
    factors: Factors
    signon: SignOn
    invitations: Invitations
    providers: Providers
    provider: LyingProvider

    @property
    def now(self) -> int:
        """Unix seconds."""
        return int(self.features.clock[0])

    async def person(self) -> UserRow:
        """Somebody new, who may add machines to the network."""
        name = f"anna{next(_numbers)}"
        user = await self.accounts.known_by("https://idp.example", name, name=name, groups=())
        async with self.features.database.write() as connection:
            await account_store.add_role(connection, self.features.network.id, user.id, Role.MEMBER)
        return user

    async def session(self) -> Session:
        """Somebody new signs on, by two factors."""
        found = await self.signon.session((await self.signon.begin(await self.person(), shown=True)).secret)
        assert found is not None
        return found

    async def approved(self, ask: DeviceAsk) -> str:
        """The secret of a program that somebody approved."""
        asked = await self.signon.ask(ask, "127.0.0.1")
        name = self.features.network.row.name
        await self.signon.decide(await self.session(), asked.code, approve=True, network=name)
        return asked.secret


async def typed(world: World) -> Attempt:
    """A code is typed, and the person sees who asks."""
    asked, session = await world.signon.ask(DeviceAsk(hostname="cam"), "127.0.0.1"), await world.session()
    return lambda: world.signon.look(session, asked.code)


async def decided(world: World) -> Attempt:
    """A code is approved."""
    asked, session = await world.signon.ask(DeviceAsk(hostname="cam"), "127.0.0.1"), await world.session()
    return lambda: world.signon.decide(session, asked.code, approve=True)


async def taken(world: World) -> Attempt:
    """A program that was approved in time comes for its token."""
    secret = await world.approved(DeviceAsk(hostname="cam"))
    return lambda: is_given(world, secret)


async def taken_again(world: World) -> Attempt:
    """It has its token, and asks once more."""
    secret = await world.approved(DeviceAsk(hostname="cam"))
    assert await is_given(world, secret)
    return lambda: is_given(world, secret)


async def is_given(world: World, secret: str) -> bool:
    """Whether a program is given a token by what it polls with."""
    polled = await world.signon.poll(secret)
    return polled.state == "approved" or bool(polled.token)


async def token_of_program(world: World) -> Attempt:
    """The token of a program that was approved."""
    token = (await world.signon.poll(await world.approved(DeviceAsk(hostname="cam")))).token
    return lambda: world.accounts.caller(token)


async def key_of_machine(world: World) -> Attempt:
    """The key of a machine that was approved."""
    public = SigningKeyPair(os.urandom(32)).public
    polled = await world.signon.poll(await world.approved(DeviceAsk(hostname="cam", join=public.hex())))
    assert polled.key is not None
    return lambda: uses(world, polled.key.id if polled.key else "")


async def uses(world: World, key_id: str) -> object:
    """A key admits somebody."""
    async with world.features.database.write() as connection:
        return await consume(connection, world.features.network.id, key_id, world.now)


async def key(world: World) -> Attempt:
    """A pre-auth key, made for an hour."""
    line = await world.features.key(reusable=False)
    return lambda: world.features.join(line, f"cam{next(_numbers)}")


async def api_token(world: World) -> Attempt:
    """A token, made for a day."""
    made = await world.accounts.create_token(await world.person(), "x", Scope.ADMIN, DAY, actor="x", factor_at=None)
    return lambda: world.accounts.caller(made.secret.reveal())


async def first_link(world: World) -> Attempt:
    """The link by which the first admin comes in."""
    secret = await world.signon.offer_first_link()
    assert secret is not None
    return lambda: world.signon.use_first_link(secret, "alice", "four words nobody joins")


async def whole_session(world: World) -> Attempt:
    """A session, by its cookie."""
    return is_there(world.signon.session, (await world.signon.begin(await world.person())).secret)


async def half_session(world: World) -> Attempt:
    """A session in which the second factor is still missing."""
    user = await world.person()
    await with_passkey(world, user)
    secret = (await world.signon.begin(user)).secret
    assert await world.signon.session(secret) is None
    return is_there(world.signon.session_at_any_step, secret)


def is_there(find: Callable[[str], Awaitable[Session | None]], secret: str) -> Attempt:
    """A session, or none."""

    async def found() -> bool:
        return await find(secret) is not None

    return found


async def factor_for_approval(world: World) -> Attempt:
    """A second factor counts as shown lately."""
    session = await world.session()

    async def counts() -> bool:
        return not world.signon.waits_for_factor(session)

    return counts


async def provider_flow(world: World) -> Attempt:
    """Somebody was sent to a provider, and comes back."""
    begun = await world.providers.begin("one", "/account", "127.0.0.1")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}

    def back() -> Awaitable[object]:
        world.provider.claims = {
            "iss": world.provider.issuer, "sub": "anna", "aud": "warren", "nonce": asked["nonce"],
            "iat": world.now, "exp": world.now + 60, "email": "anna@corp.example", "email_verified": True,
        }  # fmt: skip
        return world.providers.finish("one", begun.cookie, Returned(asked["state"], "c", "", None))

    return back


async def with_passkey(world: World, user: UserRow) -> tuple[bytes, ec.EllipticCurvePrivateKey]:
    """They have a passkey: its id, and the key in it."""
    held, credential = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    point = held.public_key().public_numbers()
    public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
    async with world.features.database.write() as connection:
        await factor_store.add_passkey(connection, PasskeyRow(credential, user.id, public, 0, "x", world.now, None))
    return credential, held


async def passkey_challenge(world: World) -> Attempt:
    """A passkey signs what it was asked to sign (Web Authentication, 6.1 and 7.2)."""
    credential, held = await with_passkey(world, await world.person())
    challenge = msgspec.json.decode(await world.factors.ask_to_use(None, b"browser"))["challenge"]
    client = msgspec.json.encode({"type": "webauthn.get", "challenge": challenge, "origin": PLACE.origin})
    present_and_verified, counter = b"\x05", (1).to_bytes(4, "big")
    said = hashlib.sha256(PLACE.host.encode()).digest() + present_and_verified + counter
    signature = held.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
    parts = {"clientDataJSON": client, "authenticatorData": said, "signature": signature}
    answer = {
        "id": to_text(credential), "rawId": to_text(credential), "type": "public-key",
        "response": {name: to_text(part) for name, part in parts.items()},
    }  # fmt: skip
    return lambda: world.factors.check_passkey(None, b"browser", msgspec.json.encode(answer).decode(), "127.0.0.1")


def to_text(raw: bytes) -> str:
    """As browsers write bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def code_of_app(world: World) -> Attempt:
    """What an app showed at the beginning of a step."""
    user = await world.person()
    app = pyotp.TOTP(base64.b32encode(await world.factors.begin_app(user)).decode())
    await world.factors.confirm_app(user, app.at(world.now - 30), "127.0.0.1")
    shown = app.at(world.now)
    return lambda: world.factors.check_code(user, shown, "127.0.0.1")


async def invitation(world: World) -> Attempt:
    """A person is invited."""
    name = f"anna{next(_numbers)}"
    user = await world.accounts.known_by("https://idp.example", name, name=name, groups=())
    await world.invitations.invite(world.features.network, user, "", actor="x")
    return lambda: world.invitations.accept(world.features.network, user, actor="x")


@dataclass(frozen=True, slots=True)
class End:
    """How long a secret lives, the table that it lives in, and how it is used. `used_every_s`: it is used on the way,
    and lives no longer for that."""

    lifetime_s: int
    table: str
    make: Callable[[World], Awaitable[Attempt]]
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


@pytest.fixture(name="world")
def _world(features: Features) -> Iterator[World]:
    provider = LyingProvider().start()
    database, clock = features.database, lambda: features.clock[0]
    accounts, secret = Accounts(database, clock), Secret(bytes(32))
    demands = Demands(frozenset({Action.APPROVE}), FRESH_S)
    factors = Factors(
        database=database, key=secret, place=PLACE, demands=demands, clock=clock, monotonic=clock
    )  # fmt: skip
    signon = SignOn(
        database=database, accounts=accounts, networks=features.networks, invites=features.invites, factors=factors,
        key=secret, clock=clock, monotonic=clock,
    )  # fmt: skip
    entry = Provider(
        id="one", name="one", issuer=provider.issuer, client_id="warren", domains=("corp.example",), private=True
    )
    providers = Providers(
        providers=[entry], base_url=PLACE.origin, database=database, accounts=accounts,
        domains=Domains(database, features.networks, clock), clock=clock, monotonic=clock,
    )  # fmt: skip
    yield World(features, accounts, factors, signon, Invitations(database, clock), providers, provider)
    provider.stop()


async def opens(attempt: Attempt) -> bool:
    """Whether a secret is good for anything."""
    try:
        return (await attempt()) is not False
    except WarrenError:
        return False


async def opens_at(world: World, end: End, age_s: int) -> bool:
    """Whether a fresh secret opens something when it is as old as that."""
    attempt, left_s = await end.make(world), age_s
    while end.used_every_s and left_s > end.used_every_s:
        world.features.clock[0] += end.used_every_s
        left_s -= end.used_every_s
        assert await opens(attempt)
    world.features.clock[0] += left_s
    return await opens(attempt)


async def test_every_secret_opens_until_its_end_and_not_from_then_on(world: World) -> None:
    wrong = []
    for name, end in ENDS.items():
        if await opens_at(world, end, end.lifetime_s):
            wrong.append(f"{name} opens after {end.lifetime_s} s")
        world.features.clock[0] += -world.features.clock[0] % 30  # a code of an app counts from its step's beginning
        if not await opens_at(world, end, end.lifetime_s - 1):
            wrong.append(f"{name} is over before {end.lifetime_s} s")
        world.features.clock[0] += -world.features.clock[0] % 30
    assert not wrong


def test_every_table_of_what_ends_has_a_line() -> None:
    ending = {table.name for table in metadata.tables.values() if "expires_at" in table.columns}
    assert ending <= {end.table for end in ENDS.values()}
