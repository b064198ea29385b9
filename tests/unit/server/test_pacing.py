"""A storm of changes becomes few maps."""

from warren.limits import MAP_BURST, MAP_INTERVAL_A_SESSION_S, MAP_INTERVAL_S
from warren.protocol.control.messages import MapUpdate, Presence
from warren.server.sessions.pacing import PacedMaps


def test_a_burst_goes_out_at_once_and_then_one_an_interval() -> None:
    now = 100.0
    news = Presence(identity=bytes(32), online=True)
    maps = PacedMaps(lambda since: MapUpdate(version=since + 1, full=False, presence=(news,)), lambda: 2, lambda: now)
    assert sum(maps(version) is not None for version in range(100)) == MAP_BURST
    held = maps.held_until()
    assert held is not None
    assert now < held <= now + MAP_INTERVAL_S + 1e-9
    now = held
    assert maps(200) is not None
    assert maps.held_until() is None
    assert maps(201) is None
    assert maps.sent == MAP_BURST + 1


def test_nothing_to_tell_costs_no_budget() -> None:
    maps = PacedMaps(lambda _since: None, lambda: 2, lambda: 0.0)
    assert [maps(1) for _ in range(100)] == [None] * 100
    assert maps.held_until() is None
    assert maps.sent == 0


def test_in_a_large_network_each_node_hears_less_often() -> None:
    now = 0.0
    news = Presence(identity=bytes(32), online=True)
    maps = PacedMaps(
        lambda since: MapUpdate(version=since + 1, full=False, presence=(news,)), lambda: 1000, lambda: now
    )
    heard = 0
    for tick in range(10_000):
        now = tick / 1000
        heard += maps(tick) is not None
    assert heard < 10 / (1000 * MAP_INTERVAL_A_SESSION_S) + MAP_BURST + 2
