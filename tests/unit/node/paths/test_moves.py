"""What moving between paths costs: lost packets, time without an answer, changes in bad weather. On a virtual clock."""

import dataclasses
from ipaddress import IPv4Address

import pytest
from tests.unit.node.maps import network as map_of
from tests.unit.node.paths.probing import RELAY, SimNode, World
from tests.unit.node.paths.underlay import Kind

from warren.limits import FULL_PROBE_BYTES, MAPPING_LIFETIME_S, MAPPINGS_OPEN_MAX, SILENCE_DOUBT_S, SILENCE_LOOK_S
from warren.model.addresses import Endpoint, RelayHop
from warren.model.ids import Identity
from warren.node.dataplane.interface import Event, ProbeReceived
from warren.node.paths import budget

HOME = Kind()
SYMMETRIC = Kind(mapping="port", ports="random")


def hops(node: SimNode) -> list[str]:
    """Where packets went, one word a change."""
    return ["relay" if isinstance(hop, RelayHop) else "direct" if hop else "none" for _, hop in node.used]


def watch(world: World, node: SimNode) -> None:
    """What `silence` does: look at what came in while packets go out, four times a second."""
    before = [node.carried]

    def look() -> None:
        last = node.received[-1][0] if node.received else float("-inf")
        if node.carried > before[0]:
            if world.underlay.now - last > SILENCE_DOUBT_S:
                node.prober.handle_silence(node.other.identity)
            else:
                node.prober.handle_alive(node.other.identity)
        before[0] = node.carried
        world.underlay.at(SILENCE_LOOK_S, look)

    look()


def first_back(world: World, sender: SimNode, after: float) -> float:
    """How long until a packet of this sender arrives again, sent every 50 ms."""

    seen = len(sender.other.received)
    begin_to_send(world, sender)
    assert world.underlay.run(10.0, lambda: len(sender.other.received) > seen), "nothing came through"
    return world.underlay.now - after


def both_stream(world: World) -> None:
    """Packets go both ways, 20 a second each, and both sides watch."""

    for node in (world.a, world.b):
        watch(world, node)
        begin_to_send(world, node)


def begin_to_send(world: World, node: SimNode) -> None:
    """20 packets a second from here on."""
    node.carry()
    world.underlay.at(0.05, lambda: begin_to_send(world, node))


@pytest.mark.parametrize("seed", range(20))
def test_no_packet_is_lost_when_traffic_moves_from_the_relay_to_a_direct_path(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    world = World(monkeypatch, HOME, HOME, seed=seed)
    world.underlay.jitter_s = 0.005
    world.start()
    assert world.stream(world.a, 3.0) == []
    assert world.both_direct()
    assert hops(world.a) == ["relay", "direct"]


def test_a_direct_path_that_is_cut_is_left_for_the_relay_and_taken_again_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, HOME, HOME)
    world.start()
    both_stream(world)
    world.underlay.run(20.0)
    assert world.both_direct()
    world.underlay.cut.add(world.b.routers[0].address)  # type: ignore[arg-type]
    assert world.underlay.run(1.4, world.both_relayed), "TCP's fourth try at 1.4 s has to arrive"
    world.underlay.run(60.0)
    assert world.both_relayed()
    reasons = [change.reason for change in world.a.prober.history(world.b.identity).changes]  # type: ignore[union-attr]
    assert any("no answer from 203.0.113.2" in one or "by the relay" in one for one in reasons), reasons
    world.underlay.cut.clear()
    assert world.underlay.run(30.0, world.both_direct)


def test_one_way_traffic_too_is_back_on_the_relay_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, HOME, None)
    world.start()
    world.underlay.run(5.0)
    assert world.both_direct()
    watch(world, world.a)
    world.underlay.cut.add(world.b.address)
    assert first_back(world, world.a, world.underlay.now) < 1.4
    assert world.underlay.run(0.5, world.both_relayed), "the other side follows, though it sends nothing"


