"""The task by which an admin's machine renews the ephemeral members of a locked network.

No server may renew them there, and people sleep. Decides when; whoever of several admins is first does it for all.
Signs only for who is a member already and here, as far as the server tells, so no person is asked
(`trust.ephemeral` says what a lying server gets by that). Must not know how documents travel.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from warren.errors import WarrenError
from warren.limits import ADOPT_RETRY_S, ADOPT_SPREAD_S
from warren.log import Log
from warren.model.ids import Identity
from warren.model.keys import SigningKeyPair
from warren.policy.language import is_readable
from warren.trust import ephemeral
from warren.trust.batches import Draft, Pen
from warren.trust.office import admins
from warren.trust.view import View

log = Log("trust")


class Owner(Protocol):
    """The network that this machine is in."""

    def view(self) -> View | None:
        """What is believed now."""

    def now(self) -> int:
        """Unix seconds."""

    def is_online(self, identity: Identity) -> bool:
        """Whether the server has a session with a member."""

    async def bring(self, raws: Sequence[bytes]) -> None:
        """Have the server take documents that were signed here, and take them. Raises WarrenError."""

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait until the condition holds; False where it did not within the time."""


class Tending:
    """One network's; `key` is this machine's identity."""

    def __init__(self, owner: Owner, key: SigningKeyPair) -> None:
        self._owner = owner
        self._key = key

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            if await self._owner.until(lambda: bool(self._due()), ADOPT_RETRY_S):
                await asyncio.sleep(ADOPT_SPREAD_S * int.from_bytes(os.urandom(4), "big") / 2**32)
                await self._renew()

    def _due(self) -> tuple[Identity, ...]:
        view = self._owner.view()
        if view is None or self._key.public not in admins(view):
            return ()
        return ephemeral.due(view, self._owner.now(), self._owner.is_online)

    async def _renew(self) -> None:
        view, found = self._owner.view(), self._due()
        if view is None or not found:
            return
        draft = Draft(
            view, Pen(self._key, admins(view)[self._key.public].epoch), now=self._owner.now(), readable=is_readable
        )
        ephemeral.renew(draft, found)
        try:
            batch = await asyncio.to_thread(draft.batch)
            await self._owner.bring(batch.raws)
            log.info("renewed ephemeral machines", machines=", ".join(view.members[one].hostname for one in found))
        except WarrenError as error:
            log.warning("ephemeral machines are not renewed", code=error.code.value, reason=error.text)
            await asyncio.sleep(ADOPT_RETRY_S)
