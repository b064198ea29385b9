"""The task that changes a network's WireGuard key: by age, or because somebody asked.

Decides when a step of `rotation.py` is taken: the switch waits until the server has the record that announces the next
key, and ROTATION_NOTICE_S more, so that peers with a session have heard of it. Keys are on disk before they are used. A
step that cannot be taken (the disk is full, the server away) is taken later; until then everything stays as it is. Must
not know the engine or how records travel.
"""

import asyncio
import contextlib
import dataclasses
import os
import time
from collections.abc import Callable
from typing import Protocol

from warren.errors import WarrenError
from warren.limits import ROTATION_COUNT_S, ROTATION_NOTICE_S, ROTATION_RETRY_S
from warren.log import Log
from warren.model.keys import KEY_BYTES, ExchangeKeyPair
from warren.node import rotation
from warren.node.keys import NodeKeys
from warren.node.rotation import Step

log = Log("keys")


class Owner(Protocol):
    """The network whose key it is."""

    def keys(self) -> NodeKeys:
        """Those in force."""

    async def keep_keys(self, keys: NodeKeys) -> None:
        """Write them, use them, say so in the node's record. Raises WarrenError; then nothing has changed."""

    def is_told(self) -> bool:
        """Whether the record that the server has names the keys in force; asks to publish it where not."""

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait until the condition holds; False where it did not within the time."""


class Rekeying:
    """One network's rotation."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._asked = asyncio.Event()
        self.failure: WarrenError | None = None
        """Why a step could not be taken since it was asked for the last time, if so."""

    def ask(self) -> None:
        """Change the key now."""
        self.failure = None
        self._asked.set()

    async def run(self) -> None:
        """Rotate until cancelled."""
        counted_at = time.monotonic()
        while True:
            try:
                counted_at = await self._count(counted_at)
                step, wait_s = rotation.due(self._owner.keys(), is_asked=self._asked.is_set())
                if step is not None:
                    await self._take(step)
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(wait_s, ROTATION_COUNT_S)):
                        await self._asked.wait()
            except WarrenError as error:
                log.warning("the WireGuard key cannot be changed now", code=error.code.value, reason=error.text)
                self.failure = error
                self._asked.clear()  # whoever asked hears of the failure, and may ask again
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ROTATION_RETRY_S):
                        await self._asked.wait()

    async def _count(self, since: float) -> float:
        """Keep how long the key was in use, now and then; returns until when it is counted."""
        now = time.monotonic()
        if now - since < ROTATION_COUNT_S:
            return since
        keys = self._owner.keys()
        await self._owner.keep_keys(dataclasses.replace(keys, wireguard_used_s=keys.wireguard_used_s + now - since))
        return now

    async def _take(self, step: Step) -> None:
        keys = self._owner.keys()
        match step:
            case Step.ANNOUNCE:
                self._asked.clear()
                await self._owner.keep_keys(rotation.announced(keys, ExchangeKeyPair(os.urandom(KEY_BYTES))))
            case Step.SWITCH:
                if not await self._owner.until(self._owner.is_told, ROTATION_RETRY_S):
                    return  # the server is away: the key in use stays
                await asyncio.sleep(ROTATION_NOTICE_S)
                await self._owner.keep_keys(rotation.switched(self._owner.keys()))
                log.info("another WireGuard key is in use")
            case Step.FORGET:
                await self._owner.keep_keys(rotation.forgotten(keys))