def test_a_router_that_forgets_its_mappings_stops_traffic_for_less_than_two_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, Kind(ports="random"), HOME)
    world.start()
    both_stream(world)
    world.underlay.run(10.0)
    assert world.both_direct()
    world.a.routers[0].flush()
    flushed_at = world.underlay.now
    count = len(world.b.received)
    assert world.underlay.run(2.0, lambda: len(world.b.received) > count)
    came = len(world.a.received)
    assert world.underlay.run(2.0, lambda: len(world.a.received) > came + 3)
    assert world.underlay.now - flushed_at < 2.0
    assert world.underlay.run(30.0, world.both_direct)


def test_an_address_change_stops_traffic_for_less_than_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, None, HOME)
    world.start()
    both_stream(world)
    world.underlay.run(10.0)
    old, new = world.a.address, type(world.a.address)("192.0.2.77")
    world.underlay.own("internet", str(new), world.a)
    world.underlay.cut.add(old)
    world.a.address = new
    world.a.prober.set_addresses((new,))
    came = len(world.a.received)
    assert world.underlay.run(1.0, lambda: len(world.a.received) > came + 3)
    assert world.underlay.run(30.0, world.both_direct)


def test_a_path_with_a_hole_for_large_packets_is_named_and_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, HOME, HOME)
    world.underlay.max_bytes = 1280
    world.start()
    world.underlay.run(20.0)
    assert world.both_relayed()
    state = world.a.prober.state(world.b.identity)
    assert state is not None
    assert state.note == "trying direct: MTU hole"
    world.underlay.max_bytes = 1500
    assert world.underlay.run(30.0, world.both_direct)


def test_a_hole_that_comes_later_moves_traffic_to_the_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, HOME, HOME)
    world.start()
    world.underlay.run(10.0)
    assert world.both_direct()
    world.underlay.max_bytes = 1280
    watch(world, world.a)
    begin_to_send(world, world.a)
    assert world.underlay.run(5.0, lambda: isinstance(world.a.tunnel.endpoint, RelayHop))


def test_probes_that_are_played_again_are_counted_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, HOME, HOME)
    world.start()
    heard: list[ProbeReceived] = []
    take = world.a.prober.handle_event

    def listen(event: Event) -> None:
        if isinstance(event, ProbeReceived):
            heard.append(event)
        take(event)

    monkeypatch.setattr(world.a.prober, "handle_event", listen)
    world.underlay.run(60.0)
    assert world.both_direct()
    refused = world.a.prober.refused
    pings, pongs = refused.probe_replayed, refused.probe_unasked
    before, used = world.a.prober.state(world.b.identity), len(world.a.used)
    for event in heard:
        take(dataclasses.replace(event, endpoint=Endpoint(IPv4Address("203.0.113.66"), 6666)))
    assert refused.probe_replayed > pings
    assert refused.probe_unasked > pongs
    assert refused.probe_replayed + refused.probe_unasked - pings - pongs <= len(heard)
    assert (world.a.prober.state(world.b.identity), len(world.a.used)) == (before, used)


def test_a_server_that_calls_a_peer_off_and_on_has_none_of_its_signals_count_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, HOME, HOME)
    world.start()
    carried: list[bytes] = []
    take = world.a.prober.handle_signal

    def listen(sender: Identity, sealed: bytes) -> None:
        carried.append(sealed)
        take(sender, sealed)

    monkeypatch.setattr(world.a.prober, "handle_signal", listen)
    world.a.prober.handle_host_change("to have signals")
    world.b.prober.handle_host_change("to have signals")
    world.underlay.run(60.0)
    assert carried
    refused = world.a.prober.refused
    for is_online in (False, True):
        world.a.prober.set_map(map_of(peers=(dataclasses.replace(world.a.peer, online=is_online),)), ())
    before = refused.signal_replayed
    for sealed in carried:
        take(world.b.identity, sealed)
    assert refused.signal_replayed == before + len(carried)


