"""The only door to second factors: set up, shown, taken away.

Decides when guessing is stopped (by account and by address), that each code counts once, and that the last factor's
recovery codes go with it. Must not know sessions, pages or HTTP: who asks was decided before.
"""

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import CHALLENGES_MAX, PASSKEY_ANSWER_MAX_CHARS, PASSKEY_CHALLENGE_LIFETIME_S, PASSKEYS_A_USER_MAX
from warren.model.keys import Secret
from warren.model.names import printable
from warren.server.accounts.store import UserRow
from warren.server.audit.service import Action, record
from warren.server.db.engine import Database
from warren.server.factors import passkeys, rules, store, totp
from warren.server.factors.passkeys import Place
from warren.server.factors.rules import Demands
from warren.server.factors.store import PasskeyRow, TotpRow
from warren.server.signon.rules import FAILURES_AN_ACCOUNT_MAX, FAILURES_AN_ADDRESS_MAX
from warren.server.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Held:
    """What a person has."""

    has_app: bool
    passkeys: tuple[PasskeyRow, ...]
    recovery_codes: int

    @property
    def any(self) -> bool:
        """Whether there is a second factor to show; recovery codes alone are none."""
        return self.has_app or bool(self.passkeys)


class Factors:
    """Second factors. `key`: what secrets are sealed under; `clock`: Unix seconds; `monotonic`: for what is counted."""

    def __init__(
        self,
        *,
        database: Database,
        key: Secret[bytes],
        place: Place,
        demands: Demands,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._database = database
        self._key = key
        self.demands = demands
        self.place = place
        self._clock = clock
        self._monotonic = monotonic
        self._by_account = Throttle(FAILURES_AN_ACCOUNT_MAX)
        self._by_address = Throttle(FAILURES_AN_ADDRESS_MAX)

    async def held(self, user: str) -> Held:
        """What a person has."""
        async with self._database.read() as connection:
            app = await store.read_totp(connection, user)
            found = await store.read_passkeys(connection, user)
            left = await store.count_recovery_codes(connection, user)
        return Held(app is not None and app.confirmed_at is not None, tuple(found), left)

    # --- an app ---

    async def begin_app(self, user: UserRow) -> bytes:
        """The secret of an app that does not count yet. Raises WarrenError CONFLICT where there is one that does."""
        secret, salt, now = os.urandom(totp.SECRET_BYTES), os.urandom(totp.SALT_BYTES), int(self._clock())
        sealed = totp.wrap(secret, key=self._key.reveal(), salt=salt, user=user.id)
        async with self._database.write() as connection:
            before = await store.read_totp(connection, user.id)
            if before is not None and before.confirmed_at is not None:
                raise WarrenError(Code.CONFLICT, "you have an app already", "remove it first")
            await store.put_totp(connection, TotpRow(user.id, salt, sealed, now, None, 0))
        return secret

    async def pending_app(self, user: UserRow) -> bytes | None:
        """The secret of an app that was begun and does not count yet."""
        async with self._database.read() as connection:
            row = await store.read_totp(connection, user.id)
        return None if row is None or row.confirmed_at is not None else self._secret(row)

    async def confirm_app(self, user: UserRow, typed: str, address: str) -> tuple[str, ...]:
        """Its first code makes it count; returns the recovery codes. Raises WarrenError FORBIDDEN or BUSY."""
        self._count_try(user.id, address)
        now = int(self._clock())
        codes = _fresh_codes()
        async with self._database.write() as connection:
            row = await store.read_totp(connection, user.id)
            step = None if row is None else totp.matching_step(self._secret(row), rules.parse_totp(typed), now)
            is_right = step is not None and await store.use_step(connection, user.id, step, confirm_at=now)
            if is_right:
                await store.put_recovery_codes(connection, user.id, [_digest(user.id, one) for one in codes])
                await self._note(connection, Action.FACTOR_ADDED, user, "app")
        if not is_right:
            raise _wrong_code()
        self._was_right(user.id, address)
        return tuple(map(rules.show_recovery, codes))

    async def remove_app(self, user: UserRow) -> None:
        """Take it away."""
        async with self._database.write() as connection:
            await store.drop_totp(connection, user.id)
            await self._tidy(connection, user, "app")

    async def renew_recovery_codes(self, user: UserRow) -> tuple[str, ...]:
        """Fresh codes in place of the old ones."""
        codes = _fresh_codes()
        async with self._database.write() as connection:
            await store.put_recovery_codes(connection, user.id, [_digest(user.id, one) for one in codes])
            await self._note(connection, Action.FACTOR_ADDED, user, "recovery codes")
        return tuple(map(rules.show_recovery, codes))

    async def check_code(self, user: UserRow, typed: str, address: str) -> None:
        """Whether this is the app's code or a recovery code, which is used by this. Raises WarrenError."""
        self._count_try(user.id, address)
        now, code, recovery = int(self._clock()), rules.parse_totp(typed), rules.parse_recovery(typed)
        async with self._database.write() as connection:
            if code:
                row = await store.read_totp(connection, user.id)
                step = None if row is None else totp.matching_step(self._secret(row), code, now)
                is_right = step is not None and await store.use_step(connection, user.id, step, confirm_at=None)
            else:
                is_right = bool(recovery) and await store.use_recovery_code(
                    connection, user.id, _digest(user.id, recovery), now
                )
                if is_right:
                    await self._note(connection, Action.RECOVERY_CODE_USED, user, "recovery code")
        if not is_right:
            raise _wrong_code()
        self._was_right(user.id, address)

    # --- passkeys ---

    async def ask_to_make(self, user: UserRow, owner: bytes) -> str:
        """What this browser (`owner`: its session's digest) makes a passkey from. Raises WarrenError BUSY."""
        known = (await self.held(user.id)).passkeys
        if len(known) >= PASSKEYS_A_USER_MAX:
            raise WarrenError(Code.BUSY, f"a user has at most {PASSKEYS_A_USER_MAX} passkeys", "remove one first")
        challenge = await self._challenge(owner)
        return passkeys.ask_to_make(self.place, challenge=challenge, user=user.id, name=user.name, known=known)

    async def add_passkey(self, user: UserRow, owner: bytes, answer: str, name: str) -> None:
        """Keep what the browser made. Raises WarrenError FORBIDDEN or CONFLICT."""
        challenge = await self._take_challenge(answer, owner)
        credential, public, counter = passkeys.made(self.place, answer, challenge=challenge)
        named = printable(name.strip())[:64] or "passkey"
        row = PasskeyRow(credential, user.id, public, counter, named, int(self._clock()), None)
        try:
            async with self._database.write() as connection:
                await store.add_passkey(connection, row)
                await self._note(connection, Action.FACTOR_ADDED, user, "passkey")
        except IntegrityError as error:
            raise WarrenError(Code.CONFLICT, "this passkey is somebody's already", "make another") from error

    async def remove_passkey(self, user: UserRow, credential: bytes) -> None:
        """Take one away. Raises WarrenError NOT_FOUND."""
        async with self._database.write() as connection:
            if not await store.drop_passkeys(connection, user.id, credential):
                raise WarrenError(Code.NOT_FOUND, "there is no such passkey", "look at the list again")
            await self._tidy(connection, user, "passkey")

    async def ask_to_use(self, user: UserRow | None, owner: bytes) -> str:
        """What this browser signs with a passkey; without a `user` any passkey of this server, for both factors."""
        known = () if user is None else (await self.held(user.id)).passkeys
        challenge = await self._challenge(owner)
        return passkeys.ask_to_use(self.place, challenge=challenge, known=known, alone=user is None)

    async def check_passkey(self, user: UserRow | None, owner: bytes, answer: str, address: str) -> str:
        """Whose passkey signed; of `user`, where one is named. Raises WarrenError FORBIDDEN or BUSY."""
        subject = None if user is None else user.id
        self._count_try(subject, address)
        challenge = await self._take_challenge(answer, owner)
        async with self._database.read() as connection:
            row = await store.read_passkey(connection, passkeys.credential_of(answer))
        if row is None or (user is not None and row.user != user.id):
            raise passkeys.refused()
        counter = passkeys.used(self.place, answer, row, challenge=challenge, alone=user is None)
        async with self._database.write() as connection:
            if not await store.use_passkey(connection, row, counter, int(self._clock())):
                raise passkeys.refused()
        self._was_right(subject, address)
        return row.user

    # --- both ---

    async def take_all(self, user: UserRow, *, actor: str) -> None:
        """Take every factor and recovery code of a person away: an admin did, for somebody who lost them."""
        async with self._database.write() as connection:
            await store.drop_totp(connection, user.id)
            await store.drop_passkeys(connection, user.id)
            await store.put_recovery_codes(connection, user.id, [])
            await self._note(connection, Action.FACTOR_REMOVED, user, "all", actor=actor)

    def _secret(self, row: TotpRow) -> bytes:
        return totp.unwrap(row.sealed, key=self._key.reveal(), salt=row.salt, user=row.user)

    async def _challenge(self, owner: bytes) -> bytes:
        challenge, now = os.urandom(passkeys.CHALLENGE_BYTES), int(self._clock())
        async with self._database.write() as connection:
            there = await store.add_challenge(
                connection, hashlib.sha256(challenge).digest(), owner, now, now + PASSKEY_CHALLENGE_LIFETIME_S
            )
            if there > CHALLENGES_MAX:
                raise WarrenError(Code.BUSY, "too many people use passkeys at once", "try again in minutes")
        return challenge

    async def _take_challenge(self, answer: str, owner: bytes) -> bytes:
        if len(answer) > PASSKEY_ANSWER_MAX_CHARS:
            raise passkeys.refused()
        challenge = passkeys.challenge_of(answer)
        async with self._database.write() as connection:
            digest = hashlib.sha256(challenge).digest()
            if not await store.take_challenge(connection, digest, owner, int(self._clock())):
                raise passkeys.refused()
        return challenge

    async def _tidy(self, connection: AsyncConnection, user: UserRow, what: str) -> None:
        if not await store.has_factor(connection, user.id):
            await store.put_recovery_codes(connection, user.id, [])
        await self._note(connection, Action.FACTOR_REMOVED, user, what)

    async def _note(
        self, connection: AsyncConnection, action: Action, user: UserRow, what: str, *, actor: str | None = None
    ) -> None:
        await record(
            connection, action, actor=actor or user.name, at=int(self._clock()), network=None, subject=user.id,
            detail={"factor": what},
        )  # fmt: skip

    def _count_try(self, user: str | None, address: str) -> None:
        """Count a try before its outcome is known. Raises WarrenError BUSY after too many."""
        now = self._monotonic()
        counted = [(self._by_address, address), *([] if user is None else [(self._by_account, user)])]
        wait_s = max(throttle.wait_s(subject, now) for throttle, subject in counted)
        if wait_s > 0:
            raise WarrenError(Code.BUSY, "too many wrong tries", f"try again in {int(wait_s / 60) + 1} minutes")
        for throttle, subject in counted:
            throttle.fail(subject, now)

    def _was_right(self, user: str | None, address: str) -> None:
        if user is not None:
            self._by_account.forgive(user)
        self._by_address.take_back(address)


def _wrong_code() -> WarrenError:
    return WarrenError(Code.FORBIDDEN, "that code is not right, or was used", "wait for the app's next one")


def _fresh_codes() -> list[str]:
    drawn = (os.urandom(rules.RECOVERY_BYTES) for _ in range(rules.RECOVERY_CODES))
    return [base64.b32encode(one).decode() for one in drawn]


def _digest(user: str, code: str) -> bytes:
    return hashlib.sha256(f"warren/recovery/v1\0{user}\0{code}".encode()).digest()
