"""The only door to sign-on: sessions of browsers, programs that a person approves, the first admin's link.

Decides when a session is good, when guessing is stopped, and what an approved program gets: a token that manages
networks and never administers (SECURITY.md rule 12). Must not know pages or HTTP. Secrets are 256 random bits; what is
stored of them is SHA-256 under a word for each kind, so that one kind is never taken for another.
"""

import asyncio
import base64
import hashlib
import hmac
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import (
    DEVICE_ANSWERED_AGAIN_S,
    DEVICE_REQUESTS_AN_ADDRESS_MAX,
    DEVICE_REQUESTS_MAX,
    DEVICE_TOKEN_LIFETIME_S,
)
from warren.model.keys import Secret
from warren.protocol.rest.device import DeviceAsk
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import LOCAL_ISSUER, Caller, Scope, unknown_network
from warren.server.accounts.service import Accounts
from warren.server.accounts.store import UserRow
from warren.server.audit.service import Action as Audit
from warren.server.audit.service import record
from warren.server.db.engine import Database
from warren.server.factors.rules import Action
from warren.server.factors.service import Factors
from warren.server.invites.service import Invites
from warren.server.invites.store import KeyRow
from warren.server.networks.live import LiveNetwork
from warren.server.networks.service import Networks
from warren.server.signon import rules, store
from warren.server.signon.guessing import Guessing, Try
from warren.server.signon.rules import Step
from warren.server.signon.store import DeviceRow, SessionRow
from warren.server.throttle import Throttle

SECRET_BYTES = 32
_NONCE_CHARS = 16  # 96 bits
_CODE_ATTEMPTS = 5  # a code that another request has is drawn anew
_LOOK_EVERY_S = 2.0  # how soon a decision made at another server of the database is seen
_SEEN_EVERY_S = 60  # how exactly the idle time of a session is kept


@dataclass(frozen=True, slots=True)
class Session:
    """A person signed on in a browser. `csrf` stands in each form, and only this session's forms have it."""

    user: UserRow
    csrf: str
    digest: bytes
    step: Step
    factor_at: int | None

    def is_own_form(self, csrf: str) -> bool:
        """Whether a form is one that was shown in this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that begins: what its cookie holds, how far it is, and the mark by which the browser is known as this
    person's from then on (empty where nothing is guessed: they have no password here, or a factor is missing)."""

    secret: str
    step: Step
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A program's request as it is told to it."""

    secret: str
    code: str


@dataclass(frozen=True, slots=True)
class Polled:
    """What became of it; `token`, or `key` of a machine that joins, once, where `user` approved it."""

    state: str
    user: UserRow | None = None
    token: str = ""
    key: KeyRow | None = None


