"""A mapping's life at gateways of every kind: found, asked for, renewed, healed, given back; never another's."""

import struct
from ipaddress import IPv4Address

import pytest
from tests.unit.node.paths.portmap.home_gateway import (
    ALL,
    INSIDE,
    INSIDE6,
    OUTSIDE,
    PORT,
    ROUTER6,
    HomeGateway,
    Rig,
)

from warren.limits import PORTMAP_CHECK_S, PORTMAP_LIFETIME_MAX_S, PORTMAP_RETRY_S
from warren.model.addresses import Endpoint
from warren.node.paths.portmap.client import Gateway, Method
from warren.node.paths.portmap.mapper import Mapped, Phase, Renewed, Unmapped

ONE_BY_ONE = [frozenset({method}) for method in Method]


def held(home: HomeGateway) -> int:
    return len(home.pcp) + len(home.natpmp) + len(home.entries) + len(home.pinholes)


@pytest.mark.parametrize("speaks", ONE_BY_ONE, ids=lambda speaks: next(iter(speaks)).value)
def test_each_protocol_gives_a_mapping_and_takes_it_back(speaks: frozenset[Method]) -> None:
    home = HomeGateway(speaks)
    rig = Rig(home).start()
    rig.run(4.0)
    (event,) = rig.events
    assert isinstance(event, Mapped)
    assert event.mapping.external == Endpoint(OUTSIDE, PORT)
    assert {event.mapping.method} == speaks
    assert held(home) == 1
    rig.mapper.release(rig.now)
    rig.settle()
    assert rig.mapper.is_done
    assert held(home) == 0


def test_where_all_are_spoken_the_best_is_used_and_all_are_known() -> None:
    home = HomeGateway()
    rig = Rig(home).start()
    assert rig.mapper.mapping is not None
    assert rig.mapper.mapping.method is Method.PCP
    assert rig.mapper.found == dict.fromkeys(Method, "present")
    assert held(home) == 1, "no other protocol was asked for a mapping too"


@pytest.mark.parametrize("speaks", ONE_BY_ONE, ids=lambda speaks: next(iter(speaks)).value)
def test_a_day_long_it_is_renewed_at_half_its_life(speaks: frozenset[Method]) -> None:
    rig = Rig(HomeGateway(speaks, lifetime_s=600)).start()
    rig.run(4.0)
    began = len(rig.home.asked)
    rig.run(86_400.0)
    assert [event for event in rig.events if isinstance(event, Unmapped)] == []
    assert rig.mapper.mapping is not None
    assert rig.mapper.mapping.expires_at > rig.now
    assert len(rig.home.asked) - began < 86_400 / PORTMAP_CHECK_S * 4, "no gateway is flooded"


@pytest.mark.parametrize("speaks", ONE_BY_ONE, ids=lambda speaks: next(iter(speaks)).value)
def test_a_gateway_that_restarted_is_asked_again_at_the_next_check(speaks: frozenset[Method]) -> None:
    rig = Rig(HomeGateway(speaks)).start()
    rig.run(4.0)
    rig.home.restart(rig.now)
    rig.run(PORTMAP_CHECK_S + 1.0)
    assert held(rig.home) == 1
    assert rig.mapper.phase is Phase.MAPPED


def test_an_announcement_of_a_restart_heals_at_once() -> None:
    rig = Rig(HomeGateway(frozenset({Method.PCP}))).start()
    rig.run(4.0)
    rig.home.restart(rig.now)
    rig.mapper.handle_announcement(struct.pack(">BBBBII12x", 2, 128, 0, 0, 0, 0), rig.now)
    rig.settle()
    assert held(rig.home) == 1


def test_a_restart_during_which_nobody_answers_heals_soon_after() -> None:
    rig = Rig(HomeGateway(frozenset({Method.PCP}))).start()
    rig.run(4.0)
    rig.home.restart(rig.now)
    rig.mapper.handle_announcement(struct.pack(">BBBBII12x", 2, 128, 0, 0, 0, 0), rig.now)
    rig.home.is_on = False
    rig.run(15.0)
    rig.home.is_on = True
    rig.run(11.0)
    assert held(rig.home) == 1


