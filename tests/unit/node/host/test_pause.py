"""What clocks say of a machine: it slept, was stopped, or its clock was set; a loaded one did none of it."""

import asyncio
import time
from contextlib import aclosing

import pytest

from warren.node.host.linux import pauses as linux
from warren.node.host.pause import Clocks, pause

BEFORE = Clocks(1000.0, 5000.0, 1.7e9)


def later(monotonic_s: float, boot_s: float, wall_s: float) -> Clocks:
    return Clocks(BEFORE.monotonic + monotonic_s, BEFORE.boot + boot_s, BEFORE.wall + wall_s)


@pytest.mark.parametrize(
    ("after", "kind", "lasted_s"),
    [
        (later(1.0, 601.0, 601.0), "slept", 600.0),
        (later(1.0, 3.0, 3.0), "slept", 2.0),
        (later(1.0, 2_592_001.0, 2_592_001.0), "slept", 2_592_000.0),
        (later(61.0, 61.0, 61.0), "stopped", 60.0),
        (later(1.0, 1.0, 3601.0), "moved its clock", 3600.0),
        (later(1.0, 1.0, -3599.0), "moved its clock", 0.0),
    ],
)
def test_a_pause_is_named_with_its_length(after: Clocks, kind: str, lasted_s: float) -> None:
    found = pause(BEFORE, after, 1.0)
    assert found is not None
    assert (found.kind, round(found.lasted_s, 3)) == (kind, lasted_s)


@pytest.mark.parametrize("after", [later(1.0, 1.0, 1.0), later(3.0, 3.0, 3.0), later(1.0, 1.2, 6.0)])
def test_the_usual_course_of_things_is_none(after: Clocks) -> None:
    assert pause(BEFORE, after, 1.0) is None


async def test_a_sleep_while_another_is_dealt_with_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a laptop's lid is shut again at once."""
    slept_s = 0.0
    monkeypatch.setattr(time, "clock_gettime", lambda _clock: time.monotonic() + slept_s)
    monkeypatch.setattr(linux, "PAUSE_LOOK_S", 0.01)
    async with aclosing(linux.pauses()) as watched:
        first = asyncio.ensure_future(anext(watched))
        await asyncio.sleep(0)  # it has read its clocks
        slept_s += 120.0
        assert str(await first) == "slept for 120 s"
        slept_s += 600.0
        assert str(await anext(watched)) == "slept for 600 s"
