"""What happens to a link is followed, also after a moment in which nothing could be looked at."""

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast

import pytest

from warren.engine.errors import ClosedError
from warren.engine.tunnel import Tunnel
from warren.node.standalone import running
from warren.node.standalone.device import Device

LINK = "wg0"


class Engine:
    """Is closed once it was told of `last`."""

    link = LINK

    def __init__(self, last: int) -> None:
        self.told: list[int] = []
        self._last = last

    def set_mtu(self, mtu: int) -> None:
        if self._last in self.told:
            raise ClosedError(errno.EBADF, "closed")
        self.told.append(mtu)


def follow(monkeypatch: pytest.MonkeyPatch, last: int, looks: list[Callable[[], int]]) -> list[int]:
    """The MTUs that an engine was told, one look at the host after the other, and once more to end it."""

    async def changes() -> AsyncIterator[None]:
        while True:
            await asyncio.sleep(0)
            yield

    left: Iterator[Callable[[], int]] = iter([*looks, lambda: 1])
    monkeypatch.setattr(running, "host_changes", changes)
    monkeypatch.setattr(running, "_mtu_of", lambda _: next(left)())
    monkeypatch.setattr(running, "_name_of", lambda _: LINK, raising=False)
    monkeypatch.setattr(running, "LINK_AGAIN_S", 0.0, raising=False)
    engine = Engine(last)
    tunnel, device = cast("Tunnel", engine), cast("Device", None)

    async def run() -> None:
        async with asyncio.timeout(10):
            await running._follow_link(tunnel, device, contextlib.AsyncExitStack())

    asyncio.run(run())
    return engine.told


def starved() -> int:
    raise OSError(errno.EMFILE, "no descriptor is free")


def test_a_link_is_followed_on_after_a_moment_without_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert follow(monkeypatch, 9000, [lambda: 1400, starved, starved, lambda: 9000]) == [1400, 9000]


def test_what_a_link_takes_beyond_the_engine_is_taken_for_what_the_engine_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert follow(monkeypatch, running.MTU_MAX, [lambda: 65_535]) == [65_460]
