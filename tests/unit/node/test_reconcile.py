"""From any start the host becomes the plan, and undoing leaves it as it was; in the right order, also after crashes."""

import asyncio
import errno
import os
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.node.maps import network, peer
from tests.unit.node.memory_dataplane import MemoryDataplane, MemoryTunnel
from tests.unit.node.simulated_host import SimulatedHost

from warren.errors import Code, WarrenError
from warren.model.ids import NetworkId
from warren.model.keys import ExchangeKeyPair
from warren.node.changes import (
    Actual,
    Change,
    CloseTunnel,
    DropHost,
    DropPeer,
    PutHost,
    PutPeer,
    RaiseTunnel,
    difference,
)
from warren.node.dataplane.interface import StampWindow, TunnelSpec
from warren.node.host.facts import HostAddress, HostFacts, HostRoute
from warren.node.journal import Journal
from warren.node.netmap import NetworkMap
from warren.node.plan import HostPlan, Own, PeerPlan, plan
from warren.node.reconcile import Reconciler
from warren.node.storage import Store

KEYS = (ExchangeKeyPair(bytes(31) + b"\1"),)
TWO_PEERS = [peer("db", "100.96.0.7"), peer("cam", "100.96.0.9", allowed=False)]
CLUB = network("club", prefixes=["100.97.0.0/16"], own=["100.97.0.2"], peers=[peer("radio", "100.97.0.3")])


class Machine:
    """A simulated host with a state folder, on which daemons come and go."""

    def __init__(self, folder: Path) -> None:
        self.host = SimulatedHost()
        self.host.add_link("eth0")
        self.host.add(HostAddress("eth0", ip_interface("192.168.1.4/24")))
        self.folder = folder
        self.left: set[NetworkId] = set()  # since their maps were taken
        self.start()

    def start(self) -> None:
        self.dataplane = MemoryDataplane(self.host)
        journal = Journal(Store(self.folder, lambda damage: pytest.fail(str(damage))), "this boot")
        self.reconciler = Reconciler(self.host, self.dataplane, journal, self._spec)

    def crash(self) -> None:
        self.host.before_change = self.host.after_change = lambda _: None
        self.dataplane.crash()
        self.start()

    def state(self) -> tuple[frozenset[str], frozenset[object]]:
        return frozenset(self.host.links), frozenset(self.host.items)

    def _spec(self, of: NetworkId) -> TunnelSpec:
        if of in self.left:
            raise WarrenError(Code.NETWORK_UNKNOWN, "it was left")
        return TunnelSpec(KEYS, 0, StampWindow(0, 10))


class KilledError(BaseException):
    """Stands for the kill -9: nothing in the code under test catches it."""


@contextmanager
def a_machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory() as folder:
        yield Machine(Path(folder))


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def settled(machine: Machine, maps: Sequence[NetworkMap]) -> HostPlan:
    """One run that must succeed, after which there is nothing to do."""
    outcome = await machine.reconciler.reconcile(maps)
    assert outcome.failures == ()
    wanted, left = await machine.reconciler.preview(maps)
    assert left == ()
    assert wanted == outcome.plan
    return wanted


def kind(change: Change) -> str:
    """Routes by their kind, all else by the name of the change."""
    route = change.item if isinstance(change, PutHost | DropHost) else None
    return route.kind if isinstance(route, HostRoute) else type(change).__name__


# --- the order -----------------------------------------------------------------------------------------------------


def test_blackholes_come_first_and_peers_last_with_addresses_before_routes() -> None:
    wanted = plan([network(peers=TWO_PEERS)], Own(), HostFacts())
    kinds = [
        change.item.kind
        if isinstance(change, PutHost) and isinstance(change.item, HostRoute)
        else type(change).__name__
        for change in difference(wanted, Actual(HostFacts()))
    ]
    assert kinds == [
        "blackhole", "blackhole", "RaiseTunnel", "PutHost", "PutHost", "unicast", "unicast", "PutFilter",
        "PutPeer", "PutPeer",
    ]  # fmt: skip