def test_a_gateway_that_has_another_address_gives_another_mapping() -> None:
    rig = Rig(HomeGateway(frozenset({Method.NAT_PMP}))).start()
    rig.run(1.0)
    rig.home.external = IPv4Address("198.51.100.77")
    rig.run(PORTMAP_CHECK_S + 1.0)
    last = rig.events[-1]
    assert isinstance(last, Mapped)
    assert last.mapping.external == Endpoint(IPv4Address("198.51.100.77"), PORT)


def test_a_gateway_that_went_away_loses_the_mapping_when_its_life_ends_and_is_looked_for_again() -> None:
    rig = Rig(HomeGateway(lifetime_s=600)).start()
    rig.home.is_on = False
    rig.run(601.0)
    rig.home.is_on = True
    rig.home.restart(rig.now)
    rig.run(sum(PORTMAP_RETRY_S))
    assert [type(event) for event in rig.events if not isinstance(event, Renewed)] == [Mapped, Unmapped, Mapped]


def test_a_gateway_without_any_protocol_is_asked_ever_more_rarely() -> None:
    rig = Rig(HomeGateway(frozenset())).start()
    rig.run(4.0)
    assert rig.mapper.phase is Phase.RESTING
    assert set(rig.mapper.found) == ALL
    assert sum(word == "search" for word in rig.home.asked) <= 4
    rig.run(86_400.0)
    assert sum(word == "search" for word in rig.home.asked) <= 4 * (86_400 / PORTMAP_RETRY_S[-1] + 5)


def test_an_endless_lifetime_is_believed_for_two_hours_and_a_moment_is_none() -> None:
    rig = Rig(HomeGateway(frozenset({Method.PCP}), lifetime_s=2**32 - 1)).start()
    assert rig.mapper.mapping is not None
    assert rig.mapper.mapping.expires_at <= rig.now + PORTMAP_LIFETIME_MAX_S
    short = Rig(HomeGateway(frozenset({Method.PCP}), lifetime_s=3)).start()
    short.run(4.0)
    assert short.mapper.mapping is None
    assert "lifetime" in short.mapper.found[Method.PCP]


@pytest.mark.parametrize(
    "victim", ["127.0.0.1", "224.0.0.5", "255.255.255.255", "0.0.0.1", "169.254.169.254", "240.0.0.1"]
)
@pytest.mark.parametrize("speaks", ONE_BY_ONE, ids=lambda speaks: next(iter(speaks)).value)
def test_an_address_that_no_machine_outside_has_is_not_believed(speaks: frozenset[Method], victim: str) -> None:
    home = HomeGateway(speaks, external=IPv4Address(victim))
    rig = Rig(home).start()
    rig.run(10.0)
    assert rig.events == []
    assert held(home) == 0, "it is given back"


def test_a_service_of_a_victim_is_not_pointed_at() -> None:
    rig = Rig(HomeGateway(frozenset({Method.PCP, Method.NAT_PMP}), external_port=53)).start()
    rig.run(10.0)
    assert rig.events == []


def test_a_claim_has_to_agree_with_what_servers_see_also_when_they_tell_later() -> None:
    rig = Rig(HomeGateway()).start()
    rig.mapper.set_seen(frozenset({OUTSIDE}), rig.now)
    assert rig.mapper.mapping is not None
    rig.mapper.set_seen(frozenset({IPv4Address("203.0.113.5")}), rig.now)
    rig.settle()
    rig.run(10.0)
    assert [type(event) for event in rig.events] == [Mapped, Unmapped]
    assert held(rig.home) == 0


def test_a_private_outer_address_is_kept_for_neighbours_behind_the_same_outer_router() -> None:
    rig = Rig(HomeGateway(external=IPv4Address("100.64.0.9")))
    rig.mapper.set_seen(frozenset({OUTSIDE}), rig.now)
    rig.start()
    assert rig.mapper.mapping is not None


