"""Health is a set of troubles, not a log."""

from warren.errors import Code
from warren.limits import HEALTH_ENTRIES_MAX
from warren.node.health import Health


def test_the_same_trouble_twice_is_one_entry_with_its_first_time() -> None:
    health = Health()
    health.set("server", Code.SERVER_UNREACHABLE, "away", 5.0)
    health.set("server", Code.SERVER_UNREACHABLE, "still away", 9.0)
    assert [(one.text, one.since) for one in health.entries()] == [("still away", 5.0)]


def test_what_is_over_is_gone() -> None:
    health = Health()
    health.set("a/1", Code.INTERNAL, "x", 1.0)
    health.set("a/2", Code.INTERNAL, "y", 1.0)
    health.set("b", Code.INTERNAL, "z", 1.0)
    health.clear("b")
    health.clear_all("a/")
    assert health.entries() == ()


def test_replacing_keeps_the_time_of_what_stays_and_drops_the_rest() -> None:
    health = Health()
    health.replace("t/", {"x": ("E_A", "x", ""), "y": ("E_B", "y", "")}, 1.0)
    health.replace("t/", {"x": ("E_A", "x", "")}, 2.0)
    assert [(one.code, one.since) for one in health.entries()] == [("E_A", 1.0)]


def test_a_flood_of_troubles_is_bounded() -> None:
    health = Health()
    for number in range(HEALTH_ENTRIES_MAX + 50):
        health.set(str(number), Code.INTERNAL, "x", 1.0)
    assert len(health.entries()) == HEALTH_ENTRIES_MAX


def test_what_has_an_end_is_gone_then_and_takes_no_room() -> None:
    health = Health()
    for number in range(HEALTH_ENTRIES_MAX):
        health.set(f"damage/{number}", Code.STATE_DAMAGED, "it was damaged", 1.0, until=10.0)
    health.set("damage/0", Code.STATE_DAMAGED, "again", 5.0, until=15.0)
    assert len(health.entries(9.9)) == HEALTH_ENTRIES_MAX
    assert [(one.text, one.since) for one in health.entries(10.0)] == [("again", 1.0)]
    health.set("new", Code.INTERNAL, "x", 16.0)
    assert [one.text for one in health.entries(16.0)] == ["x"]
