"""Names and IPv4 addresses given twice, and the IPv6 address that nobody has to give."""

from ipaddress import IPv4Address, IPv6Network

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.model.addresses import member_ipv6
from warren.model.names import is_host_label
from warren.trust.view import View


def shown(network: Network, view: View, who: str) -> tuple[str, str]:
    member = view.members[network.identity(who)]
    return member.hostname, "" if member.ipv4 is None else str(member.ipv4)


def test_a_member_has_the_name_and_addresses_it_was_given(network: Network) -> None:
    view = network.verify([*network.base(), network.member("a", ipv4="100.96.0.2")])
    member = view.members[network.identity("a")]
    assert (member.hostname, member.ipv4) == ("a", IPv4Address("100.96.0.2"))
    prefix = IPv6Network("fd4a:1b2c:3d4e:5f60::/64")
    assert member.ipv6 == member_ipv6(network.id, network.identity("a"), prefix)
    assert member.ipv6 in prefix
    assert view.health == ()


def test_of_two_with_one_name_and_address_the_senior_keeps_both(network: Network) -> None:
    same = {"hostname": "db", "ipv4": "100.96.0.2"}
    documents = [network.member("young", joined=20, **same), network.member("old", by="root", joined=10, **same)]
    view = network.verify([*network.base(), *documents])
    suffix = network.identity("young").hex()[:4]
    assert shown(network, view, "old") == ("db", "100.96.0.2")
    assert shown(network, view, "young") == (f"db-{suffix}", "")
    assert [note.code for note in view.health] == ["hostname-taken", "ipv4-taken"]


def test_who_was_seen_first_keeps_name_and_address_whoever_is_senior(network: Network) -> None:
    same = {"hostname": "db", "ipv4": "100.96.0.2"}
    first = network.verify([*network.base(), network.member("young", joined=20, **same)])
    documents = [*first.documents, network.member("old", by="root", joined=10, **same)]
    second = network.verify(documents, first.floors)
    assert shown(network, second, "young") == ("db", "100.96.0.2")
    assert shown(network, second, "old")[1] == ""
    fresh = network.verify(documents)
    assert shown(network, fresh, "old") == ("db", "100.96.0.2")


def test_a_name_is_free_again_when_its_holder_is_removed(network: Network) -> None:
    same = {"hostname": "db", "ipv4": "100.96.0.2"}
    first = network.verify([*network.base(), network.member("a", **same)])
    gone = network.verify([*first.documents, network.removal("a")], first.floors)
    view = network.verify([*gone.documents, network.member("b", **same)], gone.floors)
    assert shown(network, view, "b") == ("db", "100.96.0.2")
    assert view.health == ()


def test_a_suffix_never_takes_a_name_that_somebody_was_given(network: Network) -> None:
    suffixed = f"db-{network.identity('young').hex()[:4]}"
    documents = [
        network.member("young", joined=20, hostname="db"),
        network.member("old", joined=10, hostname="db"),
        network.member("third", joined=30, hostname=suffixed),
    ]
    view = network.verify([*network.base(), *documents])
    assert shown(network, view, "third")[0] == suffixed
    assert shown(network, view, "young")[0] == f"db-{network.identity('young').hex()[:6]}"


def test_the_longest_name_still_gets_a_suffix_and_a_nameless_member_a_name(network: Network) -> None:
    long = "x" * 63
    documents = [network.member(who, hostname=long) for who in ("a", "b")]
    view = network.verify([*network.base(), *documents, network.member("c", hostname="")])
    names = {member.hostname for member in view.members.values()}
    assert len(names) == 3
    assert all(is_host_label(name) for name in names)
    assert shown(network, view, "c")[0] == f"node-{network.identity('c').hex()[:4]}"


@pytest.mark.parametrize("address", ["100.97.0.1", "100.96.0.0", "100.96.255.255", "127.0.0.1", "8.8.8.8"])
def test_an_address_outside_the_prefix_is_not_used(network: Network, address: str) -> None:
    view = network.verify([*network.base(), network.member("a", ipv4=address)])
    assert shown(network, view, "a") == ("a", "")
    assert [note.code for note in view.health] == ["ipv4-outside"]


def test_without_settings_nobody_has_an_address_and_what_was_held_is_not_forgotten(network: Network) -> None:
    first = network.verify([*network.base(), network.member("a")])
    bare = [network.genesis, network.delegation("registrar"), network.member("a")]
    view = network.verify(bare, first.floors, now=DATE)
    assert view.members == {}
    assert view.floors.claims == first.floors.claims
    assert [note.code for note in view.health] == ["no-settings"]
