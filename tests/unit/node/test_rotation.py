"""A node's WireGuard key over its life: announced, used, the former one kept for a while."""

import asyncio
import dataclasses
import os
import time
from collections.abc import Callable

import pytest

from warren.errors import Code, WarrenError
from warren.model.keys import ExchangeKeyPair
from warren.node import keys as node_keys
from warren.node import rekeying as rekeying_module
from warren.node import rotation
from warren.node.keys import NodeKeys
from warren.node.rekeying import Rekeying
from warren.node.rotation import FORMER_KEPT_S, IN_USE_MAX_S, Step
from warren.node.storage import Store


def test_a_key_is_announced_used_and_forgotten_in_its_time() -> None:
    keys = node_keys.generate()
    first = keys.wireguard
    assert rotation.due(keys, is_asked=False) == (None, IN_USE_MAX_S)
    keys = dataclasses.replace(keys, wireguard_used_s=IN_USE_MAX_S)
    assert rotation.due(keys, is_asked=False) == (Step.ANNOUNCE, 0.0)
    fresh = ExchangeKeyPair(os.urandom(32))
    keys = rotation.announced(keys, fresh)
    assert keys.tunnel_keys == (first, fresh)
    assert rotation.due(keys, is_asked=False) == (Step.SWITCH, 0.0)
    keys = rotation.switched(keys)
    assert keys.tunnel_keys == (fresh, first)
    assert rotation.due(keys, is_asked=False) == (None, FORMER_KEPT_S)
    keys = dataclasses.replace(keys, wireguard_used_s=FORMER_KEPT_S)
    assert rotation.due(keys, is_asked=False) == (Step.FORGET, 0.0)
    keys = rotation.forgotten(keys)
    assert keys.tunnel_keys == (fresh,)
    assert rotation.due(keys, is_asked=False) == (None, IN_USE_MAX_S - FORMER_KEPT_S)
    assert rotation.switched(keys) == keys


def test_who_asks_twice_never_has_three_keys() -> None:
    keys = rotation.switched(rotation.announced(node_keys.generate(), ExchangeKeyPair(os.urandom(32))))
    assert rotation.due(keys, is_asked=True) == (Step.FORGET, 0.0)
    assert rotation.due(rotation.forgotten(keys), is_asked=True) == (Step.ANNOUNCE, 0.0)


def test_the_former_key_and_how_long_the_new_one_was_used_are_on_disk(tmp_path: os.PathLike[str]) -> None:
    store = Store(tmp_path, lambda damage: pytest.fail(str(damage)))  # type: ignore[arg-type]
    keys = rotation.switched(rotation.announced(node_keys.generate(), ExchangeKeyPair(os.urandom(32))))
    node_keys.save(store, dataclasses.replace(keys, wireguard_used_s=7.0))
    loaded = node_keys.load(store)
    assert [one.public for one in loaded.tunnel_keys] == [one.public for one in keys.tunnel_keys]
    assert loaded.wireguard_used_s == 7.0


class Network:
    """What the task is the key's of."""

    def __init__(self) -> None:
        self.now = node_keys.generate()
        self.changed = asyncio.Event()
        self.told = asyncio.Event()
        self.full = False

    def keys(self) -> NodeKeys:
        return self.now

    async def keep_keys(self, keys: NodeKeys) -> None:
        if self.full:
            self.changed.set()
            raise WarrenError(Code.STORE_UNAVAILABLE, "the disk is full")
        self.now = keys
        self.changed.set()

    async def settle(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    def is_told(self) -> bool:
        return self.told.is_set()

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self.told.wait()
        except TimeoutError:
            return False
        return condition()


async def test_nothing_is_used_that_the_server_was_not_told_nor_what_is_not_on_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ROTATION_NOTICE_S", "ROTATION_RETRY_S"):
        monkeypatch.setattr(rekeying_module, name, 0.01)
    network = Network()
    first = network.now.wireguard.public
    rekeying = Rekeying(network)
    network.full = True
    task = asyncio.create_task(rekeying.run())
    try:
        rekeying.ask()
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
            assert network.keys().wireguard_beside is None
            await network.settle(lambda: rekeying.failure is not None)  # who asked hears of it at once
            network.full = False
            while network.keys().wireguard_next is None:
                rekeying.ask()  # what failed is asked for again
                await asyncio.sleep(0)
            for _ in range(5):
                await asyncio.sleep(0.01)
            assert network.keys().wireguard.public == first, "the server is away: the key in use stays"
            network.told.set()
            await network.settle(lambda: network.now.wireguard_next is None)
        assert [one.public for one in network.keys().tunnel_keys][1] == first
    finally:
        task.cancel()


async def test_a_wall_clock_that_jumps_is_no_age_of_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """F4: how long a key was in use is counted by a clock that nobody sets."""
    monkeypatch.setattr(rekeying_module, "ROTATION_COUNT_S", 0.01)
    real, ahead_s = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead_s[0])
    network = Network()
    network.told.set()
    first = network.now.tunnel_keys
    task = asyncio.create_task(Rekeying(network).run())
    try:
        async with asyncio.timeout(20):
            for years in (0, 10, -50, 0):
                ahead_s[0] = years * 365 * 86_400.0
                for _ in range(2):  # once it may have begun to count before the clock jumped
                    before = network.now.wireguard_used_s
                    await network.settle(lambda before=before: network.now.wireguard_used_s > before)  # type: ignore[misc]
                assert network.now.tunnel_keys == first
        assert network.now.wireguard_used_s < 60.0
    finally:
        task.cancel()
