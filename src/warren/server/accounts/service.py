"""The only door to accounts: made, listed, shut out; tokens made, revoked, and turned into callers.

Decides when a token is good: known, its digest right, neither expired nor revoked, its person not shut out. What a
caller may do is in `rules.py`. Must not know HTTP.
"""

import base64
import dataclasses
import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import TOKENS_A_USER_MAX
from warren.model.ids import NetworkId
from warren.model.keys import Secret
from warren.model.names import printable
from warren.protocol.rest.paging import ByDate
from warren.server.accounts import rules, store
from warren.server.accounts.passwords import Passwords
from warren.server.accounts.rules import LOCAL_ISSUER, Caller, Role, Scope
from warren.server.accounts.store import TokenRow, UserRow
from warren.server.audit.service import Action, record
from warren.server.db.engine import Database
from warren.server.repeats.kept import Keep, keep_nothing

TOKEN_PREFIX = "wt"  # noqa: S105 - what every token begins with
_SECRET_BYTES = 32
_ID_BYTES = 7


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new token: `secret` is the whole line, shown once."""

    secret: Secret[str]
    row: TokenRow


class Accounts:
    """People of this server. Times are Unix seconds of `clock`."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._passwords = Passwords()

    def now(self) -> int:
        """Unix seconds, for the state of a token."""
        return int(self._clock())

    async def create(
        self,
        name: str,
        password: str,
        *,
        is_admin: bool,
        actor: str,
        within: Callable[[AsyncConnection], Awaitable[None]] | None = None,
        keep: Keep[UserRow] = keep_nothing,
    ) -> UserRow:
        """Make a person of this server. `within` is done in the same transaction, and may refuse; `keep` hears of it
        there.

        Raises WarrenError INVALID_ARGUMENT, CONFLICT or STORE_UNAVAILABLE.
        """
        name = rules.parse_user_name(name)
        rules.check_password(password, name)
        row = UserRow(
            id=f"u{new_id()}",
            issuer=LOCAL_ISSUER,
            subject=name,
            name=name,
            password=await self._passwords.hash(password),
            is_admin=is_admin,
            created_at=self.now(),
            disabled_at=None,
        )
        try:
            async with self._database.write() as connection:
                if within is not None:
                    await within(connection)
                await store.add_user(connection, row)
                await record(
                    connection,
                    Action.USER_CREATED,
                    actor=actor,
                    at=row.created_at,
                    network=None,
                    subject=row.id,
                    detail={"issuer": row.issuer, "subject": row.subject, "admin": is_admin},
                )
                await keep(connection, row)
        except IntegrityError as error:
            raise WarrenError(Code.CONFLICT, f"there is a user '{name}' already", "choose another name") from error
        return row

    async def known_by(self, issuer: str, subject: str, *, name: str, groups: tuple[str, ...]) -> UserRow:
        """The account of a person whom a provider just vouched for; made where there is none. `name` is a label.

        Raises WarrenError FORBIDDEN for somebody who is shut out.
        """
        now, listed = self.now(), msgspec.json.encode(groups).decode()
        async with self._database.write() as connection:
            found = await store.find_user(connection, issuer, subject)
            if found is None:
                made = UserRow(
                    id=f"u{new_id()}",
                    issuer=issuer,
                    subject=subject,
                    name=name,
                    password=None,
                    is_admin=False,
                    created_at=now,
                    disabled_at=None,
                    groups=listed,
                )
                await store.add_user(connection, made)
                await record(
                    connection,
                    Action.USER_CREATED,
                    actor="sign-on",
                    at=now,
                    network=None,
                    subject=made.id,
                    detail={"issuer": issuer, "subject": subject, "admin": False},
                )
                return made
            if found.disabled_at is not None:
                raise WarrenError(Code.FORBIDDEN, "you are shut out of this server", "ask its admin")
            if (found.name, found.groups) != (name, listed):
                await store.set_label(connection, found.id, name=name, groups=listed)
        return dataclasses.replace(found, name=name, groups=listed)

    async def all(self) -> list[UserRow]:
        """Every account, the oldest first."""
        async with self._database.read() as connection:
            return await store.read_users(connection)

    async def of_network(self, network: NetworkId) -> list[UserRow]:
        """Whoever has a role in a network."""
        async with self._database.read() as connection:
            return await store.read_users_of(connection, network)

    async def page(self, *, after: ByDate | None, limit: int) -> list[UserRow]:
        """So many of them behind a place."""
        async with self._database.read() as connection:
            return await store.read_users_page(connection, after=after, limit=limit)

    async def find(self, name_or_id: str) -> UserRow:
        """The account of this id, or the local one of this name. Raises WarrenError NOT_FOUND."""
        async with self._database.read() as connection:
            found = await store.read_user(connection, name_or_id)
            found = found or await store.find_user(connection, LOCAL_ISSUER, name_or_id.lower())
        if found is None:
            raise WarrenError(
                Code.NOT_FOUND,
                f"there is no user '{printable(name_or_id[:80])}'",
                "warren user list shows who there is",
            )
        return found

    async def find_anybody(self, named: str) -> UserRow:
        """As `find`, else the one account that has this label: for whoever invites a person of a provider. A label that
        two have names nobody (SECURITY.md rule 9). Raises WarrenError NOT_FOUND or CONFLICT."""
        try:
            return await self.find(named)
        except WarrenError:
            found = [one for one in await self.all() if one.name == named]
            if len(found) > 1:
                raise WarrenError(
                    Code.CONFLICT, f"several users are called '{printable(named[:80])}'", "give the id of one"
                ) from None
            if not found:
                raise
            return found[0]

    async def set_disabled(self, user: UserRow, *, disabled: bool, actor: str) -> UserRow:
        """Shut a person out, or let them in again; their tokens are refused from the commit on."""
        at = self.now()
        async with self._database.write() as connection:
            await store.set_disabled(connection, user.id, at if disabled else None)
            action = Action.USER_DISABLED if disabled else Action.USER_ENABLED
            await record(connection, action, actor=actor, at=at, network=None, subject=user.id)
        return await self.find(user.id)

    async def check_password(self, name: str, password: str, address: str) -> UserRow | None:
        """The person whose name and password these are; None for any other reason, after the same work. `address`: who
        asks; each has one turn at a time while others wait."""
        async with self._database.read() as connection:
            user = await store.find_user(connection, LOCAL_ISSUER, name.lower())
        right = await self._passwords.is_right(None if user is None else user.password, password, address)
        return user if right and user is not None and user.disabled_at is None else None

    async def create_token(
        self,
        user: UserRow,
        name: str,
        scope: Scope,
        lifetime_s: int,
        *,
        actor: str,
        factor_at: int | None,
        keep: Keep[CreatedToken] = keep_nothing,
    ) -> CreatedToken:
        """Make a token; `factor_at`: when a second factor was shown for it, Unix seconds. `keep` hears of it in the
        same transaction.

        Raises WarrenError BUSY (too many live ones) or STORE_UNAVAILABLE.
        """
        drawn = os.urandom(_SECRET_BYTES + _ID_BYTES)
        async with self._database.write() as connection:
            row = await self.create_token_within(
                connection, user, name, scope, lifetime_s, actor=actor, factor_at=factor_at, drawn=drawn
            )
            created = CreatedToken(self.show_token(drawn), row)
            await keep(connection, created)
        return created

    async def create_token_within(
        self,
        connection: AsyncConnection,
        user: UserRow,
        name: str,
        scope: Scope,
        lifetime_s: int,
        *,
        actor: str,
        factor_at: int | None,
        drawn: bytes,
    ) -> TokenRow:
        """The same within somebody's transaction, of random bytes that were `drawn` (39 or more)."""
        now = self.now()
        secret, token = _parts(drawn)
        row = TokenRow(token, user.id, name, _digest(secret), scope.value, now, now + lifetime_s, None, factor_at)
        live = [one for one in await store.read_tokens(connection, user.id) if is_live(one, now)]
        if len(live) >= TOKENS_A_USER_MAX:
            raise WarrenError(
                Code.BUSY, f"a user has at most {TOKENS_A_USER_MAX} tokens", "revoke those that nobody needs"
            )
        await store.add_token(connection, row)
        await record(
            connection,
            Action.TOKEN_CREATED,
            actor=actor,
            at=now,
            network=None,
            subject=row.id,
            detail={"user": user.id, "name": name, "scope": scope.value, "expires_at": row.expires_at},
        )
        return row

    @staticmethod
    def show_token(drawn: bytes) -> Secret[str]:
        """The whole line of a token made of these bytes."""
        secret, token = _parts(drawn)
        return Secret(f"{TOKEN_PREFIX}.{token}.{_to_text(secret)}")

    async def tokens(self, user: str, *, after: ByDate | None, limit: int) -> list[TokenRow]:
        """So many of a person's tokens behind a place, the newest first."""
        async with self._database.read() as connection:
            return await store.read_tokens_page(connection, user, after=after, limit=limit)

    async def revoke_token(self, token: str, user: str, *, actor: str) -> TokenRow:
        """End a token of this person. Raises WarrenError NOT_FOUND or STORE_UNAVAILABLE."""
        now = self.now()
        async with self._database.write() as connection:
            row = await store.revoke_token(connection, token, user, now)
            if row is None:
                raise WarrenError(
                    Code.NOT_FOUND,
                    f"there is no token '{printable(token[:80])}'",
                    "warren token list shows what there is",
                )
            await record(connection, Action.TOKEN_REVOKED, actor=actor, at=now, network=None, subject=row.id)
        return row

    async def caller(self, bearer: str) -> Caller:
        """Who holds this token. Raises WarrenError UNAUTHENTICATED, with one text for every reason."""
        prefix, _, rest = bearer.partition(".")
        token, _, text = rest.partition(".")
        async with self._database.read() as connection:
            row = await store.read_token(connection, token[:16]) if prefix == TOKEN_PREFIX else None
            user = await store.read_user(connection, row.user) if row is not None else None
        right = row is not None and hmac.compare_digest(row.digest, _digest(_from_text(text)))
        if row is None or user is None or not right or not is_live(row, self.now()) or user.disabled_at is not None:
            raise WarrenError(Code.UNAUTHENTICATED, "this token is not, or no longer, good", "sign on: warren login")
        return Caller(user.id, user.name, user.is_admin, rules.parse_scopes((row.scope,)), row.id, row.factor_at)

    async def roles(self, caller: Caller) -> Mapping[NetworkId, Role]:
        """What a caller is, by network."""
        if caller.user is None:
            return {}
        async with self._database.read() as connection:
            found = await store.read_roles(connection, caller.user)
        return {network: Role(role) for network, role in found.items()}