async def test_on_the_way_down_peers_go_first_and_blackholes_last(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    await settled(machine, [network(peers=TWO_PEERS)])
    _, changes = await machine.reconciler.preview([])
    kinds = [
        change.item.kind
        if isinstance(change, DropHost) and isinstance(change.item, HostRoute)
        else type(change).__name__
        for change in changes
    ]
    assert kinds == [
        "DropPeer", "DropPeer", "unicast", "unicast", "DropHost", "DropHost", "CloseTunnel", "blackhole", "blackhole",
    ]  # fmt: skip


async def test_gates_are_shut_before_anything_is_opened(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    await settled(machine, [network(peers=[peer("db", "100.96.0.7"), peer("old", "100.96.0.8")])])
    later = [network(peers=[peer("new", "100.96.0.3"), peer("db", "100.96.0.7", allowed=False)]), CLUB]
    _, changes = await machine.reconciler.preview(later)
    assert [type(change) for change in changes[:2]] == [PutPeer, DropPeer]
    assert {change.peer.name for change in changes[:2] if isinstance(change, PutPeer | DropPeer)} == {"db", "old"}
    assert [c.peer.name for c in changes if isinstance(c, PutPeer)].count("db") == 1
    await settled(machine, later)
    assert {p.name: p.gate_open for p in machine.dataplane.tunnels[0].peers().values()} == {"new": True, "db": False}


# --- what it touches -----------------------------------------------------------------------------------------------


async def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    await settled(machine, [network(peers=TWO_PEERS), CLUB])
    outcome = await machine.reconciler.reconcile([network(peers=TWO_PEERS), CLUB])
    assert outcome.made == ()


async def test_what_others_put_is_never_removed(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    theirs = HostRoute(ip_network("100.97.0.0/16"), "blackhole", metric=77, protocol=4)
    machine.host.add(theirs)
    await settled(machine, [network()])
    await settled(machine, [])
    assert theirs in machine.host.items


async def test_a_deleted_link_is_made_again_with_all_on_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    await settled(machine, [network(peers=TWO_PEERS)])
    machine.host.remove_link("warren0")
    outcome = await machine.reconciler.reconcile([network(peers=TWO_PEERS)])
    assert [type(change) for change in outcome.made[:2]] == [CloseTunnel, RaiseTunnel]
    assert len(machine.dataplane.tunnels[1].peers()) == 2
    await settled(machine, [network(peers=TWO_PEERS)])


async def test_a_foreign_route_in_the_place_of_ours_is_reported_and_left_alone(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    await settled(machine, [network()])
    (ours,) = [r for r in machine.host.items if isinstance(r, HostRoute) and r.link and r.prefix.version == 4]
    theirs = HostRoute(ours.prefix, link="eth0", metric=ours.metric, protocol=4)
    machine.host.remove(ours)
    machine.host.add(theirs)
    outcome = await machine.reconciler.reconcile([network()])
    assert [collision.kept for collision in outcome.plan.collisions] == [True]
    error = outcome.error(network().network)
    assert error is not None
    assert (error.code, "100.96.0.0/16 by warren0" in error.text) == (Code.HOST_REFUSED, True)
    assert theirs in machine.host.items
    assert network().network in machine.reconciler.tunnels


async def test_what_collides_with_a_network_that_is_up_is_told_though_nothing_fails(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    await settled(machine, [network()])
    machine.host.add_link("docker0")
    machine.host.add(HostAddress("docker0", ip_interface("100.96.0.1/24")))
    outcome = await machine.reconciler.reconcile([network()])
    assert (outcome.made, outcome.failures) == ((), ())
    error = outcome.error(network().network)
    assert error is not None
    assert (error.code, "docker0" in error.text) == (Code.ADDRESS_COLLISION, True)


async def test_a_new_own_address_replaces_the_old_one_and_its_routes(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    await settled(machine, [network(own=["100.96.0.2"])])
    await settled(machine, [network(own=["100.96.0.99"])])
    addresses = {str(i.interface) for i in machine.host.items if isinstance(i, HostAddress) and i.link == "warren0"}
    sources = {str(i.source) for i in machine.host.items if isinstance(i, HostRoute) and i.link == "warren0"}
    assert (addresses, sources) == ({"100.96.0.99/32"}, {"100.96.0.99", "None"})
    assert len(machine.dataplane.tunnels) == 1


# --- failures ------------------------------------------------------------------------------------------------------


async def test_a_bug_in_one_change_keeps_no_other_from_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path)
    set_peer = MemoryTunnel.set_peer

    def failing(tunnel: MemoryTunnel, wanted: PeerPlan) -> None:
        if wanted.identity == TWO_PEERS[0].identity:
            raise LookupError("nobody thought of this")
        set_peer(tunnel, wanted)

    monkeypatch.setattr(MemoryTunnel, "set_peer", failing)
    outcome = await machine.reconciler.reconcile([network(peers=TWO_PEERS), CLUB])
    assert [type(failure.change) for failure in outcome.failures] == [PutPeer]
    peers = {one for tunnel in machine.reconciler.tunnels.values() for one in tunnel.peers()}
    assert peers == {TWO_PEERS[1].identity, *(one.identity for one in CLUB.peers)}


def refuse(machine: Machine, kind: Callable[[object], bool], number: int) -> None:
    def check(what: object) -> None:
        if kind(what):
            raise OSError(number, os.strerror(number))

    machine.host.before_change = check


async def test_without_its_blackhole_a_network_gets_no_link_while_others_come_up(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    refuse(machine, lambda w: isinstance(w, HostRoute) and w.prefix == ip_network("100.96.0.0/16"), errno.ENOMEM)
    outcome = await machine.reconciler.reconcile([network(), CLUB])
    assert list(machine.reconciler.tunnels) == [CLUB.network]
    error = outcome.error(network().network)
    assert error is not None
    assert error.code is Code.HOST_REFUSED
    assert "blackhole route 100.96.0.0/16" in error.text
    assert outcome.error(CLUB.network) is None
    machine.host.before_change = lambda _: None
    await settled(machine, [network(), CLUB])


async def test_a_machine_without_ipv6_gets_the_ipv4_part_and_hears_why(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    refuse(machine, lambda w: isinstance(w, HostAddress) and w.interface.version == 6, errno.EACCES)
    outcome = await machine.reconciler.reconcile([network(peers=TWO_PEERS)])
    assert len(machine.dataplane.tunnels[0].peers()) == 2
    error = outcome.error(network().network)
    assert error is not None
    assert (error.code, "IPv6" in error.fix) == (Code.HOST_REFUSED, True)


async def test_without_rights_for_the_tun_nothing_is_left_behind(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    before = machine.state()
    machine.dataplane.refuse = WarrenError(Code.NO_TUN_RIGHTS, "cannot open /dev/net/tun", "be root")
    outcome = await machine.reconciler.reconcile([network(peers=TWO_PEERS)])
    error = outcome.error(network().network)
    assert error is not None
    assert error.code is Code.NO_TUN_RIGHTS
    assert machine.state() == before
    assert Journal(Store(tmp_path, lambda _: None), "this boot").items == frozenset()


async def test_without_any_rights_the_answer_is_the_same(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    before = machine.state()
    refuse(machine, lambda _: True, errno.EPERM)
    outcome = await machine.reconciler.reconcile([network()])
    error = outcome.error(network().network)
    assert error is not None
    assert (error.code, "CAP_NET_ADMIN" in error.fix) == (Code.NO_TUN_RIGHTS, True)
    assert machine.state() == before


async def test_what_could_not_be_removed_stays_in_the_journal_for_the_next_run(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    before = machine.state()
    await settled(machine, [network()])
    refuse(machine, lambda w: isinstance(w, HostRoute) and w.kind == "blackhole", errno.EBUSY)
    outcome = await machine.reconciler.undo()
    assert len(outcome.failures) == 2
    machine.crash()
    await settled(machine, [])
    assert machine.state() == before


async def test_a_network_that_is_left_during_a_run_ends_its_own_part_and_leaves_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    before = machine.state()
    machine.left.add(network().network)
    outcome = await machine.reconciler.reconcile([network(peers=TWO_PEERS), CLUB])
    assert [failure.error.code for failure in outcome.failures] == [Code.NETWORK_UNKNOWN]
    assert list(machine.reconciler.tunnels) == [CLUB.network]
    await settled(machine, [CLUB])
    await settled(machine, [])
    assert machine.state() == before


async def test_a_disk_that_takes_no_journal_keeps_the_host_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path)
    before = machine.state()

    def full(*_: object) -> None:
        raise WarrenError(Code.STORE_UNAVAILABLE, "no space left on device")

    monkeypatch.setattr(Store, "write", full)
    with pytest.raises(WarrenError):
        await machine.reconciler.reconcile([network()])
    assert machine.state() == before


# --- any start, any crash ------------------------------------------------------------------------------------------

_names = st.sampled_from(["db", "cam", "old", "new"])
_peers = st.lists(
    st.builds(
        lambda name, number, allowed, key: peer(name, f"100.96.1.{number}", allowed=allowed, key=key),
        _names,
        st.integers(1, 6),
        st.booleans(),
        st.sampled_from(["", "rotated"]),
    ),
    max_size=4,
    unique_by=lambda p: p.name,
)
_default = st.builds(
    lambda own, peers: network(own=[f"100.96.0.{own}", f"fd77:7272:656e::{own}"], peers=peers),
    st.integers(2, 4),
    _peers,
)
_maps = st.one_of(
    st.just([]),
    st.just([CLUB]),
    st.builds(lambda one: [one], _default),
    st.builds(lambda one: [one, CLUB], _default),
)


def disturb(machine: Machine, seed: int) -> None:
    """Somebody else meddles: deletes a link of ours, or one of our addresses or routes."""
    ours = [name for name in sorted(machine.host.links) if name.startswith("warren")]
    if ours and seed % 3 == 0:
        machine.host.remove_link(ours[seed % len(ours)])
    items = sorted((item for item in machine.host.items if item.link != "eth0"), key=repr)
    if items and seed % 3 == 1:
        machine.host.remove(items[seed % len(items)])


def kill_at(machine: Machine, step: int, *, after: bool) -> None:
    steps = iter(range(1_000))

    def check(_: object) -> None:
        if next(steps) == step:
            raise KilledError

    if after:
        machine.host.after_change = check
    else:
        machine.host.before_change = check


@given(history=st.lists(st.tuples(_maps, st.integers(0, 30)), min_size=1, max_size=4), last=_maps)
@settings(deadline=None)
def test_from_any_history_the_host_becomes_the_plan_and_undo_returns_to_the_start(
    history: list[tuple[list[NetworkMap], int]], last: list[NetworkMap]
) -> None:
    async def scenario(machine: Machine) -> None:
        start = machine.state()
        for maps, seed in history:
            await settled(machine, maps)
            disturb(machine, seed)
        await settled(machine, last)
        await settled(machine, [])
        assert machine.state() == start

    with a_machine() as machine:
        run(scenario(machine))


@given(before=_maps, during=_maps, later=_maps, step=st.integers(0, 25), after=st.booleans())
@settings(deadline=None)
def test_a_daemon_killed_at_any_change_leaves_what_the_next_one_heals_or_undoes(
    before: list[NetworkMap],
    during: list[NetworkMap],
    later: list[NetworkMap],
    step: int,
    after: bool,  # noqa: FBT001 - drawn
) -> None:
    async def scenario(machine: Machine) -> None:
        start = machine.state()
        await settled(machine, before)
        kill_at(machine, step, after=after)
        with suppress(KilledError):
            await machine.reconciler.reconcile(during)
        machine.crash()
        await settled(machine, later)
        machine.crash()
        await settled(machine, [])
        assert machine.state() == start

    with a_machine() as machine:
        run(scenario(machine))
