"""What seeds of the model found, each as the shortest run that shows it; the product's own tests say it exactly.

`asyncio.sleep` is a step of the model's own clock here (`clock.py`): it takes no time, and what is due by then is done.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.model.steps import CLOSED, run_steps
from tests.model.world import World

DECADE_S = 10 * 365 * 86_400.0


async def joined(world: World, *names: str, ephemeral: bool = False) -> None:
    """These nodes join, one after the other, by the names of their hosts."""
    key = await world.make_key(reusable=True, ephemeral=ephemeral)
    for name in names:
        world.join(world.node_of(name), key, f"host-{name}")
        await world.busy[name]


async def a_leave_that_is_killed_half_way_leaves_nothing(world: World) -> None:
    """Found by seed 3: a part of the folder was left, and no join was possible any more."""
    await joined(world, "n0")
    node = world.node_of("n0")
    for fuse in range(1, 5):
        node.power.fuse, node.power.keeps = fuse, True
        world.leave(node)
        await world.busy["n0"]
        await node.kill()
        node.start()
        await asyncio.sleep(1.0)
        await joined(world, "n0")


async def an_ephemeral_member_outlives_a_server_whose_clock_jumped(world: World) -> None:
    """Found by seed 10: its time was over in the server's years, and the next look at it was far."""
    await joined(world, "n0")
    await joined(world, "n1", ephemeral=True)
    world.server.set_clock(DECADE_S)
    world.truth.server_was_ahead_s = DECADE_S
    await joined(world, "n2")
    await world.server.kill()
    world.server.start()


async def a_clock_that_is_right_again_admits_whom_it_had_refused(world: World) -> None:
    """Found by seed 115: nothing was looked at again before the next document came."""
    await joined(world, "n0")
    world.node_of("n0").set_clock(DECADE_S)
    await joined(world, "n1", "n2")
    await asyncio.sleep(10.0)


async def a_clock_that_was_ahead_has_forgotten_nobody(world: World) -> None:
    """Found by seed 181: memberships that had run out in its years were deleted, and nobody sent them again."""
    await joined(world, "n0")
    await joined(world, "n1", ephemeral=True)
    world.node_of("n0").set_clock(DECADE_S)
    await joined(world, "n2")
    await asyncio.sleep(10.0)


async def a_join_that_goes_on_is_not_taken_for_another_machine(world: World) -> None:
    """Found by seeds 5033, 2157 and 2246: the session that a restart began fought with the join that went on."""
    node = world.node_of("n0")
    for fuse in range(1, 12):
        key = await world.make_key()
        node.power.fuse, node.power.keeps = fuse, fuse % 2 == 0
        world.join(node, key, f"host-{fuse}")
        await world.busy["n0"]
        await node.kill()
        node.start()
        world.join(node, key, f"host-{fuse}")
        await world.busy["n0"]
        if any("another machine" in text for text in node.troubles()):
            world.find(f"after a join that was cut at write {fuse}: {node.troubles()}")
        world.leave(node)
        await world.busy["n0"]


async def a_leave_whose_asker_was_cut_off_may_count_yet(world: World) -> None:
    """Found by seed 308: the server took the machine out after the reference had looked who is in."""
    await joined(world, "n0", "n1")
    world.leave(world.node_of("n1"))
    await asyncio.sleep(0.03)
    world.server.end_sessions("n1")


async def an_old_policy_does_not_come_back_to_who_lost_its_documents(world: World) -> None:
    """Found by seed 19 with floors that were ignored: the server showed an older policy in place of the newest."""
    await joined(world, "n0", "n1")
    node = world.node_of("n0")
    await world.set_policy(CLOSED)
    await asyncio.sleep(1.0)
    await node.kill()
    for files in node.disk.folders.values():
        files.pop("documents.bin", None)
    world.lie(node, "rollback")
    node.start()
    await asyncio.sleep(5.0)
    world.check_maps()


async def a_server_that_began_just_now_does_not_fall_behind_what_it_signed(world: World) -> None:
    """Found by seed 576: what a new network was signed with did not count as a date, so a server whose clock went back
    told the time of 1970, and machines took their own clocks for wrong."""
    world.server.set_clock(-1_799_000_000.0)
    await joined(world, "n0", "n1")


async def a_server_whose_clock_jumped_dates_all_its_heads_at_once(world: World) -> None:
    """Found by seed 424: a policy of ten years later made the registrar's last head old news, and for an hour nobody
    was admitted who had not been seen before."""
    await joined(world, "n0", "n1")
    world.server.set_clock(DECADE_S)
    world.truth.server_was_ahead_s = DECADE_S
    await world.set_policy(CLOSED)
    await asyncio.sleep(5.0)
    for node in (world.node_of("n0"), world.node_of("n1")):
        if any("no news" in text for text in node.troubles()):
            world.find(f"{node.name} takes heads for old: {node.troubles()}")


@pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize(
    "case",
    [
        a_leave_that_is_killed_half_way_leaves_nothing,
        an_ephemeral_member_outlives_a_server_whose_clock_jumped,
        a_clock_that_is_right_again_admits_whom_it_had_refused,
        a_clock_that_was_ahead_has_forgotten_nobody,
        a_join_that_goes_on_is_not_taken_for_another_machine,
        a_leave_whose_asker_was_cut_off_may_count_yet,
        an_old_policy_does_not_come_back_to_who_lost_its_documents,
        a_server_that_began_just_now_does_not_fall_behind_what_it_signed,
        a_server_whose_clock_jumped_dates_all_its_heads_at_once,
    ],
)
def test_what_seeds_found_is_found_no_more(case: Callable[[World], Awaitable[None]], folder: Path) -> None:
    assert run_steps(1, case, folder)
