"""The task by which an ephemeral machine of a locked network leaves its own farewell with the server.

Nobody there may end its membership when it has gone without a word: the server may not, and its admins sleep. So it
signs beforehand that it leaves, and the server tells that when it has been away for too long. Decides when that word is
(to be) given: once a session, and again where its membership or the root is another. Must not know how it travels.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from warren.errors import Code, WarrenError
from warren.limits import ADOPT_RETRY_S
from warren.log import Log
from warren.model.ids import Identity
from warren.trust.ephemeral import is_ephemeral
from warren.trust.office import is_locked
from warren.trust.view import View

log = Log("trust")

_About = tuple[int, int, float]


class Owner(Protocol):
    """The network that this machine is in."""

    @property
    def me(self) -> Identity:
        """This machine."""

    def view(self) -> View | None:
        """What is believed now."""

    def session_since(self) -> float | None:
        """When the session began that is open, Unix seconds; None where there is none."""

    def own_removal(self) -> bytes:
        """This machine's own word that it leaves."""

    async def leave_farewell(self, removal: bytes) -> None:
        """Have the server keep it. Raises WarrenError."""

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait until the condition holds; False where it did not within the time."""


class Farewell:
    """One network's."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._given: _About | None = None

    async def run(self) -> None:
        """Give it until cancelled."""
        while True:
            if await self._owner.until(self._is_due, ADOPT_RETRY_S):
                await self._give()

    def _about(self) -> _About | None:
        view, since = self._owner.view(), self._owner.session_since()
        if view is None or since is None or not is_locked(view):
            return None
        member = view.members.get(self._owner.me)
        if member is None or not is_ephemeral(member.membership):
            return None
        return member.membership.epoch, view.generation, since

    def _is_due(self) -> bool:
        about = self._about()
        return about is not None and about != self._given

    async def _give(self) -> None:
        about = self._about()
        try:
            removal = await asyncio.to_thread(self._owner.own_removal)
            if removal:
                await self._owner.leave_farewell(removal)
                self._given = about
        except WarrenError as error:
            log.warning("the server keeps no farewell of ours", code=error.code.value, reason=error.text)
            if error.code is Code.UNSUPPORTED:  # an older one; it lets the membership run out
                self._given = about
                return
            await asyncio.sleep(ADOPT_RETRY_S)
