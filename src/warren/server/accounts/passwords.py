"""Passwords at rest: argon2id (RFC 9106, its second recommended choice: 64 MiB, three passes).

Decides how many are hashed at once, because each takes 64 MiB and 50 ms of a core, whose turn is next (fair by address,
so that one that tries fifty at once delays nobody else), and what a wrong name costs: as much as a wrong password, so
that the time an answer takes tells nobody who has an account.
"""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from warren.limits import PASSWORD_HASHES_AT_ONCE
from warren.server.accounts.turns import FairTurns

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


class Passwords:
    """Hashes and checks, off the event loop, a few at a time."""

    def __init__(self) -> None:
        self._turns = FairTurns(PASSWORD_HASHES_AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The string to store."""
        async with self._turns.turn("our own"):
            return await asyncio.to_thread(_hasher.hash, password)

    async def is_right(self, stored: str | None, password: str, address: str) -> bool:
        """Whether it is the password; without a stored one the same work is done and the answer is no. `address`: who
        asks, for the order of turns."""
        if self._nobody is None:
            self._nobody = await self.hash("what nobody has")
        async with self._turns.turn(address):
            right = await asyncio.to_thread(_verify, stored or self._nobody, password)
        return right and stored is not None


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
