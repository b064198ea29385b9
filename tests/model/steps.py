"""What happens in a run: steps drawn by chance, from the one generator of the seed.

Faults and wishes mix freely and do not wait for each other, but for two: a node does one wish at a time, and a machine
that is off is not switched off again.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random  # noqa: TID251  # the model's one source of chance, seeded
from typing import Any

from tests.model.clock import PowerLossError, VirtualLoop
from tests.model.liars import KINDS
from tests.model.machines import NodeMachine
from tests.model.patching import Doors, simulated
from tests.model.reference import ENVELOPES
from tests.model.world import World

CLOCK_JUMPS_S = (3_600.0, -3_600.0, 10 * 365 * 86_400.0, -1_799_000_000.0)
HOSTNAMES = tuple(f"host{number}" for number in range(6))
OPEN, CLOSED = b'{"version":1,"rules":[{"members":"reach-each-other"}]}', b'{"version":1,"rules":[]}'


class Steps:
    """Draws and does one step after the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = world.rng
        self._choices = [
            (self.join, 26),
            (self.wrong_join, 3),
            (self.new_key, 4),
            (self.leave, 4),
            (self.kick, 4),
            (self.rename, 2),
            (self.policy, 5),
            (self.restart_node, 4),
            (self.kill_node, 4),
            (self.fuse_node, 4),
            (self.lose_documents, 4),
            (self.restart_server, 2),
            (self.fuse_server, 2),
            (self.cut_off, 4),
            (self.heal, 7),
            (self.node_clock, 3),
            (self.server_clock, 2),
            (self.lie, 6),
            (self.be_honest, 5),
            (self.member_lies, 4),
            (self.replay, 2),
            (self.wait_long, 1),
        ]

    async def run(self, count: int) -> None:
        """So many steps, with a little time between them."""
        kinds = [choice for choice, _ in self._choices]
        weights = [weight for _, weight in self._choices]
        for _ in range(count):
            step = self.rng.choices(kinds, weights)[0]
            await step()
            await asyncio.sleep(self.rng.choice((0.0, 0.01, 0.1, 0.5, 2.0)) * self.rng.random())
            await self._repair()
            self.world.check_maps()

    async def _repair(self) -> None:
        """What died of its fuse is seen to be dead."""
        for node in self.world.nodes:
            if not node.is_on and node.daemon is not None:
                self.world.note(f"{node.name} is dead")
                await node.kill()
            if not node.is_on and self.rng.random() < 0.2:
                self.world.note(f"{node.name}: starts")
                node.start()
        server = self.world.server
        if not server.is_on and (server.services is not None or self.rng.random() < 0.3):
            self.world.note("server: starts after it died")
            self.world.disturb()
            await server.kill()
            server.start()

    def _node(self, *, on: bool = True) -> NodeMachine | None:
        nodes = [node for node in self.world.nodes if node.is_on is on]
        return self.rng.choice(nodes) if nodes else None

    async def join(self) -> None:
        node = self._node()
        if node is None or not self.world.is_free(node) or not self.world.truth.keys:
            return
        key = self.rng.choice(sorted(self.world.truth.keys))
        self.world.join(node, key, self.rng.choice(HOSTNAMES))

    async def wrong_join(self) -> None:
        node = self._node()
        if node is None or not self.world.is_free(node) or not self.world.truth.keys:
            return
        key = self.rng.choice(sorted(self.world.truth.keys))
        self.world.join(node, key, self.rng.choice(HOSTNAMES), self.rng.choice(("seed", "pin", "id")))

    async def new_key(self) -> None:
        reusable, ephemeral = self.rng.random() < 0.4, self.rng.random() < 0.2
        expires_s = self.rng.choice((1, 30, 86_400))
        key = await self.world.make_key(reusable=reusable, ephemeral=ephemeral, expires_s=expires_s)
        self.world.note(f"key {key or 'not made'}: reusable={reusable} ephemeral={ephemeral} expires in {expires_s} s")

    async def leave(self) -> None:
        node = self._node()
        if node is not None and self.world.is_free(node) and node.network is not None:
            self.world.leave(node)

    async def kick(self) -> None:
        if self.world.truth.members:
            who = self.rng.choice(sorted(self.world.truth.members))
            revoke = self.rng.random() < 0.3
            self.world.note(f"kick {self.world.truth.members[who].hostname}, revoke its key: {revoke}")
            await self.world.kick(who, revoke_key=revoke)

    async def rename(self) -> None:
        name = f"net{self.rng.randrange(100)}"
        self.world.note(f"rename the network to {name}")
        await self.world.rename(name)

    async def policy(self) -> None:
        """The root signs another policy: for all, for nobody, or for some hosts."""
        some = self.rng.sample(HOSTNAMES, 3)
        partial = (
            f'{{"version":1,"rules":[{{"from":["host:{some[0]}","host:new-n1"],"to":["*"]}},'
            f'{{"from":["host:{some[1]}"],"to":["host:{some[2]}","host:new-n2"]}}]}}'
        )
        text = self.rng.choice((OPEN, OPEN, CLOSED, partial.encode()))
        self.world.note(f"policy {text.decode()}")
        await self.world.set_policy(text)

    async def lose_documents(self) -> None:
        """What a node held is gone from its disk, as after damage; what it never goes back behind is there. Mostly the
        server takes the occasion to show it an old policy, half of the time just after the network was shut."""
        nodes = [node for node in self.world.nodes if node.is_on and node.network is not None]
        if not nodes:
            return
        node = self.rng.choice(nodes)
        if self.rng.random() < 0.5:
            self.world.note("policy closed")
            await self.world.set_policy(CLOSED)
            await asyncio.sleep(0.5)
        self.world.note(f"{node.name}: is killed, and its documents are gone")
        await node.kill()
        for files in node.disk.folders.values():
            files.pop("documents.bin", None)
        if self.rng.random() < 0.8:
            self.world.lie(node, "rollback")
        node.start()

    async def restart_node(self) -> None:
        node = self._node()
        if node is not None and self.world.is_free(node):
            self.world.note(f"{node.name}: daemon stops and starts")
            await node.stop()
            node.start()

    async def kill_node(self) -> None:
        node = self._node(on=self.rng.random() < 0.5)
        if node is None:
            return
        if node.is_on:
            self.world.note(f"{node.name}: kill -9")
            await node.kill()
        else:
            self.world.note(f"{node.name}: starts")
            await node.kill()
            node.start()

    async def fuse_node(self) -> None:
        node = self._node()
        if node is not None:
            node.power.fuse, node.power.keeps = self.rng.randrange(8), self.rng.random() < 0.5
            self.world.note(f"{node.name}: dies at its write {node.power.fuse}, kept: {node.power.keeps}")

    async def restart_server(self) -> None:
        server = self.world.server
        self.world.disturb()
        if server.is_on:
            self.world.note("server: kill -9")
            await server.kill()
            if self.rng.random() < 0.5:
                return
        self.world.note("server: starts")
        await server.kill()
        server.start()

    async def fuse_server(self) -> None:
        server = self.world.server
        self.world.disturb()
        if not server.is_on:
            await self.restart_server()
            return
        server.power.fuse, server.power.keeps = self.rng.randrange(40), self.rng.random() < 0.5
        self.world.note(f"server: dies at its statement {server.power.fuse}, kept: {server.power.keeps}")

    async def cut_off(self) -> None:
        node = self.rng.choice(self.world.nodes)
        self.world.disturb()
        self.world.note(f"{node.name} is cut off")
        self.world.air.cut_off.add(node.name)

    async def heal(self) -> None:
        cut = sorted(self.world.air.cut_off)
        if cut:
            node = self.world.node_of(self.rng.choice(cut))
            self.world.disturb()
            self.world.note(f"{node.name} is back")
            self.world.air.heal(node.name)
            node.change_link()

    async def node_clock(self) -> None:
        node = self.rng.choice(self.world.nodes)
        jump = self.rng.choice((*CLOCK_JUMPS_S, 0.0, 0.0))
        self.world.note(f"{node.name}: clock {jump:+.0f} s")
        node.set_clock(jump)

    async def server_clock(self) -> None:
        jump = self.rng.choice((*CLOCK_JUMPS_S, 0.0, 0.0))
        self.world.disturb()
        self.world.note(f"server: clock {jump:+.0f} s")
        self.world.server.set_clock(jump)
        self.world.truth.server_was_ahead_s = max(self.world.truth.server_was_ahead_s, jump)

    async def lie(self) -> None:
        self.world.lie(self.rng.choice(self.world.nodes), self.rng.choice(KINDS))

    async def be_honest(self) -> None:
        for node in self.world.nodes:
            if self.rng.random() < 0.5:
                self.world.be_honest(node)

    async def member_lies(self) -> None:
        node = self._node()
        if node is not None and self.world.is_free(node):
            await self.world.publish_lie(node)

    async def replay(self) -> None:
        if self.world.said:
            await self.world.replay(list(self.rng.choice(self.world.said)))

    async def wait_long(self) -> None:
        span = self.rng.choice((10.0, 40.0, 400.0))
        self.world.note(f"{span:.0f} s pass")
        await asyncio.sleep(span)


