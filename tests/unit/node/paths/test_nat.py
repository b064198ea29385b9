"""What observers saw becomes one value: how mappings are made, and which port may come next."""

from ipaddress import ip_address

from tests.unit.node.paths.links import endpoint

from warren.limits import GUESSED_PORTS_MAX
from warren.node.paths.nat import Mapping, Nat, Seen, classify

ONE, TWO, THREE = endpoint("198.51.100.1", 3478), endpoint("198.51.100.2", 3478), endpoint("198.51.100.3", 3478)
OWN, PORT = (ip_address("192.168.1.5"),), 51820


def seen(*outer: int, address: str = "203.0.113.7") -> list[Seen]:
    observers = (ONE, TWO, THREE)
    return [Seen(observers[number], endpoint(address, port), float(number)) for number, port in enumerate(outer)]


def test_nobody_saw_anything() -> None:
    assert classify([], OWN, PORT) == Nat()


def test_one_observer_cannot_tell_whether_the_mapping_varies() -> None:
    found = classify(seen(40_000), OWN, PORT)
    assert (found.mapping, found.outer) == (Mapping.UNKNOWN, (endpoint("203.0.113.7", 40_000),))


def test_where_one_observer_saw_another_port_than_ours_the_next_few_may_be_counted() -> None:
    assert [one.port for one in classify(seen(40_000), OWN, PORT).guesses()] == [40_001, 40_002, 40_003, 40_004]
    assert classify(seen(PORT), OWN, PORT).guesses() == ()
    assert classify(seen(40_000, 40_000), OWN, PORT).guesses() == ()


def test_two_that_saw_the_same_make_it_stable() -> None:
    assert classify(seen(40_000, 40_000), OWN, PORT).mapping is Mapping.STABLE


def test_ones_own_address_seen_from_outside_is_no_translation() -> None:
    found = classify(seen(PORT, address="192.168.1.5"), OWN, PORT)
    assert found.mapping is Mapping.NONE


def test_two_that_saw_different_ports_make_it_vary_and_far_apart_ports_cannot_be_guessed() -> None:
    found = classify(seen(40_000, 51_234), OWN, PORT)
    assert (found.mapping, found.step, found.guesses()) == (Mapping.VARIES, 0, ())


def test_ports_that_count_upwards_go_on_after_the_newest() -> None:
    found = classify(seen(41_001, 41_002, 41_004), OWN, PORT)
    assert (found.mapping, found.step) == (Mapping.VARIES, 1)
    assert found.guesses()[0].port == 41_005
    assert len(found.guesses()) == GUESSED_PORTS_MAX


def test_ports_that_count_downwards_too_and_never_beyond_the_last_port() -> None:
    found = classify(seen(3, 2), OWN, PORT)
    assert [one.port for one in found.guesses()] == [1]


def test_several_outer_addresses_have_no_step() -> None:
    both = [Seen(ONE, endpoint("203.0.113.7", 40_000), 0.0), Seen(TWO, endpoint("203.0.113.8", 40_001), 1.0)]
    assert classify(both, OWN, PORT).step == 0


def test_a_mapping_of_a_later_version_is_unknown() -> None:
    assert Mapping.of(77) is Mapping.UNKNOWN
