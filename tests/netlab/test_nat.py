"""Every kind of router maps and filters as its name says, found by plain sockets: what stands on it tests Warren."""

from typing import NamedTuple

import pytest
from tests.netlab import behaviour, nat, obstacles, site
from tests.netlab.behaviour import HEARD_S, SILENT_S, Outside, arrivals, filtering_of, mapped, mapping_of, place_of
from tests.netlab.handing import ANY
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.nat import Depends
from tests.netlab.router import Router
from tests.netlab.switch import Switch

pytestmark = pytest.mark.netlab

SECOND = "203.0.113.200"


class World(NamedTuple):
    """An internet with somebody to ask."""

    lab: Lab
    internet: Switch
    outside: Outside


@pytest.fixture
def world(lab: Lab) -> World:
    internet = lab.switch("internet", v4="203.0.113.0/24", v6="2001:db8::/64")
    return World(lab, internet, Outside.on(lab.host("outside", internet), SECOND))


def behind(world: World, recipe: nat.Recipe, *, more: int = 0) -> tuple[Router, Host]:
    """A host behind a router of that recipe."""
    lan = world.lab.switch("flat")
    router = world.lab.router("router", wan=world.internet, lan=lan, nat=recipe, more=more)
    return router, world.lab.host("laptop", lan)


def test_each_kind_maps_and_filters_as_it_says(world: World) -> None:
    wrong = []
    for name, kind in nat.KINDS.items():
        built = site.build(world.lab, name.replace(" ", "-"), name, world.internet)
        host = world.lab.host(f"host-{name.replace(' ', '-')}", built.lan)
        fresh, another = host.udp(ANY, ANY)
        found = (*mapping_of(fresh, world.outside), filtering_of(another, world.outside))
        if found != (kind.mapping, kind.keeps_port, kind.filtering):
            wrong.append((name, found))
    assert wrong == []


def test_a_sequential_nat_counts_and_one_with_two_addresses_uses_both(world: World) -> None:
    _, host = behind(world, nat.sequential)
    inside = host.udp(ANY)[0]
    ports = [mapped(inside, one)[1] for one in world.outside.all]
    assert ports == list(range(ports[0], ports[0] + 4))

    lan = world.lab.switch("two")
    world.lab.router("several", wan=world.internet, lan=lan, nat=nat.several_addresses, more=1)
    many = world.lab.host("many", lan).udp(*[ANY] * 10)
    assert len({mapped(one, asked)[0] for one in many for asked in world.outside.all}) == 2


def test_a_hairpin_joins_neighbours_by_the_outside_address_and_a_full_cone_does_not(world: World) -> None:
    router, host = behind(world, nat.hairpin)
    neighbour = world.lab.host("neighbour", host.interfaces["eth0"].switch)
    left, right = host.udp((ANY[0], 5001))[0], neighbour.udp((ANY[0], 5002))[0]
    places = {one: mapped(one, world.outside.all[0]) for one in (left, right)}
    behaviour.exchange([(left, places[right])])
    assert arrivals([right], HEARD_S) == {right: places[left]}
    behaviour.exchange([(right, places[left])])
    assert arrivals([left], HEARD_S) == {left: places[right]}

    router.load(nat.full_cone)
    router.forget()
    places = {one: mapped(one, world.outside.all[0]) for one in (left, right)}
    behaviour.exchange([(left, places[right])])
    assert arrivals([right], SILENT_S) == {}


def test_a_carriers_nat_hides_the_homes_behind_it(world: World) -> None:
    built = site.build(world.lab, "cgn", site.CARRIER_GRADE, world.internet)
    host = world.lab.host("subscriber", built.lan)
    inside, another = host.udp(ANY, ANY)
    assert mapping_of(inside, world.outside) == (Depends.NOTHING, True)
    assert mapped(inside, world.outside.all[0])[0] == str(built.router.outside)
    assert filtering_of(another, world.outside) == Depends.ADDRESS_AND_PORT


def test_a_router_that_forgets_maps_anew_and_a_new_seed_gives_another_port(world: World) -> None:
    router, host = behind(world, nat.home)
    inside = host.udp((ANY[0], 6001))[0]  # what a hash makes of it is the same each time
    first, ask = mapped(inside, world.outside.all[0]), world.outside.all[0]
    assert (str(router.outside), first[1]) in router.mappings(str(host.ip))
    router.forget()
    assert router.flows() == []
    ask.sendto(b"still there?", first)
    assert arrivals([inside], SILENT_S) == {}  # nobody is known by that place until the inside speaks
    assert mapped(inside, ask) == first

    router.load(nat.port_not_kept)
    router.forget()
    second = mapped(inside, ask)
    router.load(lambda sides: nat.port_not_kept(sides, seed=2))
    router.forget()
    assert len({first, second, mapped(inside, ask)}) == 3


