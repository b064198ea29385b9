"""What a map becomes on the host, and which prefixes are refused on which machines."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest
from tests.unit.node.maps import network, peer

from warren.errors import Code
from warren.model.transport import Transport
from warren.node.host.facts import HostAddress, HostFacts, HostItem, HostLink, HostRoute
from warren.node.netmap import Peer
from warren.node.plan import BLACKHOLE_METRIC, NO_WORD_YET, FilterRule, Own, blackhole, plan
from warren.policy.verdict import Opening

NOTHING = HostFacts()
KERNEL, DHCP, STATIC = 2, 16, 3


def machine(*addresses: tuple[str, str], routes: tuple[HostRoute, ...] = ()) -> HostFacts:
    """A machine with these (link, address) pairs and the connected routes that follow from them."""
    links = dict.fromkeys(link for link, _ in addresses)
    interfaces = [(link, ip_interface(text)) for link, text in addresses]
    connected = tuple(
        HostRoute(interface.network, link=link, source=interface.ip, protocol=KERNEL) for link, interface in interfaces
    )
    return HostFacts(
        tuple(HostLink(name, index, 1500, up=True) for index, name in enumerate(links, 1)),
        tuple(HostAddress(link, interface) for link, interface in interfaces),
        connected + routes,
    )


def default_by(gateway: str, link: str) -> HostRoute:
    return HostRoute(ip_network("0.0.0.0/0"), link=link, gateway=ip_address(gateway), metric=100, protocol=DHCP)


LAPTOP = machine(
    ("lo", "127.0.0.1/8"), ("wlan0", "192.168.1.23/24"), ("docker0", "172.17.0.1/16"), ("br-5f1c", "172.18.0.1/16"),
    routes=(default_by("192.168.1.1", "wlan0"),),
)  # fmt: skip


def test_a_network_gets_single_addresses_a_route_a_prefix_and_a_blackhole_behind_it() -> None:
    wanted = plan([network()], Own(), LAPTOP)
    (tunnel,) = wanted.tunnels
    assert wanted.collisions == ()
    assert (tunnel.link, tunnel.mtu) == ("warren0", 1400)
    assert [str(address.interface) for address in tunnel.addresses] == ["100.96.0.2/32", "fd77:7272:656e::2/128"]
    assert [(str(r.prefix), r.link, str(r.source)) for r in tunnel.routes] == [
        ("100.96.0.0/16", "warren0", "100.96.0.2"),
        ("fd77:7272:656e::/64", "warren0", "fd77:7272:656e::2"),
    ]
    assert [(r.prefix, r.kind, r.metric) for r in tunnel.blackholes] == [
        (r.prefix, "blackhole", 4278198272) for r in tunnel.routes
    ]
    assert all(route.metric < BLACKHOLE_METRIC for route in tunnel.routes)


def test_a_peer_that_no_full_packet_reaches_gets_routes_of_its_own_with_a_smaller_mtu() -> None:
    there, other = peer("there", "100.96.0.3", "fd77:7272:656e::3"), peer("other", "100.96.0.4")
    (tunnel,) = plan(
        [replace(network(peers=(there, other)), narrow=frozenset({there.identity}))], Own(), LAPTOP
    ).tunnels
    narrow = [route for route in tunnel.routes if route.mtu]
    assert [route.prefix for route in narrow] == [ip_network(address) for address in there.addresses]
    assert {(route.mtu, route.link, route.metric) for route in narrow} == {(1200, "warren0", 1)}
    assert {route.source for route in narrow} == {route.source for route in tunnel.routes if not route.mtu}
    assert len(tunnel.routes) == 2 + len(narrow)
    assert [peer.path_mtu for peer in tunnel.peers] == [1200, None], "the data plane knows as well"


def test_the_gate_of_a_peer_is_what_the_map_allowed_and_says_why() -> None:
    (tunnel,) = plan([network(peers=[peer("db", "100.96.0.7"), peer("cam", allowed=False)])], Own(), LAPTOP).tunnels
    assert [(p.name, p.gate_open, p.gate_reason) for p in tunnel.peers] == [
        ("db", True, "members reach each other"),
        ("cam", False, "no rule says so"),
    ]


def test_nobody_is_let_in_before_the_server_said_that_it_is_still_so() -> None:
    before = replace(network(peers=[peer("db", "100.96.0.7")]), is_current=False)
    (tunnel,) = plan([before], Own(), LAPTOP).tunnels
    assert [(p.gate_open, p.gate_reason) for p in tunnel.peers] == [(False, NO_WORD_YET)]
    assert tunnel.routes == plan([replace(before, is_current=True)], Own(), LAPTOP).tunnels[0].routes


def test_a_peer_is_allowed_only_its_own_single_addresses_within_the_prefixes() -> None:
    greedy = peer("greedy", "100.96.0.9", "192.168.1.1", "fd77:7272:656e::9")
    (tunnel,) = plan([network(peers=[greedy])], Own(), LAPTOP).tunnels
    assert [str(prefix) for prefix in tunnel.peers[0].allowed] == ["100.96.0.9/32", "fd77:7272:656e::9/128"]


def test_no_peer_is_allowed_our_address_or_that_of_a_peer_before_it() -> None:
    peers = [peer("first", "100.96.0.7"), peer("second", "100.96.0.7", "100.96.0.2", "100.96.0.8")]
    (tunnel,) = plan([network(peers=peers)], Own(), LAPTOP).tunnels
    assert [[str(prefix) for prefix in p.allowed] for p in tunnel.peers] == [["100.96.0.7/32"], ["100.96.0.8/32"]]


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        pytest.param(machine(("docker0", "100.96.0.1/16")), "100.96.0.1/16 on docker0", id="docker on our prefix"),
        pytest.param(machine(("br-1", "100.96.40.1/24")), "100.96.40.1/24 on br-1", id="docker within our prefix"),
        pytest.param(machine(("wwan0", "100.96.7.3/32")), "100.96.7.3/32 on wwan0", id="carrier gave one of ours"),
        pytest.param(
            machine(("eth0", "100.64.9.2/10"), routes=(default_by("100.96.0.1", "eth0"),)),
            "0.0.0.0/0 goes by 100.96.0.1 on eth0",
            id="the way out is within our prefix",
        ),
        pytest.param(
            machine(("lo", "127.0.0.1/8"), routes=(HostRoute(ip_network("100.96.0.7/32"), link="wg0", table=52),)),
            "routes 100.96.0.7/32 to wg0",
            id="another mesh routes one of our addresses, in a table of its own",
        ),
        pytest.param(
            machine(("lo", "127.0.0.1/8"), routes=(HostRoute(ip_network("100.96.0.0/16"), "unreachable", protocol=4),)),
            "routes 100.96.0.0/16 nowhere (unreachable)",
            id="an admin forbade the prefix",
        ),
    ],
)
def test_a_prefix_that_is_something_else_here_is_refused_by_naming_both(facts: HostFacts, names: str) -> None:
    wanted = plan([network()], Own(), facts)
    assert wanted.tunnels == ()
    (collision,) = wanted.collisions
    error = collision.error()
    assert error.code is Code.ADDRESS_COLLISION
    assert "network default uses 100.96.0.0/16, but" in error.text
    assert names in error.text
    assert "--prefix" in error.fix


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(LAPTOP, id="home with docker"),
        pytest.param(machine(("wwan0", "100.72.5.9/10")), id="a carrier whose customers share its whole /10"),
        pytest.param(
            machine(("wwan0", "100.80.1.2/30"), routes=(default_by("100.80.1.1", "wwan0"),)), id="a carrier's /30"
        ),
        pytest.param(
            machine(("tun0", "10.8.0.6/24"), routes=(HostRoute(ip_network("0.0.0.0/1"), link="tun0", protocol=4),)),
            id="a VPN that takes everything by two halves",
        ),
        pytest.param(machine(("eth0", "10.0.0.4/8")), id="a large office"),
    ],
)
def test_machines_as_they_are_take_a_default_prefix(facts: HostFacts) -> None:
    wanted = plan([network()], Own(), facts)
    assert (len(wanted.tunnels), wanted.collisions) == (1, ())


def test_a_prefix_cut_out_of_the_lan_is_refused() -> None:
    wanted = plan([network(prefixes=["10.5.0.0/16"], own=["10.5.0.2"])], Own(), machine(("eth0", "10.0.0.4/8")))
    assert "this machine has 10.0.0.4/8 on eth0" in wanted.collisions[0].text


def test_of_two_networks_that_overlap_the_first_stays_and_the_second_names_it() -> None:
    wanted = plan(
        [network("home"), network("work"), network("club", prefixes=["100.97.0.0/16"], own=[])], Own(), LAPTOP
    )
    assert [tunnel.name for tunnel in wanted.tunnels] == ["home", "club"]
    assert [(c.name, "network home uses 100.96.0.0/16" in c.text) for c in wanted.collisions] == [("work", True)]


def test_what_is_ours_already_collides_with_nothing() -> None:
    first = plan([network()], Own(), LAPTOP)
    (tunnel,) = first.tunnels
    items: frozenset[HostItem] = frozenset((*tunnel.blackholes, *tunnel.addresses, *tunnel.routes))
    facts = HostFacts(
        (*LAPTOP.links, HostLink("warren0", 9, 1400, up=True)),
        (*LAPTOP.addresses, *tunnel.addresses),
        (*LAPTOP.routes, *tunnel.blackholes, *tunnel.routes),
    )
    assert plan([network()], Own({network().network: "warren0"}, items), facts) == first


def test_a_blackhole_that_a_killed_daemon_left_is_taken_over() -> None:
    left = blackhole(ip_network("100.96.0.0/16"))
    wanted = plan([network()], Own(), HostFacts(LAPTOP.links, LAPTOP.addresses, (*LAPTOP.routes, left)))
    assert wanted.collisions == ()


def test_a_network_that_is_up_stays_up_when_something_collides_later_and_says_so() -> None:
    up = Own({network().network: "warren0"})
    wanted = plan([network()], up, machine(("warren0", "100.96.0.2/32"), ("docker0", "100.96.0.1/24")))
    assert len(wanted.tunnels) == 1
    assert [collision.kept for collision in wanted.collisions] == [True]


def test_links_are_numbered_past_those_of_others_and_keep_their_names() -> None:
    maps = [network("a"), network("b", prefixes=["100.97.0.0/16"], own=[])]
    facts = machine(("warren0", "192.0.2.1/24"), ("warren7", "198.51.100.1/24"))
    wanted = plan(maps, Own({maps[1].network: "warren7"}), facts)
    assert [tunnel.link for tunnel in wanted.tunnels] == ["warren1", "warren7"]


def test_the_lines_of_a_plan_stand_in_the_order_in_which_it_is_applied() -> None:
    lines = plan([network(peers=[peer("db", "100.96.0.7")])], Own(), LAPTOP).lines()
    assert lines == [
        "100.96.0.0/16 leads nowhere while its tunnel is away",
        "fd77:7272:656e::/64 leads nowhere while its tunnel is away",
        "warren0 for network default, MTU 1400",
        "100.96.0.2 on warren0",
        "fd77:7272:656e::2 on warren0",
        "100.96.0.0/16 by warren0 from 100.96.0.2",
        "fd77:7272:656e::/64 by warren0 from fd77:7272:656e::2",
        "packet filter: rules for what peers open 1, for what this machine opens 1",
        "db (100.96.0.7): gate open, members reach each other",
    ]


# --- the packet filter ---


def ruled(name: str, address: str, inward: tuple[Opening, ...], outward: tuple[Opening, ...] = ()) -> Peer:
    return replace(peer(name, address), inward=inward, outward=outward)


def test_peers_with_the_same_rule_share_it_and_each_direction_has_its_own() -> None:
    ssh, everything = Opening(4, (6,), ((22, 22),)), Opening(9)
    peers = [
        ruled("a", "100.96.0.7", (ssh,), (everything,)),
        ruled("b", "100.96.0.8", (ssh,)),
        ruled("c", "100.96.0.9", ()),
    ]
    wanted = plan([network(peers=peers)], Own(), LAPTOP).tunnels[0].filter
    assert wanted.own == (ip_network("100.96.0.2"), ip_network("fd77:7272:656e::2"))
    assert wanted.rules == (
        FilterRule(
            4,
            inward=True,
            protocols=(6,),
            ports=((22, 22),),
            remotes=(ip_network("100.96.0.7"), ip_network("100.96.0.8")),
        ),
        FilterRule(9, inward=False, protocols=(), ports=(), remotes=(ip_network("100.96.0.7"),)),
    )


def test_an_address_that_another_peer_has_gets_no_rule_by_the_second_one() -> None:
    everything = (Opening(1),)
    peers = [ruled("a", "100.96.0.7", ()), ruled("b", "100.96.0.7", everything, everything)]
    assert plan([network(peers=peers)], Own(), LAPTOP).tunnels[0].filter.rules == ()


def test_peers_get_the_ciphers_that_both_ends_want() -> None:
    peers = [peer("old", "100.96.0.7"), replace(peer("new", "100.96.0.8"), offers_aes=True)]
    for own, wanted in (
        (Transport.CHOOSES_AES, [Transport.TAKES_AES, Transport.CHOOSES_AES]),
        (Transport.TAKES_AES, [Transport.TAKES_AES, Transport.TAKES_AES]),
        (Transport.WIREGUARD, [Transport.WIREGUARD, Transport.WIREGUARD]),
    ):
        shown = replace(network(peers=peers), transport=own)
        assert [one.transport for one in plan([shown], Own(), LAPTOP).tunnels[0].peers] == wanted
