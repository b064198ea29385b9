"""Every kind of router against every other: which pairs come to a direct path, and how soon. On a virtual clock."""

import itertools

import pytest
from tests.unit.node.paths.probing import World
from tests.unit.node.paths.underlay import Kind

KINDS: dict[str, Kind | None] = {
    "none": None,
    "full cone": Kind(filtering="nothing"),
    "address restricted": Kind(filtering="address"),
    "home": Kind(),
    "port not kept": Kind(ports="random"),
    "address-dependent": Kind(mapping="address", ports="random"),
    "symmetric": Kind(mapping="port", ports="random"),
    "symmetric, counted": Kind(mapping="port", ports="counted"),
    "UDP blocked": Kind(blocks=True),
}
EASY = {"none", "full cone", "address restricted"}
CONE = {"home", "port not kept"}
COUNTED = "symmetric, counted"
DIRECT_S = 2.0


def is_direct(a: str, b: str) -> bool:
    """The grid of TESTING.md, and what prediction adds."""
    pair = {a, b}
    if "UDP blocked" in pair:
        return False
    if pair & EASY:
        return True
    return pair <= CONE or (COUNTED in pair and bool(pair & CONE))


def test_one_stun_server_is_enough_for_a_router_that_counts_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, KINDS["home"], KINDS[COUNTED])
    del world.stun[1:]
    world.start()
    assert world.underlay.run(DIRECT_S, world.both_direct)


@pytest.mark.parametrize(("a", "b"), list(itertools.combinations_with_replacement(KINDS, 2)))
@pytest.mark.parametrize("late_s", [0.0, 0.4])
def test_a_pair_is_relayed_at_once_and_direct_where_it_can_be(
    monkeypatch: pytest.MonkeyPatch, a: str, b: str, late_s: float
) -> None:
    world = World(monkeypatch, KINDS[a], KINDS[b])
    world.start(late_s=late_s)
    assert all(node.tunnel.endpoint is not None for node in (world.a, world.b)), "the first packet goes out at once"
    if is_direct(a, b):
        assert world.underlay.run(DIRECT_S, world.both_direct), (a, b, world.a.prober.state(world.b.identity))
        world.underlay.run(120.0)
        assert world.both_direct(), "and it stays"
    elif COUNTED not in {a, b}:
        world.underlay.run(120.0)
        assert world.both_relayed(), (a, b)