def small_each_way(world: World) -> None:
    """Packets that pass any hole, 20 a second from both."""
    for node in (world.a, world.b):
        node.carry()
    world.underlay.at(0.05, lambda: small_each_way(world))


@pytest.mark.parametrize("one_sees_it_first", [True, False])
def test_a_hole_is_found_by_who_hears_the_peer_all_the_time(
    monkeypatch: pytest.MonkeyPatch, *, one_sees_it_first: bool
) -> None:
    """Small packets keep a path alive, and those of a peer that left it for the relay have it verified again and again:
    with small pings."""
    world = World(monkeypatch, HOME, HOME)
    world.start()
    world.underlay.run(10.0)
    assert world.both_direct()
    for node in (world.a, world.b):
        watch(world, node)
    small_each_way(world)
    world.underlay.max_bytes = 1280
    if one_sees_it_first:
        world.a.prober.handle_silence(world.b.identity)
    assert world.underlay.run(10.0 if one_sees_it_first else 80.0, world.both_relayed)


def test_without_a_relay_a_path_with_a_hole_is_better_than_none(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, HOME, HOME)
    world.underlay.max_bytes = 1280
    world.start(relayed=False)
    world.underlay.run(10.0)
    assert world.both_direct()
    state = world.a.prober.state(world.b.identity)
    assert state is not None
    assert state.note == "MTU hole"


@pytest.mark.parametrize("seed", range(8))
def test_bad_weather_changes_no_path_more_than_once_in_thirty_seconds(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    world = World(monkeypatch, HOME, HOME, seed=seed)
    world.start()
    world.underlay.run(10.0)
    world.underlay.loss, world.underlay.jitter_s = 0.3, 0.3
    both_stream(world)
    world.underlay.run(10.0)
    for node in (world.a, world.b):
        before = len(node.used)
        world.underlay.run(30.0)
        assert len(node.used) - before <= 1, hops(node)


@pytest.mark.parametrize("seed", range(12))
def test_loss_and_reordering_end_in_a_direct_path(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    world = World(monkeypatch, HOME, Kind(ports="random"), seed=seed)
    world.underlay.loss, world.underlay.jitter_s = 0.15, 0.05
    world.start()
    assert world.underlay.run(90.0, world.both_direct)


def test_forced_onto_the_relay_a_node_tells_and_answers_nothing_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, None, None)
    world.start()
    world.underlay.run(5.0)
    assert world.both_direct()
    world.a.prober.set_force_relay(forced=True)
    assert world.underlay.run(30.0, world.both_relayed)
    world.a.tunnel.sent.clear()
    world.underlay.run(120.0)
    servers = {server.endpoint for server in world.stun}
    assert {to for _, to, _ in world.a.tunnel.sent} - servers == {RelayHop(RELAY, 1)}
    assert world.both_relayed()
    world.a.prober.set_force_relay(forced=False)
    assert world.underlay.run(30.0, world.both_direct)


def test_signals_go_by_the_relay_while_the_server_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, HOME, HOME)
    world.a.signalling = False
    world.start()
    assert world.underlay.run(3.0, world.both_direct)


def test_a_relay_that_swallows_everything_is_told_of_and_left_when_another_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, SYMMETRIC, SYMMETRIC)
    world.start()
    world.underlay.run(5.0)
    told: list[RelayHop] = []
    world.a.prober.on_relay_silent = lambda _peer, hop: told.append(hop)
    world.relay_is_up = False
    watch(world, world.a)
    begin_to_send(world, world.a)
    assert world.underlay.run(5.0, lambda: bool(told))
    state = world.a.prober.state(world.b.identity)
    assert state is not None
    assert state.note == "no answer"


def test_a_symmetric_pair_never_opens_more_mappings_than_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, SYMMETRIC, SYMMETRIC)
    world.start()
    world.underlay.run(1200.0)
    assert world.both_relayed()
    for node in (world.a, world.b):
        assert node.routers[0].most_open <= MAPPINGS_OPEN_MAX


