"""A peer that speaks from elsewhere is looked at soon, and not for ever."""

from ipaddress import IPv4Address

from warren.model.addresses import Endpoint
from warren.node.paths.suspicion import LOOK_GAP_MAX_S, LOOK_GAP_S, Suspicion

HERE, THERE = (Endpoint(IPv4Address("203.0.113.1"), port) for port in (1, 2))


def test_a_place_that_is_new_is_looked_at_soon_after_any_other() -> None:
    suspicion = Suspicion()
    for number in range(6):
        suspicion.wants_look(HERE, number * LOOK_GAP_MAX_S)
    now = 6 * LOOK_GAP_MAX_S
    assert suspicion.wants_look(HERE, now)
    assert not suspicion.wants_look(HERE, now + LOOK_GAP_S)
    assert suspicion.wants_look(THERE, now + LOOK_GAP_S)


def test_two_that_prefer_different_paths_look_rarely_in_the_end() -> None:
    suspicion = Suspicion()
    looks = sum(suspicion.wants_look(HERE, 0.05 * number) for number in range(20 * 60))
    assert looks <= 60 / LOOK_GAP_MAX_S + 5


def test_a_peer_of_a_hundred_places_is_looked_at_only_so_often() -> None:
    suspicion = Suspicion()
    places = [Endpoint(IPv4Address("203.0.113.1"), port) for port in range(1, 101)]
    looks = sum(suspicion.wants_look(places[number % 100], 0.01 * number) for number in range(1000))
    assert looks <= 10 / LOOK_GAP_S + 1