async def hold_groups(connection: AsyncConnection, user: str | None) -> tuple[str, ...]:
    """The groups of the person whose machine is let in, none for nobody's. Raises WarrenError FORBIDDEN for somebody
    who is shut out: the account is held until the admission is done, so that not both happen at once."""
    account = None if not user else await store.hold_user(connection, user)
    if account is None:
        return ()
    if account.disabled_at is not None:
        raise WarrenError(Code.FORBIDDEN, "whoever added this machine is shut out of this server", "ask its admin")
    return groups_of(account)


def groups_of(account: UserRow) -> tuple[str, ...]:
    """What a person's provider said of them last."""
    return msgspec.json.decode(account.groups, type=tuple[str, ...])


def is_live(row: TokenRow, now: int) -> bool:
    """Whether a token still opens anything."""
    return row.revoked_at is None and row.expires_at > now


def new_id() -> str:
    """Ten fresh characters of RFC 4648's base32, lower case: 50 bits."""
    return _id_of(os.urandom(_ID_BYTES))


def _id_of(drawn: bytes) -> str:
    return base64.b32encode(drawn[:_ID_BYTES]).decode()[:10].lower()


def _parts(drawn: bytes) -> tuple[bytes, str]:
    return drawn[:_SECRET_BYTES], _id_of(drawn[_SECRET_BYTES:])


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(b"warren/token/v1" + secret).digest()


def _to_text(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def _from_text(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return b""