class SignOn:
    """Sign-on to one server. `clock`: Unix seconds; `monotonic`: seconds, for what is counted in memory."""

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        networks: Networks,
        invites: Invites,
        factors: Factors,
        key: Secret[bytes],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """`key`: what marks of known browsers are made with."""
        self._database = database
        self._accounts = accounts
        self._networks = networks
        self._invites = invites
        self._factors = factors
        self._decided = asyncio.Condition()
        self._clock = clock
        self._monotonic = monotonic
        self._mark_key = hmac.digest(key.reveal(), b"warren/known-browser/v1", "sha256")
        self._guessing = Guessing()
        self._codes = Throttle(rules.DEVICE_TRIES_MAX)

    # --- browsers ---

    async def sign_on(self, name: str, password: str, address: str, *, before: str = "", mark: str = "") -> NewSession:
        """Begin a session; `before`: the cookie of the one that it takes the place of; `mark`: of a known browser.

        Raises WarrenError UNAUTHENTICATED (one text for every reason) or BUSY.
        """
        subject = name.strip().lower()[:255]
        one, now = Try(subject, address, self._browser(subject, mark)), self._monotonic()
        if (wait_s := self._guessing.wait_s(one, now)) > 0:
            raise _too_many_tries(wait_s)
        self._guessing.begin(one, now)
        user = await self._accounts.check_password(subject, password, address)
        if user is None:
            raise WarrenError(Code.UNAUTHENTICATED, "that name and password do not belong together", "try again")
        self._guessing.was_right(one)
        return await self.begin(user, before=before)

    def _browser(self, subject: str, mark: str) -> str:
        """What a mark says: which browser this is of the account, empty where it does not say so."""
        nonce = mark[:_NONCE_CHARS]
        right = hmac.compare_digest(self._mark(subject, nonce).encode(), mark.encode("utf-8", "replace"))
        return nonce if right else ""

    def _mark(self, subject: str, nonce: str) -> str:
        said = f"{subject}\0{nonce}".encode("utf-8", "surrogatepass")
        return nonce + _to_text(hmac.digest(self._mark_key, said, "sha256"))

    async def begin(self, user: UserRow, *, shown: bool = False, before: str = "") -> NewSession:
        """A new session of somebody who proved who they are; its secret goes into the cookie. `shown`: by two factors;
        `before`: the cookie that the browser had, whose session ends.

        It is not whole where a second factor is still to be shown, or to be set up. Raises WarrenError UNAUTHENTICATED
        for somebody who is shut out.
        """
        if user.disabled_at is not None:
            raise WarrenError(Code.UNAUTHENTICATED, "you are shut out of this server", "ask its admin")
        now = int(self._clock())
        has_factor = (await self._factors.held(user.id)).any
        demanded = Action.SIGN_ON in self._factors.demands.actions
        step = rules.first_step(has_factor=has_factor, shown=shown, demanded=demanded)
        async with self._database.write() as connection:
            await store.drop_expired(connection, now)
            await store.drop_session(connection, _digest("session", before))
            return await self._add(connection, user, step, now + rules.SESSION_LIFETIME_S, now if shown else None)

    async def go_on(self, session: Session) -> NewSession:
        """A second factor was shown: the session goes on whole, under another secret, as long as it would have."""
        now = int(self._clock())
        async with self._database.write() as connection:
            row = await store.read_session(connection, session.digest)
            if row is None:
                raise WarrenError(Code.UNAUTHENTICATED, "you are not signed on any more", "sign on again")
            await store.drop_session(connection, session.digest)
            return await self._add(connection, session.user, Step.WHOLE, row.expires_at, now)

    async def _add(
        self, connection: AsyncConnection, user: UserRow, step: Step, expires_at: int, factor_at: int | None
    ) -> NewSession:
        secret, now = _new_secret(), int(self._clock())
        row = SessionRow(_digest("session", secret), user.id, now, now, expires_at, step.value, factor_at)
        await store.add_session(connection, row)
        if step is Step.WHOLE:
            await record(connection, Audit.SIGNED_ON, actor=user.name, at=now, network=None, subject=user.id)
        is_guessed = step is Step.WHOLE and user.issuer == LOCAL_ISSUER
        return NewSession(secret, step, self._mark(user.subject, _new_secret()[:_NONCE_CHARS]) if is_guessed else "")

    async def session(self, secret: str) -> Session | None:
        """The whole session of a cookie; None where it is not, or no longer, good."""
        found = await self.session_at_any_step(secret)
        return found if found is not None and found.step is Step.WHOLE else None

    async def session_at_any_step(self, secret: str) -> Session | None:
        """The same, also where a second factor is still missing: for the pages that ask for it."""
        if not secret:
            return None
        now, digest = int(self._clock()), _digest("session", secret)
        async with self._database.read() as connection:
            row = await store.read_session(connection, digest)
            user = await account_store.read_user(connection, row.user) if row is not None else None
        if row is None or user is None or user.disabled_at is not None:
            return None
        if row.expires_at <= now or row.seen_at + rules.SESSION_IDLE_S <= now:
            return None
        if now - row.seen_at >= _SEEN_EVERY_S:
            async with self._database.write() as connection:
                await store.see_session(connection, digest, now)
        return Session(user, _digest("form", secret).hex(), digest, Step(row.step), row.factor_at)

    def waits_for_factor(self, session: Session) -> bool:
        """Whether a second factor has to be shown before this session approves anything."""
        return self._factors.demands.refuses(Action.APPROVE, session.factor_at, self._clock())

    async def sign_off(self, session: Session, *, everywhere: bool) -> None:
        """End this session, or all of the person."""
        now = int(self._clock())
        async with self._database.write() as connection:
            if everywhere:
                await store.drop_sessions_of(connection, session.user.id)
            else:
                await store.drop_session(connection, session.digest)
            user = session.user
            detail = {"everywhere": everywhere}
            await record(
                connection, Audit.SIGNED_OFF, actor=user.name, at=now, network=None, subject=user.id, detail=detail
            )

    async def sign_off_everywhere(self, user: str) -> None:
        """End every session of a person; the change that this belongs to is in the audit log."""
        async with self._database.write() as connection:
            await store.drop_sessions_of(connection, user)

    # --- programs ---

    async def ask(self, ask: DeviceAsk, address: str) -> Asked:
        """A program wants to be approved. Raises WarrenError BUSY where too many wait."""
        now, secret = int(self._clock()), _new_secret()
        for _ in range(_CODE_ATTEMPTS):
            code = rules.make_code(os.urandom(rules.CODE_LETTERS))
            row = DeviceRow(
                digest=_digest("device", secret),
                code=code,
                hostname=ask.hostname,
                system=ask.system,
                address=address[:64],
                state="pending",
                user=None,
                join_public=None if ask.join is None else bytes.fromhex(ask.join),
                wished=ask.network,
                network=None,
                created_at=now,
                expires_at=now + rules.DEVICE_LIFETIME_S,
            )
            try:
                async with self._database.write() as connection:
                    await store.drop_expired(connection, now)
                    if (
                        await store.count_devices(connection, row.address) >= DEVICE_REQUESTS_AN_ADDRESS_MAX
                        or await store.count_devices(connection, None) >= DEVICE_REQUESTS_MAX
                    ):
                        raise WarrenError(Code.BUSY, "too many programs wait to be approved", "try again in minutes")
                    await store.add_device(connection, row)
            except IntegrityError:
                continue
            return Asked(secret, code)
        raise WarrenError(Code.BUSY, "no code is free", "try again")

    async def poll(self, secret: str, wait_s: float = 0.0) -> Polled:
        """What became of a program's request; an approved one gives its token or key, once. `wait_s`: how long to wait
        for a decision."""
        polled = await self._look_up(secret)
        deadline = self._monotonic() + wait_s
        while polled.state == "pending" and (left_s := deadline - self._monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, _LOOK_EVERY_S)), self._decided:
                    await self._decided.wait()
            polled = await self._look_up(secret)
        return polled

    async def _look_up(self, secret: str) -> Polled:
        now, digest = int(self._clock()), _digest("device", secret)
        async with self._database.read() as connection:
            row = await store.read_device(connection, digest)
        if row is None or row.expires_at <= now:
            return Polled("expired")
        if row.state not in {"approved", "spent"}:
            return Polled(row.state)
        try:
            return await self._take(secret, now)
        except IntegrityError:  # its key has the name of another one: it makes a new one with its next request
            return Polled("expired")

    async def _take(self, secret: str, now: int) -> Polled:
        """Give what was approved. It is made once, in the statement's own transaction, of the secret that the program
        polls with: asked again a moment later, because an answer was lost, the same comes out and nothing is made."""
        digest, drawn = _digest("device", secret), _drawn_from(secret)
        async with self._database.write() as connection:
            taken = await store.spend_device(connection, digest, now, now + DEVICE_ANSWERED_AGAIN_S)
            row = taken or await store.read_device(connection, digest)
            user = None if row is None or row.user is None else await account_store.hold_user(connection, row.user)
            if row is None or user is None or user.disabled_at is not None:
                return Polled("expired")
            if row.join_public is not None:
                network = self._networks.find((row.network or b"").hex())
                if taken is None:
                    key = await self._invites.approved(connection, row.join_public, user.id)
                else:
                    key = await self._invites.approve(
                        connection, network, row.join_public, user.id, rules.DEVICE_LIFETIME_S
                    )
                return Polled("expired") if key is None else Polled("approved", user, key=key)
            if taken is not None:
                name = f"{row.hostname or 'a program'} at {row.address}"[:80]
                await self._accounts.create_token_within(
                    connection, user, name, Scope.MANAGE, DEVICE_TOKEN_LIFETIME_S, actor=user.name,
                    factor_at=row.factor_at, drawn=drawn,
                )  # fmt: skip
            return Polled("approved", user, self._accounts.show_token(drawn).reveal())

    async def networks_of(self, session: Session) -> list[LiveNetwork]:
        """The networks that a person may add a machine to."""
        roles = await self._accounts.roles(_caller(session.user))
        return [one for one in self._networks.all() if session.user.is_admin or one.id in roles]

    async def look(self, session: Session, typed: str) -> DeviceRow:
        """Who asks under the code that a person typed. Raises WarrenError NOT_FOUND, or BUSY after too many tries."""
        self._check_tries(self._codes, session.user.id)
        code = rules.parse_code(typed)
        async with self._database.read() as connection:
            found = await store.find_device(connection, code, int(self._clock())) if code else None
        if found is None:
            self._codes.fail(session.user.id, self._monotonic())
            raise WarrenError(Code.NOT_FOUND, "nothing waits under that code", "look at the program's screen again")
        return found

    async def decide(self, session: Session, code: str, *, approve: bool, network: str = "") -> DeviceRow:
        """Approve or deny. `network`: which one a machine joins, by name.

        Raises WarrenError NOT_FOUND where it waits no longer, NETWORK_UNKNOWN where the network is not this person's.
        """
        now = int(self._clock())
        if self.waits_for_factor(session):
            raise WarrenError(Code.SECOND_FACTOR, "this takes a second factor, shown lately", "show one and try again")
        self._check_tries(self._codes, session.user.id)
        chosen = next((one.id for one in await self.networks_of(session) if one.row.name == network), None)
        async with self._database.write() as connection:
            found = await store.find_device(connection, rules.parse_code(code), now)
            if approve and found is not None and found.join_public is not None and chosen is None:
                raise unknown_network()
            state = "approved" if approve else "denied"
            row = await store.decide_device(
                connection,
                rules.parse_code(code),
                user=session.user.id,
                state=state,
                network=chosen,
                factor_at=session.factor_at,
                now=now,
            )
            if row is not None:
                await record(
                    connection,
                    Audit.PROGRAM_APPROVED if approve else Audit.PROGRAM_DENIED,
                    actor=session.user.name,
                    at=now,
                    network=None,
                    subject=session.user.id,
                    detail={"hostname": row.hostname, "system": row.system, "address": row.address},
                )
        if row is None:
            self._codes.fail(session.user.id, self._monotonic())
            raise WarrenError(Code.NOT_FOUND, "nothing waits under that code any more", "start the program again")
        async with self._decided:
            self._decided.notify_all()
        return row

    # --- the first admin ---

    async def offer_first_link(self) -> str | None:
        """The secret of a link by which the first admin comes in; None where there are users."""
        async with self._database.read() as connection:
            if await account_store.read_users(connection):
                return None
        secret = _new_secret()
        async with self._database.write() as connection:
            expires_at = int(self._clock()) + rules.FIRST_LINK_LIFETIME_S
            await store.put_first_link(connection, _digest("first", secret), expires_at)
        return secret

    async def is_first_link(self, secret: str) -> bool:
        """Whether the link is good."""
        async with self._database.read() as connection:
            return await store.is_first_link(connection, _digest("first", secret), int(self._clock()))

    async def use_first_link(self, secret: str, name: str, password: str) -> NewSession:
        """Make the first admin and begin their session. Raises WarrenError NOT_FOUND or what a name refuses."""
        digest = _digest("first", secret)
        if not await self.is_first_link(secret):
            raise _no_link()
        made = await self._accounts.create(
            name,
            password,
            is_admin=True,
            actor="first link",
            within=lambda connection: _used(connection, digest, int(self._clock())),
        )
        return await self.begin(made)

    def _check_tries(self, throttle: Throttle, subject: str) -> None:
        wait_s = throttle.wait_s(subject, self._monotonic())
        if wait_s > 0:
            raise _too_many_tries(wait_s)


def _caller(user: UserRow) -> Caller:
    return Caller(user.id, user.name, user.is_admin, frozenset(Scope))


async def _used(connection: AsyncConnection, digest: bytes, now: int) -> None:
    if not await store.use_first_link(connection, digest, now):
        raise _no_link()


def _no_link() -> WarrenError:
    return WarrenError(
        Code.NOT_FOUND,
        "this link was used, or is too old",
        "restart the server: it prints another while it has no users",
    )


def _too_many_tries(wait_s: float) -> WarrenError:
    return WarrenError(Code.BUSY, "too many wrong tries", f"try again in {int(wait_s / 60) + 1} minutes")


def _new_secret() -> str:
    return _to_text(os.urandom(SECRET_BYTES))


def _to_text(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def _drawn_from(secret: str) -> bytes:
    """The random bytes of the token that a program's own secret stands for."""
    return hashlib.sha512(f"warren/device-token/v1\0{secret}".encode("utf-8", "surrogatepass")).digest()


def _digest(kind: str, secret: str) -> bytes:
    return hashlib.sha256(f"warren/{kind}/v1\0{secret}".encode("utf-8", "surrogatepass")).digest()