@pytest.mark.parametrize("most", [1, 2])
def test_the_budget_of_mappings_is_what_ends_the_trying(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """So small that a pair would open more: without it they do."""
    monkeypatch.setattr(budget, "MAPPINGS_OPEN_MAX", most)
    world = World(monkeypatch, SYMMETRIC, SYMMETRIC)
    world.start()
    world.underlay.run(300.0)
    for node in (world.a, world.b):
        assert most_on_trial(world, node) == most


def test_without_so_small_a_budget_a_symmetric_pair_opens_more(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, SYMMETRIC, SYMMETRIC)
    world.start()
    world.underlay.run(300.0)
    assert all(2 < most_on_trial(world, node) <= MAPPINGS_OPEN_MAX for node in (world.a, world.b))


def most_on_trial(world: World, node: SimNode) -> int:
    """The most endpoints that probes went to within MAPPING_LIFETIME_S; STUN servers answer and are not on trial."""
    servers = {server.endpoint for server in world.stun}
    sent = [(at, to) for at, to, _ in node.tunnel.sent if isinstance(to, Endpoint) and to not in servers]
    return max(len({to for then, to in sent if at - MAPPING_LIFETIME_S < then <= at}) for at, _ in sent)


def send_large(world: World, node: SimNode) -> None:
    """20 packets of full size a second from here on."""
    node.carry(1400)
    world.underlay.at(0.05, lambda: send_large(world, node))


def test_where_no_path_carries_full_packets_any_more_the_network_hears_it_soon_and_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, HOME, HOME)
    world.start()
    world.underlay.run(10.0)
    assert world.both_direct()
    assert world.a.narrow == [], "a whole path is never called narrow"
    world.underlay.max_bytes = world.relay_max_bytes = 1280
    watch(world, world.a)
    send_large(world, world.a)
    since = world.underlay.now
    assert world.underlay.run(1.8, lambda: bool(world.a.prober.narrow)), "TCP's fifth try is after 3 s"
    assert world.underlay.run(5.0, lambda: bool(world.b.prober.narrow)), "who answers with large packets knows as well"
    assert world.underlay.run(20.0, lambda: False) is False
    assert world.a.prober.narrow == {world.b.identity}
    assert isinstance(world.a.tunnel.endpoint, Endpoint), "the relay is no better"
    assert len(world.a.narrow) <= 3, f"it flaps: {world.a.narrow} since {since}"
    world.underlay.max_bytes = world.relay_max_bytes = 1500
    assert world.underlay.run(90.0, lambda: not world.a.prober.narrow)


def test_a_relay_with_a_hole_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, SYMMETRIC, SYMMETRIC)
    world.relay_max_bytes = 1280
    world.start()
    assert world.underlay.run(5.0, lambda: world.a.prober.narrow == {world.b.identity})
    assert world.both_relayed()


def test_nothing_large_goes_to_an_address_that_has_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, HOME, SYMMETRIC)
    world.start()
    world.underlay.run(120.0)
    answered = {Endpoint(world.b.routers[0].address, 0).address}
    large = {to for _, to, size in world.a.tunnel.sent if size >= FULL_PROBE_BYTES and isinstance(to, Endpoint)}
    assert not {one for one in large if one.address not in answered}
    assert large == set()


def test_no_two_signals_are_sealed_with_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY.md rule 23: of what is sealed, the first bytes are the public half of a key for this message alone."""
    world = World(monkeypatch, HOME, HOME)
    world.start(relayed=False)
    for number in range(4):
        world.underlay.run(20.0)
        world.a.prober.handle_host_change(f"change {number}")
    said = [sealed[:33] for node in (world.a, world.b) for sealed in node.signals]
    assert len(world.a.signals) > 2
    assert len(set(said)) == len(said)
