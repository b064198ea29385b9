"""Whom an invite admitted in time is signed for by an admin's machine, and by nobody else."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.errors import Code, WarrenError
from warren.node import adopting
from warren.node.adopting import Adopting
from warren.trust.authenticate import Authentic
from warren.trust.documents import AdmissionLimits, Right
from warren.trust.floors import Floors
from warren.trust.office import ADMIN_RIGHTS
from warren.trust.view import View

END = DATE + 50


class World:
    """A machine's view, a server that takes what verifies, and time that passes when it is told to."""

    def __init__(self, documents: Iterable[Authentic], network: Network) -> None:
        self.network, self.at, self.brought, self.refusal = network, END, 0, False
        self._view = network.verify(documents, now=END)
        self._changed, self.has_signed = asyncio.Event(), asyncio.Event()

    def view(self) -> View:
        return self._view

    def now(self) -> int:
        return self.at

    async def bring(self, raws: Sequence[bytes]) -> None:
        if self.refusal:
            self.refusal = False
            raise WarrenError(Code.SERVER_UNREACHABLE, "away")
        self.brought += 1
        self.has_signed.set()
        self._look([self.network.open(raw) for raw in raws])

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:  # noqa: ARG002 - as long as it takes
        while not condition():
            self._changed.clear()
            await self._changed.wait()
        return True

    def pass_to(self, at: int) -> None:
        self.at = at
        self._look([])

    def _look(self, new: Sequence[Authentic]) -> None:
        self._view = self.network.verify([*self._view.documents, *new], self._view.floors, now=self.at)
        self._changed.set()

    def signer(self, who: str) -> str:
        signer = self._view.members[self.network.identity(who)].signer
        return next(name for name in ("root", "admin", "invite") if self.network.identity(name) == signer)


@pytest.fixture
def world() -> World:
    network = Network()
    documents = [
        *network.base(),
        network.delegation("admin", ADMIN_RIGHTS),
        network.delegation("invite", [Right.ADMIT], by="admin", not_after=END, limits=AdmissionLimits(count=2)),
        network.member("admin", by="root"),
        network.member("a", by="invite", hostname="laptop", ipv4="100.96.0.9"),
        network.member("b", by="registrar"),
    ]
    return World(documents, network)


async def _run(world: World, who: str, monkeypatch: pytest.MonkeyPatch, *, signs: bool) -> None:
    """Run the task on the machine of `who` until it has signed, where it should, and a little longer."""
    monkeypatch.setattr(adopting, "ADOPT_SPREAD_S", 0.0)
    monkeypatch.setattr(adopting, "ADOPT_RETRY_S", 0.0)
    task = asyncio.create_task(Adopting(world, world.network.key(who)).run())
    try:
        if signs:
            await asyncio.wait_for(world.has_signed.wait(), 60.0)
        for _ in range(20):
            await asyncio.sleep(0)
        if task.done():
            task.result()  # a task that died of something did not decide to do nothing
    finally:
        task.cancel()


async def test_nothing_is_signed_before_the_invite_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await _run(world, "admin", monkeypatch, signs=False)
    assert (world.signer("a"), world.brought) == ("invite", 0)


async def test_an_admins_machine_signs_for_them_once_and_a_new_machine_knows_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = world.network.verify(world.view().documents, now=END + 1)
    assert world.network.names(late, "a") == [], "who comes later cannot tell whether it was in time"
    world.refusal = True
    world.pass_to(END + 1)
    await _run(world, "admin", monkeypatch, signs=True)
    assert (world.signer("a"), world.brought) == ("admin", 1)
    member = world.view().members[world.network.identity("a")]
    assert (member.hostname, str(member.ipv4)) == ("laptop", "100.96.0.9")
    fresh = world.network.verify(world.view().documents, Floors(), now=END + 1)
    assert world.network.names(fresh, "a", "b") == ["a", "b"]


async def test_a_machine_that_is_no_admins_signs_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pass_to(END + 1)
    await _run(world, "b", monkeypatch, signs=False)
    assert (world.signer("a"), world.brought) == ("invite", 0)
