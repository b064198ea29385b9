"""The task by which an admin's machine signs for whom an invite admitted, once the invite has ended.

An invite's key admits until its end and nobody after it. Machines that saw a member before the end keep it; those that
join later cannot tell whether it came in time, so an admin's key says so (`trust.acts.adopt`). Decides when; whoever of
several admins is first does it for all. Signs nothing that lets anybody in, so no person is asked. Must not know how
documents travel.
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
from warren.trust import acts
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

    async def bring(self, raws: Sequence[bytes]) -> None:
        """Have the server take documents that were signed here, and take them. Raises WarrenError."""

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait until the condition holds; False where it did not within the time."""


class Adopting:
    """One network's; `key` is this machine's identity."""

    def __init__(self, owner: Owner, key: SigningKeyPair) -> None:
        self._owner = owner
        self._key = key

    async def run(self) -> None:
        """Adopt until cancelled."""
        while True:
            if await self._owner.until(self._is_due, ADOPT_RETRY_S):
                await asyncio.sleep(ADOPT_SPREAD_S * int.from_bytes(os.urandom(4), "big") / 2**32)
                await self._adopt()

    def _is_due(self) -> bool:
        view = self._owner.view()
        return view is not None and self._key.public in admins(view) and bool(acts.orphans(view))

    async def _adopt(self) -> None:
        view = self._owner.view()
        if view is None or not self._is_due():
            return
        draft = Draft(
            view, Pen(self._key, admins(view)[self._key.public].epoch), now=self._owner.now(), readable=is_readable
        )
        try:
            names = _names(view, acts.adopt(draft))
            batch = await asyncio.to_thread(draft.batch)
            await self._owner.bring(batch.raws)
            log.info("signed for machines that came by an invite which has ended", machines=names)
        except WarrenError as error:
            log.warning("machines of an ended invite are not signed for", code=error.code.value, reason=error.text)
            await asyncio.sleep(ADOPT_RETRY_S)


def _names(view: View, adopted: Sequence[Identity]) -> str:
    return ", ".join(view.members[one].hostname for one in adopted)