def test_upnp_takes_over_or_deletes_nobodys_entry() -> None:
    home = HomeGateway(frozenset({Method.UPNP}))
    other = home.entries[PORT] = ("192.168.1.99", "1234", "a game")
    own_host = home.entries[PORT + 1] = (str(INSIDE), "999", "another program here")
    rig = Rig(home).start()
    rig.run(4.0)
    assert home.entries[PORT] == other
    assert len(home.entries) == 3
    rig.mapper.release(rig.now)
    rig.settle()
    assert home.entries == {PORT: other, PORT + 1: own_host}


def test_upnp_without_leases_is_asked_for_a_lasting_entry_which_is_deleted_at_the_end() -> None:
    home = HomeGateway(frozenset({Method.UPNP}), permanent_only=True)
    rig = Rig(home).start()
    rig.run(4.0)
    assert len(home.entries) == 1
    rig.mapper.release(rig.now)
    rig.settle()
    assert home.entries == {}


def test_the_gateway_alone_is_asked_whatever_its_answer_says() -> None:
    home = HomeGateway(frozenset({Method.UPNP}), location="http://203.0.113.80:80/x")
    rig = Rig(home).start()
    rig.run(4.0)
    assert home.asked.count("search") == len(home.asked), "no description was fetched"


@pytest.mark.parametrize("method", [Method.PCP, Method.UPNP])
def test_ipv6_gets_a_pinhole_for_its_own_address(method: Method) -> None:
    home = HomeGateway(frozenset({method}), external=INSIDE6, location="http://[2001:db8::1]:5000/root.xml")
    rig = Rig(home, gateway=Gateway(ROUTER6, INSIDE6, 3)).start()
    rig.run(4.0)
    assert rig.mapper.mapping is not None
    assert rig.mapper.mapping.external == Endpoint(INSIDE6, PORT)
    home.restart(rig.now)
    rig.run(PORTMAP_CHECK_S + 1.0)
    assert held(home) == 1
    rig.mapper.release(rig.now)
    rig.settle()
    assert held(home) == 0


def test_a_run_after_a_crash_renews_what_was_left_and_gives_back_the_port_before() -> None:
    home = HomeGateway()
    Rig(home, port=40_000).start()
    assert held(home) == 1
    after = Rig(home, port=40_000).start()
    assert held(home) == 1, "the same nonce and port are the same mapping"
    old = Rig(home, port=40_000, at=after.now)
    old.mapper.release_leftover(Method.PCP, Endpoint(OUTSIDE, 40_000), old.now)
    old.settle()
    assert old.mapper.is_done
    assert held(home) == 0


def test_an_end_that_comes_before_any_answer_gives_back_what_a_crashed_run_left() -> None:
    home = HomeGateway()
    Rig(home).start()
    after = Rig(home)
    after.mapper.start(Endpoint(OUTSIDE, PORT), after.now, Method.PCP)
    after.mapper.release(after.now)
    after.settle()
    assert after.mapper.is_done
    assert held(home) == 0


def test_what_another_run_left_by_upnp_is_deleted_only_with_our_tag() -> None:
    home = HomeGateway(frozenset({Method.UPNP}))
    home.entries[40_000] = (str(INSIDE), "40000", f"warren {(b'n' * 4).hex()}")
    home.entries[40_001] = (str(INSIDE), "40001", "warren 00000000")
    for port in (40_000, 40_001):
        old = Rig(home, port=port)
        old.mapper.release_leftover(Method.UPNP, Endpoint(OUTSIDE, port), old.now)
        old.settle()
        old.run(2.0)
        assert old.mapper.is_done
    assert list(home.entries) == [40_001]


def test_down_waits_no_longer_than_a_second_for_a_gateway_that_is_gone() -> None:
    rig = Rig(HomeGateway()).start()
    rig.home.is_on = False
    rig.mapper.release(rig.now)
    rig.run(1.0)
    assert rig.mapper.is_done