def test_a_short_timeout_closes_a_mapping_within_seconds(world: World) -> None:
    router, host = behind(world, nat.home)
    router.put(obstacles.short_udp)
    inside, ask = host.udp(ANY)[0], world.outside.all[0]
    place = mapped(inside, ask)
    ask.sendto(b"at once", place)
    assert arrivals([inside], HEARD_S)
    assert arrivals([inside], 3.5) == {}  # the time that passes is what is tested
    ask.sendto(b"late", place)
    assert arrivals([inside], SILENT_S) == {}


def test_obstacles_come_and_go_in_mid_flow(world: World) -> None:
    router, host = behind(world, nat.home)
    inside, ask = host.udp(ANY)[0], world.outside.all[0]
    mapped(inside, ask)
    there = str(world.lab.hosts["outside"].ip)
    for obstacle in (obstacles.no_udp, obstacles.nothing, obstacles.no_udp_between(there)):
        router.put(obstacle)
        inside.sendto(b"hello", place_of(ask))
        assert arrivals([ask], SILENT_S) == {}
        router.remove(obstacle)
        mapped(inside, ask)


def test_where_only_443_goes_out_tcp_does_and_udp_does_not(world: World) -> None:
    router, host = behind(world, nat.home)
    router.put(obstacles.only_443)
    serve = "import socket,sys; s=socket.create_server(('',int(sys.argv[1]))); print('ready',flush=True); s.accept()"
    ask = "import socket,sys; socket.create_connection((sys.argv[1],int(sys.argv[2])),float(sys.argv[3]))"
    outside = world.lab.hosts["outside"]
    for port in ("443", "8443"):
        outside.start(["python3", "-c", serve, port]).wait_for("ready")
    assert host.run(["python3", "-c", ask, str(outside.ip), "443", "20"], check=False).returncode == 0
    assert host.run(["python3", "-c", ask, str(outside.ip), "8443", "1"], check=False).returncode != 0
    host.udp(ANY)[0].sendto(b"hello", place_of(world.outside.all[0]))
    assert arrivals([world.outside.all[0]], SILENT_S) == {}


def test_an_mtu_hole_swallows_what_is_too_long_and_tells_nobody(world: World) -> None:
    router, host = behind(world, nat.home)
    router.put(obstacles.mtu_hole(1280))
    inside, ask = host.udp(ANY)[0], world.outside.all[0]
    inside.sendto(bytes(1252), place_of(ask))  # 28 bytes of headers
    assert arrivals([ask], HEARD_S)
    inside.sendto(bytes(1253), place_of(ask))
    assert arrivals([ask], SILENT_S) == {}
    told = host.run(["ping", "-c1", "-W1", "-Mdo", "-s1300", str(world.lab.hosts["outside"].ip)], check=False)
    assert "error" not in told.stdout
    host.run(["ping", "-c1", "-W2", "-s1200", str(world.lab.hosts["outside"].ip)])


def test_for_ipv6_a_firewall_lets_answers_in_only_and_masquerading_hides(world: World) -> None:
    router, host = behind(world, nat.firewall)
    outside6 = world.lab.hosts["outside"].udp(("::", 7010), ("::", 7011))
    to = [(str(world.lab.hosts["outside"].ip6), one.getsockname()[1]) for one in outside6]
    inside = host.udp(("::", 6001))[0]
    inside.sendto(b"hello", to[0])
    assert arrivals(outside6[:1], HEARD_S) == {outside6[0]: (str(host.ip6), 6001)}
    outside6[1].sendto(b"may I", (str(host.ip6), 6001))
    assert arrivals([inside], SILENT_S) == {}
    outside6[0].sendto(b"an answer", (str(host.ip6), 6001))
    assert arrivals([inside], HEARD_S)

    for recipe, is_same in ((nat.home6, True), (nat.symmetric6, False)):
        router.load(recipe)
        router.forget()
        seen = []
        for one, place in zip(outside6, to, strict=True):
            inside.sendto(b"hello", place)
            seen.append(arrivals([one], HEARD_S)[one])
        assert {address for address, _ in seen} == {str(router.ip6)}
        assert (seen[0] == seen[1]) is is_same
