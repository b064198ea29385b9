"""Ephemeral machines of a locked network stay while they are here, and go when they have gone, without any server."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.errors import Code, WarrenError
from warren.limits import EPHEMERAL_LIFETIME_S, EPHEMERAL_LOCKED_LIFETIME_S
from warren.model.ids import Identity
from warren.node import farewell, tending
from warren.node.farewell import Farewell
from warren.node.tending import Tending
from warren.trust import acts
from warren.trust.batches import Draft, Pen
from warren.trust.showing import show
from warren.trust.view import View


class World:
    """A network that its owner has locked; two ephemeral machines, of which one is here, and an admin's machine."""

    def __init__(self) -> None:
        self.network, self.at, self.brought = Network(), DATE + 60, 0
        self.left: list[bytes] = []
        self.refusal: Code | None = None
        documents = [
            *self.network.base(),
            self.network.member("admin"),
            self.network.member("ci", expires=DATE + EPHEMERAL_LIFETIME_S),
            self.network.member("gone", expires=DATE + EPHEMERAL_LIFETIME_S),
            self.network.member("person", expires=DATE + 40 * 86400),
        ]
        self._view = self.network.verify(documents, now=self.at)
        self._changed, self.acted = asyncio.Event(), asyncio.Event()
        draft = Draft(self._view, Pen(self.network.key("root")), now=self.at)
        acts.lock(draft, office=self.network.identity("admin"))
        self.locking = draft.batch()
        self._look(self.locking.raws)

    @property
    def me(self) -> Identity:
        return self.network.identity("ci")

    def view(self) -> View:
        return self._view

    def now(self) -> int:
        return self.at

    def is_online(self, identity: Identity) -> bool:
        return identity == self.network.identity("ci")

    def session_since(self) -> float:
        return 1.0

    def own_removal(self) -> bytes:
        draft = Draft(self._view, Pen(self.network.key("ci")), now=self.at)
        draft.remove(self.me)
        return draft.batch().raws[0]

    async def leave_farewell(self, removal: bytes) -> None:
        self.acted.set()
        if self.refusal is not None:
            raise WarrenError(self.refusal, "no")
        self.left.append(removal)

    async def bring(self, raws: Sequence[bytes]) -> None:
        self.brought += 1
        self._look(raws)
        self.acted.set()

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:  # noqa: ARG002 - as long as it takes
        while not condition():
            self._changed.clear()
            await self._changed.wait()
        return True

    def pass_to(self, at: int) -> None:
        self.at = at
        self._look(())

    def expires(self, who: str) -> int | None:
        return self._view.members[self.network.identity(who)].membership.expires

    def _look(self, raws: Sequence[bytes]) -> None:
        new = [self.network.open(raw) for raw in raws]
        self._view = self.network.verify([*self._view.documents, *new], self._view.floors, now=self.at)
        self._changed.set()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    for module in (tending, farewell):
        monkeypatch.setattr(module, "ADOPT_RETRY_S", 0.0)
    monkeypatch.setattr(tending, "ADOPT_SPREAD_S", 0.0)
    return World()


async def _run(world: World, task: Tending | Farewell, *, acts_: bool) -> None:
    """Run the task until it has acted, where it should, and a little longer."""
    running = asyncio.create_task(task.run())
    try:
        if acts_:
            await asyncio.wait_for(world.acted.wait(), 60.0)
        for _ in range(20):
            await asyncio.sleep(0)
        if running.done():
            running.result()  # a task that died of something did not decide to do nothing
    finally:
        running.cancel()


def test_lock_gives_ephemeral_machines_a_week_and_says_who_renews_them(world: World) -> None:
    assert world.expires("ci") == world.at + EPHEMERAL_LOCKED_LIFETIME_S
    assert world.expires("person") is None
    lines = [line for line in show(world.locking) if "ephemeral" in line]
    assert {line.split(" ")[0] for line in lines} == {"ci", "gone"}
    assert "7 days, and longer while it and an admin's machine are online" in lines[0]


async def test_an_admins_machine_renews_those_that_are_here_for_as_long_as_they_are(world: World) -> None:
    for _ in range(4):  # far beyond their first end
        world.acted.clear()
        world.pass_to(world.at + EPHEMERAL_LOCKED_LIFETIME_S // 2)
        await _run(world, Tending(world, world.network.key("admin")), acts_=True)
        assert world.expires("ci") == world.at + EPHEMERAL_LOCKED_LIFETIME_S
    assert world.brought == 4
    assert world.network.names(world.view(), "ci", "gone", "person", "admin") == ["ci", "person", "admin"]


async def test_nobody_else_and_nothing_before_its_time(world: World) -> None:
    await _run(world, Tending(world, world.network.key("admin")), acts_=False)
    world.pass_to(world.at + EPHEMERAL_LOCKED_LIFETIME_S // 2)
    await _run(world, Tending(world, world.network.key("person")), acts_=False)
    assert world.brought == 0


async def test_an_ephemeral_machine_leaves_one_farewell_a_session_which_nodes_believe(world: World) -> None:
    await _run(world, Farewell(world), acts_=True)
    assert len(world.left) == 1
    world._look(world.left)
    assert world.network.names(world.view(), "ci", "person") == ["person"]


async def test_an_older_server_is_not_asked_again(world: World) -> None:
    world.refusal = Code.UNSUPPORTED
    task = Farewell(world)
    await _run(world, task, acts_=True)
    world.acted.clear()
    await _run(world, task, acts_=False)
    assert not world.acted.is_set()


def test_an_ephemeral_machine_that_is_approved_is_one(world: World) -> None:
    draft = Draft(world.view(), Pen(world.network.key("root")), now=world.at)
    acts.approve(draft, world.network.identity("new"), hostname="new", ephemeral=True)
    world._look(draft.batch().raws)
    assert world.expires("new") == world.at + EPHEMERAL_LOCKED_LIFETIME_S
