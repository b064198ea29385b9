"""Names, addresses and prefixes."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network

import pytest

from warren.errors import Code, WarrenError
from warren.model import prefixes as networks
from warren.model.ids import Identity
from warren.server.devices import rules as devices

SMALL = IPv4Network("10.0.0.0/28")


@dataclass(frozen=True, slots=True)
class Named:
    hostname: str | None
    identity: Identity


def test_addresses_begin_at_two_and_end_before_the_broadcast_address() -> None:
    taken: list[int] = []
    for _ in range(13):
        taken.append(devices.next_offset(SMALL, (taken or [0])[-1] + 1, sorted(taken)))
    assert taken == list(range(2, 15))
    assert devices.address_at(SMALL, taken[-1]) == IPv4Address("10.0.0.14")
    with pytest.raises(WarrenError) as refused:
        devices.next_offset(SMALL, 15, taken)
    assert refused.value.code is Code.ADDRESSES_EXHAUSTED


def test_a_freed_address_is_not_given_again_at_once() -> None:
    assert devices.next_offset(SMALL, 6, [2, 3, 5]) == 6


def test_the_allocator_goes_round_to_the_gap() -> None:
    assert devices.next_offset(SMALL, 14, [2, 3, 5, *range(6, 15)]) == 4


def test_a_hostname_is_lowered_or_made_up() -> None:
    identity = Identity(bytes(range(32)))
    assert devices.wanted_hostname("Web-1", identity) == "web-1"
    assert devices.wanted_hostname("", identity) == "node-0001020304"
    with pytest.raises(WarrenError) as refused:
        devices.wanted_hostname("a.b", identity)
    assert refused.value.code is Code.INVALID_HOSTNAME


def test_tags_are_the_keys_whoever_asks_for_fewer() -> None:
    assert devices.granted_tags([], ["web", "db"]) == ("db", "web")
    with pytest.raises(WarrenError) as refused:
        devices.granted_tags(["root"], ["web"])
    assert refused.value.code is Code.FORBIDDEN


def test_a_member_is_found_by_name_or_enough_of_its_identity() -> None:
    members = [
        Named("a", Identity(b"\xaa" * 32)),
        Named("b", Identity(b"\xaa" * 31 + b"\xab")),
        Named(None, Identity(b"\xbb" * 32)),
    ]
    assert devices.pick_member(members, "A").hostname == "a"
    assert devices.pick_member(members, "bb" * 5) is members[2]
    with pytest.raises(WarrenError) as several:
        devices.pick_member(members, "aa" * 20)
    assert several.value.code is Code.CONFLICT
    with pytest.raises(WarrenError) as none:
        devices.pick_member(members, "bbbb")
    assert none.value.code is Code.NOT_FOUND


def test_a_drawn_prefix_is_a_16_of_the_shared_space_but_two_of_them() -> None:
    drawn = {networks.draw_ipv4(number, []) for number in range(1000)}
    assert len(drawn) == 62
    assert all(prefix.subnet_of(IPv4Network("100.64.0.0/10")) and prefix.prefixlen == 16 for prefix in drawn)
    assert not drawn & {IPv4Network("100.64.0.0/16"), IPv4Network("100.100.0.0/16")}


def test_a_drawn_prefix_avoids_those_in_use_while_there_are_others() -> None:
    in_use: list[IPv4Network] = []
    for _ in range(62):
        in_use.append(networks.draw_ipv4(5, in_use))
    assert len(set(in_use)) == 62
    assert networks.draw_ipv4(5, in_use) in in_use


def test_an_ipv6_prefix_is_a_64_of_unique_local_addresses() -> None:
    assert networks.make_ipv6(bytes([1, 2, 3, 4, 5])) == IPv6Network("fd01:203:405::/64")


@pytest.mark.parametrize(
    "text", ["10.0.0.0/29", "10.0.0.1/16", "0.0.0.0/8", "127.0.0.0/16", "224.0.0.0/8", "fd00::/64", "x"]
)
def test_a_prefix_that_machines_cannot_have_is_refused(text: str) -> None:
    with pytest.raises(WarrenError) as refused:
        networks.parse_prefix(text)
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("text", ["8.8.8.0/24", "172.0.0.0/8", "100.0.0.0/9", "192.168.0.0/15", "11.0.0.0/8"])
def test_a_prefix_with_addresses_of_others_is_refused_with_what_to_use(text: str) -> None:
    with pytest.raises(WarrenError, match="not all private") as refused:
        networks.parse_prefix(text)
    assert "100.64.0.0/10, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16" in refused.value.fix


@pytest.mark.parametrize("text", ["10.0.0.0/8", "172.31.0.0/16", "192.168.7.0/28", "100.64.0.0/10", "100.100.0.0/16"])
def test_a_prefix_that_is_everybodys_is_taken(text: str) -> None:
    assert str(networks.parse_prefix(text)) == text