class SeedFailed(AssertionError):  # noqa: N818 - it is a finding, not an error of the test
    """The story of a seed that found something."""


def run_seed(seed: int, count: int, folder: Path) -> list[str]:
    """Run one seed; returns its story. Raises SeedFailed with it where something was found."""
    try:
        return run_steps(seed, lambda world: Steps(world).run(count), folder)
    except SeedFailed as error:
        again = f"WARREN_MODEL_SEEDS={seed}:1 WARREN_MODEL_STEPS={count} .venv/bin/pytest tests/model"
        raise SeedFailed(f"{again}\n{error}") from None


def run_steps(seed: int, steps: Callable[[World], Awaitable[None]], folder: Path) -> list[str]:
    """Run these steps in a world of this seed's chances; then everything heals, and the maps have to converge."""
    rng = Random(seed)  # noqa: S311 - reproducible by design
    loop = VirtualLoop()
    ENVELOPES.clear()
    asyncio.set_event_loop(loop)
    world = World(rng, folder)
    doors = Doors(world.node_of, world.connect, world.on_bug)
    try:
        with simulated(loop, rng, doors):
            loop.run_until_complete(_run(world, steps))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    if world.findings:
        found = "\n".join(dict.fromkeys(world.findings))
        raise SeedFailed("\n".join([*world.story, "", "found:", found]))
    return world.story


async def _run(world: World, steps: Callable[[World], Awaitable[None]]) -> None:
    def on_unheard(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, PowerLossError | sqlite3.OperationalError):
            world.on_bug(f"{context['message']}: {error!r}")

    asyncio.get_running_loop().set_exception_handler(on_unheard)
    try:
        await world.begin()
        await steps(world)
        await world.settle()
    finally:
        await world.end()
